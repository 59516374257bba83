"""Generated checks: source that accepts right arguments, one comparison after another.

Arguments that it does not accept go to the solver, which decides whether they are wrong and raises the error.
Text from annotations never enters the source: axis names, types and dtypes come in through the namespace,
and local variables are numbered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from typed_einsum.equation.axes import Anonymous, Axis, Expression, Fixed, Named, Variadic, is_variadic, key
from typed_einsum.equation.expressions import (
    Arithmetic,
    Extreme,
    Field,
    Number,
    Size,
    Tree,
    names_in,
    product_of,
    read_expression,
    solve,
)
from typed_einsum.generated.names import field_of, join


class NotStraight(Exception):
    """The axes need more than straight-line comparisons; the solver checks them on every call."""


def prefix_for(parameters: Sequence[str]) -> str:
    """A start of names that no parameter shares, so that generated names never clash with the user's."""
    prefix = "_"
    while any(parameter.startswith(prefix) for parameter in parameters):
        prefix += "_"
    return prefix


@dataclass
class ShapeChecks:
    """Collects, tensor by tensor, how to unpack each shape and what must then hold.

    `known` maps each bound axis name to the local variable that holds its size. `namespace` receives the
    objects that the source mentions. `hidden` are the parameters that share their name with a builtin: the
    source then mentions that builtin under another name. `arguments` are the variables in which fields such
    as `{self.nh}` find their argument. `open` are sizes whose expressions are still to be compared.
    """

    prefix: str
    namespace: dict[str, Any]
    known: dict[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    arguments: Mapping[str, str] = field(default_factory=dict)
    open: list[tuple[str, Expression]] = field(default_factory=list)
    _fresh: count[int] = field(default_factory=count)
    _constants: dict[tuple[str, Any], str] = field(default_factory=dict)

    def constant(self, stem: str, value: Any) -> str:
        """The name of an object in the source; each object has one name."""
        known = (stem, value if isinstance(value, str) else id(value))
        if known not in self._constants:
            self._constants[known] = f"{self.prefix}{stem}{next(self._fresh)}"
            self.namespace[self._constants[known]] = value
        return self._constants[known]

    def builtin(self, value: Callable[..., Any]) -> str:
        """The name of a builtin in the source."""
        name = value.__name__
        if name not in self.hidden:
            return name
        self.namespace[f"{self.prefix}{name}"] = value
        return f"{self.prefix}{name}"

    def local(self) -> str:
        """A new local variable."""
        return f"{self.prefix}{next(self._fresh)}"

    def tensor(self, variable: str, axes: Sequence[Axis]) -> tuple[str, list[str]]:
        """The statement that unpacks one shape, and the conditions under which the solver must look.

        New names are known from here on; expressions become `open`. Raises `NotStraight` for what cannot be
        compared in place.
        """
        if variable in ("type", "ValueError") and variable not in self.hidden:
            raise NotStraight(variable)
        sizes = [self.local() for _ in axes]
        conditions = [
            condition
            for size, axis in zip(sizes, axes, strict=True)
            for condition in self._conditions(size, axis)
        ]
        return _unpacking(sizes, axes, variable), conditions

    def joined(
        self, variable: str, axes: Sequence[Axis], names: str, *, solves: bool
    ) -> tuple[str, list[str]]:
        """As `tensor`, where names that are not `known` are looked up in the dict in variable `names`.

        New names enter that dict. With `solves`, an expression may need names that come after it, and a
        product gives its one unknown name a size.
        """
        sizes, own = [self.local() for _ in axes], dict(self.known)
        pairs = list(zip(sizes, axes, strict=True))
        if solves:
            pairs.sort(key=lambda pair: isinstance(pair[1], Expression))
        conditions: list[str] = []
        for size, axis in pairs:
            if isinstance(axis, Expression):
                conditions.append(self.computed(size, axis, names, own, solves=solves))
            else:
                conditions += self._joined(size, axis, names, own)
        return _unpacking(sizes, axes, variable), conditions

    def _conditions(self, size: str, axis: Axis) -> list[str]:
        match axis:
            case Anonymous():
                return []
            case Fixed(expected, _, broadcast):
                return [_differs(size, str(expected), broadcast)]
            case Named(name, broadcast):
                if name in self.known:
                    return [_differs(size, self.known[name], broadcast)]
                self.known[name] = size
                return [f"{size} == 1"] if broadcast else []
            case Variadic(label, broadcast):
                if broadcast:
                    raise NotStraight(label)
                spread = key(axis) or label
                if spread in self.known:
                    return [f"{size} != {self.known[spread]}"]
                self.known[spread] = size
                return []
            case Expression():
                self.open.append((size, axis))
                return []

    def _joined(self, size: str, axis: Axis, names: str, own: dict[str, str]) -> list[str]:
        match axis:
            case Anonymous() | Expression():
                return []
            case Named(name, broadcast) if name not in own:
                differs = f"{names}.setdefault({self.constant('key', name)}, {size}) != {size}"
                if broadcast:  # of size 1 it binds nothing
                    return [f"({size} != 1 and {differs})"]
                own[name] = size
                return [differs]
            case Variadic(name, broadcast) if broadcast or f"*{name}" not in own:
                call = f"{self.constant('join', join)}({names}, {self.constant('name', name)}, {size}"
                if broadcast:
                    return [f"not {call}, True)"]
                plain, grows = (self.constant("key", each) for each in (f"*{name}", f"*#{name}"))
                other = f"{grows} in {names} or {names}.setdefault({plain}, {size}) != {size}"
                return [f"(({other}) and not {call}, False))"]
            case Fixed(expected, _, broadcast):
                return [_differs(size, str(expected), broadcast)]
            case Named(name, broadcast):
                return [_differs(size, own[name], broadcast)]
            case Variadic(name):
                return [f"{size} != {own[f'*{name}']}"]

    def computed(
        self, size: str, axis: Expression, names: str, own: Mapping[str, str], *, solves: bool
    ) -> str:
        """The condition under which a size is not what its expression makes of `own` and of `names`."""
        tree = read_expression(axis.text)
        own, unknown = self.looked_up(tree, names, own)
        wrong = " or ".join([*unknown, *self.wrong(size, tree, own)])
        product = product_of(tree)
        if unknown and solves and product is not None:
            wrong = f"({wrong}) and {self.solving(size, names, product)} is None"
        return f"({size} != 1 and ({wrong}))" if axis.broadcast else f"({wrong})"

    def looked_up(self, tree: Tree, names: str, own: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
        """Variables for all names of an expression, and conditions, in order, under which one is unknown."""
        found, unknown = dict(own), []
        for name in names_in(tree):
            if name not in found:
                found[name] = self.local()
                unknown.append(f"({found[name]} := {names}.get({self.constant('key', name)})) is None")
        return found, unknown

    def solving(self, size: str, names: str, product: tuple[int, tuple[str, ...]]) -> str:
        """The expression that gives the one unknown name of a product its size, or is None."""
        return f"{self.constant('solve', solve)}({names}, {size}, *{self.constant('product', product)})"

    def compared(self, size: str, axis: Expression) -> list[str]:
        """The conditions under which a size is not what its expression makes of the `known` names."""
        wrong = self.wrong(size, read_expression(axis.text), self.known)
        return [f"({size} != 1 and ({' or '.join(wrong)}))"] if axis.broadcast else wrong

    def wrong(self, size: str, tree: Tree, own: Mapping[str, str]) -> list[str]:
        """The conditions, in order, under which a size is not what a tree makes of the variables in `own`."""
        before: list[str] = []
        computed = self._arithmetic(tree, own, before)
        return [*before, f"{size} != {computed}"]

    def _arithmetic(self, tree: Tree, own: Mapping[str, str], before: list[str]) -> str:
        """The tree as source. What must be false for it to have a value goes into `before`, in order."""
        match tree:
            case Number(value):
                return repr(value)
            case Size(name) if name in own:
                return own[name]
            case Field(argument, path) if argument in self.arguments:
                variable, read = self.local(), self.arguments[argument]
                if path:
                    read = f"{self.constant('field_of', field_of)}({read}, {self.constant('path', path)})"
                before.append(f"{self.builtin(type)}({variable} := {read}) is not {self.builtin(int)}")
                return variable
            case Arithmetic(sign, left, right):
                operands = [self._arithmetic(operand, own, before) for operand in (left, right)]
                if sign in ("//", "%") and not (isinstance(right, Number) and right.value):
                    before.append(f"{operands[1]} == 0")
                return f"({operands[0]} {sign} {operands[1]})"
            case Extreme(function, parts):
                listed = ", ".join(self._arithmetic(part, own, before) for part in parts)
                return f"{self.builtin(min if function == 'min' else max)}({listed})"
            case _:
                raise NotStraight(str(tree))


def _unpacking(sizes: Sequence[str], axes: Sequence[Axis], variable: str) -> str:
    targets = [f"*{size}" if is_variadic(axis) else size for size, axis in zip(sizes, axes, strict=True)]
    return f"({', '.join(targets)}{',' if len(targets) == 1 else ''}) = {variable}.shape"


def _differs(size: str, expected: str, broadcast: bool) -> str:
    return f"1 != {size} != {expected}" if broadcast else f"{size} != {expected}"
