"""The generated wrapper of a checked function: check arguments, share names, call, check the result."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import Any

from typed_einsum.annotations import (
    AnyHint,
    BeartypeHint,
    Hint,
    JudgedHint,
    PlainHint,
    TensorHint,
    TupleHint,
    tensors_in,
)
from typed_einsum.annotations.judging import called_with_names
from typed_einsum.annotations.records import has_union
from typed_einsum.checked.attributes import attribute_lines
from typed_einsum.checked.judged import JudgedLines
from typed_einsum.checked.owner import axis_sizes_of
from typed_einsum.checked.signature import STARS, CheckedSignature
from typed_einsum.checked.solved import Solved
from typed_einsum.checked.values import ValueLines
from typed_einsum.decorate.functions import MISSING, parameter_list, passed_on
from typed_einsum.equation.axes import Expression, Named, Variadic, key
from typed_einsum.equation.expressions import names_in, product_of, read_expression
from typed_einsum.generated.checks import NotStraight, ShapeChecks, prefix_for
from typed_einsum.generated.compile import build, definable
from typed_einsum.generated.guards import attempt, indent, unless
from typed_einsum.scopes.scope import running_async, scope_source, scopes
from typed_einsum.solver.labels import RETURN
from typed_einsum.switch import switch


def wrapper_of(checked: CheckedSignature, solver: Solved) -> tuple[Callable[..., Any], str]:
    """The wrapper of a checked function, with its source."""
    try:
        return _Wrapper(checked, solver).build()
    except NotStraight:
        return _Wrapper(checked, solver).build_solved()


class _Wrapper:
    """Writes one wrapper. `leave` is the statement by which it goes to the solver.

    Plain tensors that a call must pass come first, compared in place. All else follows, name by name.
    """

    def __init__(self, checked: CheckedSignature, solver: Solved) -> None:
        self.checked = checked
        self.solver = solver
        self.parameters = list(checked.signature.parameters.values())
        names = [p.name for p in self.parameters]
        self.checks = ShapeChecks(prefix_for(names), {}, hidden=frozenset(names))
        self.values = {
            p.name: self.checks.local() if p.default is not Parameter.empty else p.name
            for p in self.parameters
        }
        self.checks.arguments = self.values
        self.names = self.checks.local()
        self.sizes = self.checks.local() if checked.owner is not None else None
        self.waits: list[tuple[str, str, Expression]] = []
        self.sources: list[str] = []
        self.is_async = inspect.iscoroutinefunction(checked.function)
        self.missing = self.checks.constant("missing", MISSING)
        self.judged = JudgedLines(self.checks, self.parameters, self.values, self.missing)
        call = solver.call_async if self.is_async else solver.call
        given = "".join(f"{name}, " for name in names)
        solved = f"{self.checks.constant('solver', call)}(({given}))"
        self.leave = f"return {'await ' if self.is_async else ''}{solved}"

    def build(self) -> tuple[Callable[..., Any], str]:
        """The wrapper with checks of its own. Raises `NotStraight`."""
        return self._build([*self._arguments(), *self._call(), *self._result()])

    def build_solved(self) -> tuple[Callable[..., Any], str]:
        """The wrapper that leaves every call to the solver."""
        return self._build([self.leave])

    def _build(self, body: list[str]) -> tuple[Callable[..., Any], str]:
        name = definable(self.checked.function.__name__, "checked")
        listed = ", ".join(
            parameter_list(self.parameters, lambda p: None if p.default is Parameter.empty else self.missing)
        )
        head = f"{'async ' if self.is_async else ''}def {name}({listed}):"
        function, source = build(name, [head, *indent(body)], self.checks.namespace)
        return function, "\n\n".join([*self.sources, source])

    def _arguments(self) -> list[str]:
        guards, unpackings, comparisons = [], [], []
        rest: list[tuple[Parameter, Hint]] = []
        for p in self.parameters:
            hint = self.checked.hints.get(p.name, AnyHint())
            if p.default is Parameter.empty and p.kind not in STARS and self._is_plain(hint):
                parts = self._plain(p.name, hint)
                guards += parts[0]
                unpackings += parts[1]
                comparisons += parts[2]
            elif not isinstance(hint, AnyHint | JudgedHint):
                rest.append((p, hint))
        comparisons += self._open_comparisons()
        lines = unless([f"{self.checks.constant('switch', switch)}.anywhere_off", *guards], self.leave)
        for p in self.parameters:
            if p.default is not Parameter.empty:
                default = self.checks.constant("default", p.default)
                lines.append(f"{self.values[p.name]} = {default} if {p.name} is {self.missing} else {p.name}")
        if self.sizes is not None:
            known = self.checks.constant("axis_sizes_of", axis_sizes_of)
            lines.append(f"{self.sizes} = {known}({self.checked.owner})")
        lines += attempt(self.checks, unpackings, self.leave)
        lines += unless([*comparisons, *self._disagreements()], self.leave)
        owned = attribute_lines(self.checks, self.checked.owner, self.names, self.leave)
        lines += [*self._names(), *owned, *self._joined(rest), *self._open()]
        return [*lines, *self._judged({}, self.leave)]

    def _is_plain(self, hint: Hint) -> bool:
        """Whether a value is compared in place: no name of it may stay without a size."""
        match hint:
            case TensorHint(axes=axes):
                return not any(_may_bind_nothing(axis) for axis in axes)
            case TupleHint(items):
                return bool(items) and all(isinstance(i, TensorHint) and self._is_plain(i) for i in items)
            case _:
                return isinstance(hint, PlainHint | BeartypeHint)

    def _plain(self, variable: str, hint: Hint) -> tuple[list[str], list[str], list[str]]:
        """Guards (before shapes are asked), unpacking statements and comparisons for one value."""
        values = self._values(solves=True)
        match hint:
            case TensorHint():
                unpacking, comparisons = self.checks.tensor(variable, hint.axes)
                return values.guards(variable, hint), [unpacking], comparisons
            case TupleHint(items):
                parts = [self.checks.local() for _ in items]
                named = [f"({part} := {variable}[{i}]) is None" for i, part in enumerate(parts)]
                each = [self._plain(part, item) for part, item in zip(parts, items, strict=True)]
                guards = [*named, *(guard for part in each for guard in part[0])]
                guard = f"({values.other_tuple(variable, len(items))} or {' or '.join(guards)})"
                return [guard], [u for part in each for u in part[1]], [c for part in each for c in part[2]]
            case PlainHint() | BeartypeHint():
                return [f"not {values.accepted(variable, hint)}"], [], []
            case _:
                raise NotStraight(variable)

    def _values(self, *, solves: bool) -> ValueLines:
        return ValueLines(self.checks, self.names, solves, self.sources)

    def _open_comparisons(self) -> list[str]:
        """Comparisons with expressions all of whose names are known; the others stay open."""
        known = [
            (size, axis)
            for size, axis in self.checks.open
            if set(names_in(read_expression(axis.text))) <= self.checks.known.keys()
        ]
        self.checks.open = [pair for pair in self.checks.open if pair not in known]
        return [condition for size, axis in known for condition in self.checks.compared(size, axis)]

    def _disagreements(self) -> list[str]:
        """The condition under which a size is not the one that the object knows for the name."""
        if self.sizes is None or not self.checks.known:
            return []
        pairs = [
            f"{self.sizes}.get({self.checks.constant('key', name)}, {size}) != {size}"
            for name, size in self.checks.known.items()
        ]
        return [f"({self.sizes} and ({' or '.join(pairs)}))"]

    def _names(self) -> list[str]:
        """Lines that make the dict of names."""
        pairs = [f"{self.checks.constant('key', name)}: {size}" for name, size in self.checks.known.items()]
        lines = [f"{self.names} = {{{', '.join(pairs)}}}"]
        if self.sizes is not None:
            lines.append(f"if {self.sizes}:")
            lines.append(f"    {self.names} = {{**{self.sizes}, **{self.names}}}")
        return lines

    def _joined(self, rest: list[tuple[Parameter, Hint]]) -> list[str]:
        """Lines for arguments that may be absent, or whose names are bound one by one; unions come last."""
        lines: list[str] = []
        for p, hint in sorted(rest, key=lambda pair: has_union(pair[1])):
            item = self.checks.local() if p.kind in STARS else p.name
            body = self._values(solves=True).lines(item, hint, self.leave)
            match p.kind:
                case Parameter.VAR_POSITIONAL:
                    body = [f"for {item} in {p.name}:", *indent(body)]
                case Parameter.VAR_KEYWORD:
                    body = [f"for {item} in {p.name}.values():", *indent(body)]
                case _ if p.default is not Parameter.empty:
                    body = [f"if {p.name} is not {self.missing}:", *indent(body)]
            lines += body
        return lines

    def _open(self) -> list[str]:
        """Lines for expressions with names that the plain tensors did not bind; some wait for the result."""
        lines: list[str] = []
        for name in dict.fromkeys(self._missing_names()):
            if self.checked.is_size(name) and name in self.values:
                value, asked = self.values[name], self.checks.builtin(type)
                lines.append(f"if {asked}({value}) is {self.checks.builtin(int)} and {value} >= 0:")
                lines.append(f"    {self.names}.setdefault({self.checks.constant('key', name)}, {value})")
        for size, axis in self.checks.open:
            tree, waits = read_expression(axis.text), self.checks.local()
            own, unknown = self.checks.looked_up(tree, self.names, self.checks.known)
            product = product_of(tree)
            compared = self.checks.wrong(size, tree, own)
            checked = [
                f"{waits} = {' or '.join(unknown)}",
                f"if {waits}:",
                f"    {waits} = {self.checks.solving(size, self.names, product)} is None"
                if product
                else "    pass",
                f"elif {' or '.join(compared)}:",
                f"    {self.leave}",
            ]
            if axis.broadcast:
                checked = [f"{waits} = False", f"if {size} != 1:", *indent(checked)]
            lines += checked
            self.waits.append((waits, size, axis))
        return lines

    def _missing_names(self) -> list[str]:
        trees = [read_expression(axis.text) for _, axis in self.checks.open]
        return [name for tree in trees for name in names_in(tree) if name not in self.checks.known]

    def _judged(self, result: dict[str, str], leave: str) -> list[str]:
        """Lines that have jaxtyping and beartype judge arguments and the result, where only they can."""
        return self.judged.lines(self.checked, result, self.names, leave)

    def _call(self) -> list[str]:
        """Lines that push the scope and call the function."""
        checks = self.checks
        self.scope, stack, self.result = (checks.local() for _ in range(3))
        values = [self.values[p.name] for p in self.parameters]
        signature = checks.constant("signature", self.checked)
        function = checks.constant("function", self.checked.function)
        passed = ", ".join(passed_on(self.parameters, self.values))
        call = f"{function}({passed})"
        lines = [f"{self.scope} = {scope_source(self.names, signature, values)}"]
        if self.is_async:
            running = checks.constant("running", running_async)
            return [*lines, f"{self.result} = await {running}({self.scope}, {call})"]
        if self.solver.yields is not None:
            if self.waits:  # expressions that the items must decide
                raise NotStraight(self.checked.function.__name__)
            over = checks.constant("over", self.solver.yields.over)
            return [*lines, f"return {over}({call}, {self.scope})"]
        if self.solver.asks:
            named = checks.constant("called_with_names", called_with_names)
            call = f"{named}({self.names}, {self.judged.by_name()}, lambda: {call})"
        return [
            *lines,
            f"{stack} = {checks.constant('scopes', scopes)}.stack",
            f"{stack}.append({self.scope})",
            "try:",
            f"    {self.result} = {call}",
            "finally:",
            f"    {stack}.pop()",
        ]

    def _result(self) -> list[str]:
        if self.solver.yields is not None:
            return []
        leave = f"return {self.checks.constant('check_result', self.solver.check_result)}"
        leave = f"{leave}({self.result}, {self.scope})"
        hint, names, lines = self.checked.result, self.names, list[str]()
        if self._binds(hint):  # a copy: if a check fails, the solver needs the names as they were
            names = self.checks.local()
            lines = [f"{names} = dict({self.names})"]
        if isinstance(hint, JudgedHint):
            lines += self._judged({RETURN: self.result}, leave)
        else:
            values = ValueLines(self.checks, names, solves=False, sources=self.sources)
            lines += values.lines(self.result, hint, leave)
        for waits, size, axis in self.waits:
            wrong = self.checks.computed(size, axis, names, self.checks.known, solves=False)
            lines += unless([f"{waits} and {wrong}"], leave)
        return [*lines, f"return {self.result}"]

    def _binds(self, hint: Hint) -> bool:
        """Whether a result may give a size to a name that the arguments left without one."""
        keys = {key(axis) for tensor in tensors_in(hint) for axis in tensor.axes}
        return bool(keys - {None, *self.checks.known})


def _may_bind_nothing(axis: Any) -> bool:
    """Whether a size of 1 leaves the name of an axis without a size, or sizes under a name that may grow."""
    return isinstance(axis, Named | Variadic) and axis.broadcast
