"""The generated wrapper of a checked function: check arguments, share names, call, check the result."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter
from typing import Any

from typed_einsum.annotations import (
    AnyHint,
    BeartypeHint,
    Hint,
    OptionalHint,
    PlainHint,
    TensorHint,
    TupleHint,
)
from typed_einsum.checked.owner import axis_sizes_of
from typed_einsum.checked.signature import CheckedSignature
from typed_einsum.decorate.functions import MISSING, parameter_list
from typed_einsum.equation.axes import key
from typed_einsum.generated.checks import NotStraight, ShapeChecks, prefix_for
from typed_einsum.generated.compile import build, definable
from typed_einsum.scopes.scope import scopes
from typed_einsum.switch import switch
from typed_einsum.tensors import EXACT_TYPES


def straight_wrapper(
    checked: CheckedSignature, surprised: Callable[..., Any], unexpected: Callable[..., Any]
) -> tuple[Callable[..., Any], str]:
    """Generate the wrapper and its source. Raises `NotStraight` where only the solver can check.

    `surprised` takes the arguments as the wrapper got them; `unexpected` takes the result and the scope.
    """
    return _Wrapper(checked).build(surprised, unexpected)


class _Wrapper:
    """Writes one wrapper. Indentation is part of each line; `leave` is where a surprise goes."""

    def __init__(self, checked: CheckedSignature) -> None:
        self.checked = checked
        self.parameters = list(checked.signature.parameters.values())
        names = [p.name for p in self.parameters]
        self.checks = ShapeChecks(prefix_for(names), {}, hidden=frozenset(names))
        self.values = {
            p.name: self.checks.local() if p.default is not Parameter.empty else p.name
            for p in self.parameters
        }
        self.guards: list[str] = []
        self.unpacks: list[str] = []
        self.comparisons: list[str] = []
        self.blocks: list[str] = []
        self.sizes = self.checks.local() if checked.owner is not None else None
        self.maybe: dict[str, str] = {}

    def build(
        self, surprised: Callable[..., Any], unexpected: Callable[..., Any]
    ) -> tuple[Callable[..., Any], str]:
        checks, function = self.checks, self.checked.function
        missing = checks.constant("missing", MISSING)
        given = "".join(f"{p.name}, " for p in self.parameters)
        leave = f"return {checks.constant('surprised', surprised)}(({given}))"
        self._mandatory()
        self._optional(missing, leave)
        listed = ", ".join(
            parameter_list(self.parameters, lambda p: None if p.default is Parameter.empty else missing)
        )
        name = definable(function.__name__, "checked")
        lines = [f"def {name}({listed}):"]
        lines += _indent(self._arguments(missing, leave))
        lines += _indent(self._call(unexpected))
        return build(name, lines, checks.namespace)

    def _arguments(self, missing: str, leave: str) -> list[str]:
        off = f"{self.checks.constant('switch', switch)}.anywhere_off"
        lines = _unless([off, *self.guards], leave)
        for p in self.parameters:
            if p.default is not Parameter.empty:
                default = self.checks.constant("default", p.default)
                lines.append(f"{self.values[p.name]} = {default} if {p.name} is {missing} else {p.name}")
        if self.sizes is not None:
            known = self.checks.constant("axis_sizes_of", axis_sizes_of)
            lines.append(f"{self.sizes} = {known}({self.checked.owner})")
        lines += self._attempt(self.unpacks, leave)
        lines += _unless(self.comparisons + self._disagreements(self.checks.known), leave)
        return lines + self.blocks

    def _attempt(self, unpacks: list[str], leave: str) -> list[str]:
        if not unpacks:
            return []
        return ["try:", *_indent(unpacks), f"except {self.checks.builtin(ValueError)}:", f"    {leave}"]

    def _disagreements(self, known: dict[str, str]) -> list[str]:
        """Conditions under which a size is not the one that the object knows for the name."""
        if self.sizes is None or not known:
            return []
        pairs = [
            f"{self.sizes}.get({self.checks.constant('key', name)}, {size}) != {size}"
            for name, size in known.items()
        ]
        return [f"({self.sizes} and ({' or '.join(pairs)}))"]

    def _mandatory(self) -> None:
        for p in self.parameters:
            hint = self.checked.hints.get(p.name, AnyHint())
            if isinstance(hint, AnyHint):
                continue
            if p.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
                raise NotStraight(p.name)
            if p.default is Parameter.empty and not isinstance(hint, OptionalHint):
                guards, unpacks, comparisons = self._value(p.name, hint)
                self.guards += guards
                self.unpacks += unpacks
                self.comparisons += comparisons

    def _value(self, variable: str, hint: Hint) -> tuple[list[str], list[str], list[str]]:
        """Guards (before shapes are asked), unpacking statements and comparisons for one value."""
        match hint:
            case AnyHint():
                return [], [], []
            case PlainHint(kind):
                return [f"not {self._instance(variable, kind)}"], [], []
            case BeartypeHint():
                return [f"not {self.checks.constant('accepts', hint.accepts)}({variable})"], [], []
            case TensorHint():
                unpack, comparisons = self.checks.tensor(variable, hint.axes)
                return self._tensor_guards(variable, hint), [unpack], comparisons
            case TupleHint(items) if all(isinstance(item, TensorHint) for item in items) and items:
                parts = [self.checks.local() for _ in items]
                asked, whole, size = (self.checks.builtin(value) for value in (type, tuple, len))
                length = f"{asked}({variable}) is not {whole} or {size}({variable}) != {len(items)}"
                guards = [f"({length} or {self._unpacked_guards(variable, parts, items)})"]
                unpacks, comparisons = [], []
                for part, item in zip(parts, items, strict=True):
                    assert isinstance(item, TensorHint)
                    unpack, surprises = self.checks.tensor(part, item.axes)
                    unpacks.append(unpack)
                    comparisons += surprises
                return guards, unpacks, comparisons
            case _:
                raise NotStraight(variable)

    def _unpacked_guards(self, variable: str, parts: list[str], items: tuple[Hint, ...]) -> str:
        """Guards of a tuple's items; the first one also names the items."""
        named = [f"({part} := {variable}[{i}]) is None" for i, part in enumerate(parts)]
        for part, item in zip(parts, items, strict=True):
            assert isinstance(item, TensorHint)
            named += self._tensor_guards(part, item)
        return " or ".join(named)

    def _tensor_guards(self, variable: str, hint: TensorHint) -> list[str]:
        kinds = [kind for kind in EXACT_TYPES if issubclass(kind, hint.kind)] or [hint.kind]
        asked = f"{self.checks.builtin(type)}({variable})"
        types = " and ".join(f"{asked} is not {self.checks.constant('type', kind)}" for kind in kinds)
        guards = [f"({types})" if len(kinds) > 1 else types]
        if hint.dtypes is not None:
            guards.append(f"{variable}.dtype not in {self.checks.constant('dtypes', hint.dtypes)}")
        return guards

    def _optional(self, missing: str, leave: str) -> None:
        """A block for each argument that may be absent; its own names may then have no size."""
        for p in self.parameters:
            hint = self.checked.hints.get(p.name, AnyHint())
            is_optional = isinstance(hint, OptionalHint) or p.default is not Parameter.empty
            if isinstance(hint, AnyHint) or not is_optional:
                continue
            present = [f"{p.name} is not {missing}"] if p.default is not Parameter.empty else []
            self.blocks += self._block(p.name, hint, present, leave)

    def _block(self, variable: str, hint: Hint, present: list[str], leave: str) -> list[str]:
        """Lines that check a value only when it is present."""
        if isinstance(hint, OptionalHint):
            present = present + [f"not {self._accepted(variable, other)}" for other in hint.others]
            hint = hint.inner
        if self.maybe.keys() & _names_in(hint):
            raise NotStraight(variable)
        before = dict(self.checks.known)
        guards, unpacks, comparisons = self._value(variable, hint)
        new = {name: size for name, size in self.checks.known.items() if name not in before}
        self.checks.known = before
        self.maybe.update(new)
        body = _unless(guards, leave) + self._attempt(unpacks, leave)
        body += _unless(comparisons + self._disagreements(new), leave)
        start = [f"{size} = None" for size in new.values()]
        return [*start, f"if {' and '.join(present)}:", *_indent(body)] if present else [*start, *body]

    def _accepted(self, variable: str, hint: PlainHint | BeartypeHint) -> str:
        if isinstance(hint, BeartypeHint):
            return f"{self.checks.constant('accepts', hint.accepts)}({variable})"
        if hint.kind is type(None):
            return f"({variable} is None)"
        return self._instance(variable, hint.kind)

    def _instance(self, variable: str, kind: type) -> str:
        return f"{self.checks.builtin(isinstance)}({variable}, {self.checks.constant('type', kind)})"

    def _call(self, unexpected: Callable[..., Any]) -> list[str]:
        """Lines that push the scope, call the function and check its result."""
        checks = self.checks
        names, scope, stack, result = (checks.local() for _ in range(4))
        keys = {name: checks.constant("key", name) for name in (*checks.known, *self.maybe)}
        lines = [f"{names} = {{{', '.join(f'{keys[n]}: {size}' for n, size in checks.known.items())}}}"]
        lines += [
            f"if {size} is not None:\n    {names}[{keys[n]}] = {size}" for n, size in self.maybe.items()
        ]
        if self.sizes is not None:
            lines.append(f"if {self.sizes}:\n    {names} = {{**{self.sizes}, **{names}}}")
        values = ", ".join(self.values[p.name] for p in self.parameters)
        signature = checks.constant("signature", self.checked)
        function = checks.constant("function", self.checked.function)
        call = f"{function}({self._passed(lambda p: self.values[p.name])})"
        lines += [
            f"{scope} = ({names}, {signature}, ({values}{',' if values else ''}), [])",
            f"{stack} = {checks.constant('scopes', scopes)}.stack",
            f"{stack}.append({scope})",
            "try:",
            f"    {result} = {call}",
            "finally:",
            f"    {stack}.pop()",
        ]
        lines = [part for line in lines for part in line.split("\n")]
        leave = f"return {checks.constant('unexpected', unexpected)}({result}, {scope})"
        return [*lines, *self._result(result, names, leave), f"return {result}"]

    def _result(self, result: str, names: str, leave: str) -> list[str]:
        hint = self.checked.result
        if isinstance(hint, AnyHint):
            return []
        before = dict(self.checks.known)
        present = []
        if isinstance(hint, OptionalHint):
            present = [f"not {self._accepted(result, other)}" for other in hint.others]
            hint = hint.inner
        try:
            guards, unpacks, comparisons = self._value(result, hint)
        except NotStraight:
            return [leave]
        new = {name: size for name, size in self.checks.known.items() if name not in before}
        for name, size in new.items():
            if name.startswith("*"):  # under `*#name`, bound while it ran, sizes may still grow
                comparisons.append(f"{self.checks.constant('key', f'*#{name[1:]}')} in {names}")
            comparisons.append(f"{names}.get({self.checks.constant('key', name)}, {size}) != {size}")
        body = _unless(guards, leave) + self._attempt(unpacks, leave) + _unless(comparisons, leave)
        return [f"if {' and '.join(present)}:", *_indent(body)] if present else body

    def _passed(self, value: Callable[[Parameter], str]) -> str:
        """The arguments as they are passed on."""
        passed = []
        for p in self.parameters:
            match p.kind:
                case Parameter.VAR_POSITIONAL:
                    passed.append(f"*{p.name}")
                case Parameter.VAR_KEYWORD:
                    passed.append(f"**{p.name}")
                case Parameter.KEYWORD_ONLY:
                    passed.append(f"{p.name}={value(p)}")
                case _:
                    passed.append(value(p))
        return ", ".join(passed)


def _names_in(hint: Hint) -> set[str]:
    match hint:
        case TensorHint():
            return {name for axis in hint.axes if (name := key(axis)) is not None}
        case TupleHint(items):
            return set().union(*(_names_in(item) for item in items))
        case _:
            return set()


def _unless(conditions: list[str], leave: str) -> list[str]:
    return [f"if {' or '.join(conditions)}:", f"    {leave}"] if conditions else []


def _indent(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]
