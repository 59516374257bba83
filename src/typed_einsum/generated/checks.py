"""Generated checks: straight-line source that only knows the success path.

Whatever it meets that it does not expect, it hands to `surprised` with the same arguments; the solver then
finds out what is wrong, or that nothing is. Text from annotations never enters the source: axis names,
types and dtypes come in through the namespace, and local variables are numbered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from typed_einsum.equation.axes import Anonymous, Axis, Expression, Fixed, Named, Variadic, is_variadic, key
from typed_einsum.equation.expressions import Arithmetic, Number, Size, Tree, read_expression


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
    objects that the source mentions. `hidden` are the parameters that share their name with a builtin:
    the source then mentions that builtin under another name.
    """

    prefix: str
    namespace: dict[str, Any]
    known: dict[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    _fresh: count[int] = field(default_factory=count)

    def constant(self, stem: str, value: Any) -> str:
        """Bring an object into the source under a name of its own."""
        name = f"{self.prefix}{stem}{next(self._fresh)}"
        self.namespace[name] = value
        return name

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
        """The statement that unpacks one shape, and the conditions under which it is a surprise.

        Raises `NotStraight` for what cannot be compared in place.
        """
        if variable in ("type", "ValueError") and variable not in self.hidden:
            raise NotStraight(variable)
        targets: list[str] = []
        conditions: list[str] = []
        for axis in axes:
            size = self.local()
            targets.append(f"*{size}" if is_variadic(axis) else size)
            conditions += self._conditions(size, axis)
        unpacked = f"({', '.join(targets)}{',' if len(targets) == 1 else ''})"
        return f"{unpacked} = {variable}.shape", conditions

    def _conditions(self, size: str, axis: Axis) -> list[str]:
        match axis:
            case Anonymous():
                return []
            case Fixed(expected, _, broadcast):
                return [f"1 != {size} != {expected}" if broadcast else f"{size} != {expected}"]
            case Named(name, broadcast):
                if name not in self.known:
                    self.known[name] = size
                    return [f"{size} == 1"] if broadcast else []
                return [
                    f"1 != {size} != {self.known[name]}" if broadcast else f"{size} != {self.known[name]}"
                ]
            case Variadic(label, broadcast):
                if broadcast:
                    raise NotStraight(label)
                spread = key(axis) or label
                if spread not in self.known:
                    self.known[spread] = size
                    return []
                return [f"{size} != {self.known[spread]}"]
            case Expression(text, broadcast):
                divisors: list[str] = []
                computed = self._arithmetic(read_expression(text), divisors)
                zeros = [f"{divisor} == 0" for divisor in divisors]
                return [*zeros, f"1 != {size} != {computed}" if broadcast else f"{size} != {computed}"]

    def _arithmetic(self, tree: Tree, divisors: list[str]) -> str:
        """The tree as source. What it divides by goes into `divisors`, innermost first."""
        match tree:
            case Number(value):
                return repr(value)
            case Size(name) if name in self.known:
                return self.known[name]
            case Arithmetic(sign, left, right):
                dividend, divisor = self._arithmetic(left, divisors), self._arithmetic(right, divisors)
                if sign in ("//", "%") and not (isinstance(right, Number) and right.value):
                    divisors.append(divisor)
                return f"({dividend} {sign} {divisor})"
            case _:
                raise NotStraight(str(tree))
