"""Generated lines that hold one value against its hint, and bind its names in a dict."""

from __future__ import annotations

from collections import abc
from dataclasses import dataclass, field, replace

from typed_einsum.annotations import (
    AnyHint,
    BeartypeHint,
    DictHint,
    Hint,
    JudgedHint,
    ListHint,
    OptionalHint,
    PlainHint,
    RecordHint,
    TensorHint,
    TupleHint,
    UnionHint,
)
from typed_einsum.annotations.records import instances_of
from typed_einsum.equation.axes import is_variadic
from typed_einsum.generated.checks import NotStraight, ShapeChecks
from typed_einsum.generated.compile import build
from typed_einsum.generated.guards import attempt, indent, other_dtype, other_type, unless
from typed_einsum.generated.names import restore
from typed_einsum.tensors import exact_types

EXACT: dict[type, tuple[type, ...]] = {
    abc.Sequence: (list, tuple),
    abc.Collection: (list, tuple, set, frozenset),
    abc.Iterable: (list, tuple),
    abc.MutableSequence: (list,),
    abc.Set: (set, frozenset),
    abc.Mapping: (dict,),
    abc.MutableMapping: (dict,),
}
"""The types that generated checks look into where an annotation asks for an abstract one."""


@dataclass
class ValueLines:
    """Writes the checks of values; names that are not known to `checks` are in the dict in `names`.

    `solves` tells whether a product may give its one unknown name a size.
    """

    checks: ShapeChecks
    names: str
    solves: bool
    sources: list[str] = field(default_factory=list)

    def lines(self, variable: str, hint: Hint, leave: str) -> list[str]:
        """Lines that leave where the value in a variable is not sure to be right. Raises `NotStraight`."""
        match hint:
            case AnyHint():
                return []
            case PlainHint() | BeartypeHint():
                return unless([f"not {self.accepted(variable, hint)}"], leave)
            case TensorHint():
                unpacking, conditions = self.checks.joined(
                    variable, hint.axes, self.names, solves=self.solves
                )
                guards = unless(self.guards(variable, hint), leave)
                return [*guards, *attempt(self.checks, [unpacking], leave), *unless(conditions, leave)]
            case OptionalHint(inner, others):
                absent = " or ".join(self.accepted(variable, other) for other in others)
                return [f"if not ({absent}):", *indent(self.lines(variable, inner, leave) or ["pass"])]
            case TupleHint(items):
                parts = [self.checks.local() for _ in items]
                lines = unless([self.other_tuple(variable, len(items))], leave)
                if parts:
                    lines.append(f"({', '.join(parts)},) = {variable}")
                for part, item in zip(parts, items, strict=True):
                    lines += self.lines(part, item, leave)
                return lines
            case ListHint(kind, item):
                part = self.checks.local()
                guard = other_type(self.checks, variable, EXACT.get(kind, (kind,)))
                body = self.lines(part, item, leave) or ["pass"]
                return [*unless([guard], leave), f"for {part} in {variable}:", *indent(body)]
            case DictHint(kind, key, value):
                name, part = self.checks.local(), self.checks.local()
                guard = other_type(self.checks, variable, EXACT.get(kind, (kind,)))
                body = [*self.lines(name, key, leave), *self.lines(part, value, leave)] or ["pass"]
                return [*unless([guard], leave), f"for {name}, {part} in {variable}.items():", *indent(body)]
            case UnionHint(members):
                tried = [f"{self._member(member)}({variable}, {self.names})" for member in members]
                return unless([f"not ({' or '.join(tried)})"], leave)
            case RecordHint():
                return unless([f"not {self._record(variable, hint)}"], leave)
            case JudgedHint():
                raise NotStraight(variable)

    def guards(self, variable: str, hint: TensorHint) -> list[str]:
        """What must hold of a tensor before its shape is asked."""
        return [
            other_type(self.checks, variable, exact_types(hint.kind)),
            *other_dtype(self.checks, variable, hint.dtypes),
        ]

    def accepted(self, variable: str, hint: PlainHint | BeartypeHint) -> str:
        """The condition under which a value without tensors is right."""
        if isinstance(hint, BeartypeHint):
            return f"{self.checks.constant('accepts', hint.accepts)}({variable})"
        if hint.kind is type(None):
            return f"({variable} is None)"
        kind = self.checks.constant("type", hint.kind)
        return f"{self.checks.builtin(isinstance)}({variable}, {kind})"

    def other_tuple(self, variable: str, length: int) -> str:
        """The condition under which a value is not a tuple of this length."""
        asked, whole, size = (self.checks.builtin(value) for value in (type, tuple, len))
        return f"{asked}({variable}) is not {whole} or {size}({variable}) != {length}"

    def _record(self, variable: str, hint: RecordHint) -> str:
        """The condition under which a record is right."""
        from typed_einsum.checked.fields import field_checks  # which writes the lines of a field in turn

        checks = field_checks(hint)
        checks.prepare()
        assert hint.fields is not None  # `known` from now on, for traces
        held = f"{self.checks.constant('fields', checks)}.check({variable}, {self.names})"
        kind = self.checks.constant("type", instances_of(hint.kind))
        return f"({self.checks.builtin(isinstance)}({variable}, {kind}) and {held})"

    def _member(self, hint: Hint) -> str:
        """The name of a function that holds a value against one member of a union, and undoes what fails."""
        checks = replace(self.checks, known={}, hidden=frozenset(), arguments={}, open=[])
        inner = replace(self, checks=checks, names="names")
        leave = f"return {checks.constant('restore', restore)}(names, before)"
        lines = ["before = dict(names)", *_rank_guard(hint, leave), *inner.lines("value", hint, leave)]
        head = "def member(value, names):"
        function, source = build("member", [head, *indent([*lines, "return True"])], checks.namespace)
        self.sources.append(source)
        return self.checks.constant("member", function)


def _rank_guard(hint: Hint, leave: str) -> list[str]:
    """For a tensor among others: to compare ranks costs less than to fail at unpacking."""
    if not isinstance(hint, TensorHint) or any(map(is_variadic, hint.axes)):
        return []
    return unless([f"getattr(value, 'ndim', -1) != {len(hint.axes)}"], leave)
