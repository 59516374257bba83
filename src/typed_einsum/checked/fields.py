"""Generated checks of the fields of a record: one function for each class."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from torch.compiler import is_compiling

from typed_einsum.annotations import (
    ABSENT,
    Hint,
    JudgedHint,
    OptionalHint,
    RecordField,
    RecordHint,
    TensorHint,
)
from typed_einsum.annotations.judging import Judge
from typed_einsum.annotations.records import complete, field_value, is_keyed
from typed_einsum.checked.values import ValueLines
from typed_einsum.equation.axes import Axis, Expression
from typed_einsum.equation.expressions import Unknown, filled
from typed_einsum.generated.checks import NotStraight, ShapeChecks
from typed_einsum.generated.compile import build
from typed_einsum.generated.guards import indent, unless
from typed_einsum.generated.names import field_of

NO = "return False"


@dataclass(eq=False)
class FieldChecks:
    """The fields of a record, as generated source holds them against the names of a call.

    `check` takes a record and the names, adds the new ones, and returns whether all is sure to be right.
    With `every`, fields without tensors are checked as well.
    """

    hint: RecordHint
    every: bool = False
    check: Callable[[Any, dict[str, Any]], bool] = field(init=False)
    source: str = field(init=False, default="")

    def __post_init__(self) -> None:
        self.check = self._first

    def prepare(self) -> None:
        """Write the source, if all types that the record names are defined by now."""
        if self.check == self._first and complete(self.hint):
            self.check = lambda _value, _names: False  # for a record that holds one of its own class
            self.check = self._compiled()

    def _first(self, value: Any, names: dict[str, Any]) -> bool:
        if is_compiling():  # what is written while a graph is traced is not in the graph
            return False
        self.prepare()
        return self.check != self._first and self.check(value, names)

    def _compiled(self) -> Callable[[Any, dict[str, Any]], bool]:
        checks = ShapeChecks("_", {})
        try:
            body = list(self._lines(checks))
        except NotStraight:
            return lambda _value, _names: False
        lines = ["def check(record, names):", *indent([*body, "return True"])]
        function, self.source = build("check", lines, checks.namespace)
        return function

    def _lines(self, checks: ShapeChecks) -> Iterator[str]:
        values = ValueLines(checks, "names", solves=True)
        fields = {name: self._argument(checks, name) for name in self.hint.fields}
        checks.arguments = {**fields, "self": "record"}
        for each in self.hint.fields.values():
            if self.every or each.has_tensors:
                yield from self._field(checks, values, each)
        for source in values.sources:
            self.source += source

    def _argument(self, checks: ShapeChecks, name: str) -> str:
        """The source of what `{name}` in an expression stands for."""
        return f"{checks.constant('field_of', field_of)}(record, {checks.constant('path', (name,))})"

    def _field(self, checks: ShapeChecks, values: ValueLines, field: RecordField) -> list[str]:
        """Lines that read one field and check it, unless it is absent or has its default."""
        variable, absent = checks.local(), checks.constant("absent", ABSENT)
        body = self._judging(checks, field, variable) or values.lines(variable, field.hint, NO)
        if not body:
            return []
        if field.default is not ABSENT:
            body = [f"if {variable} is not {checks.constant('default', field.default)}:", *indent(body)]
        if field.is_required:
            body = [*unless([f"{variable} is {absent}"], NO), *body]
        else:
            body = [f"if {variable} is not {absent}:", *indent(body)]
        if is_keyed(self.hint.kind):
            key = checks.constant("key", field.name)
            return [f"{variable} = record.get({key}, {absent})", *body]
        read, otherwise = f"    {variable} = record.{field.name}", f"    {variable} = {absent}"
        return ["try:", read, "except AttributeError:", otherwise, *body]

    def _judging(self, checks: ShapeChecks, field: RecordField, variable: str) -> list[str]:
        """Lines that have jaxtyping and beartype judge a field, where only they can."""
        if not isinstance(field.hint, JudgedHint):
            return []
        judge = Judge(self.hint.kind, {field.name: field.hint.annotation})
        accepts = checks.constant("accepts", judge.accepts)
        judged = f"{{{checks.constant('label', field.name)}: {variable}}}"
        return unless([f"not {accepts}({judged}, names, {{}})"], NO)


@functools.lru_cache(maxsize=256)
def field_checks(hint: RecordHint, every: bool = False) -> FieldChecks:
    """The checks of a record, the same for all that hold one."""
    return FieldChecks(hint, every)


def with_fields_read(hint: Hint, record: Any) -> Hint:
    """The hint of a field, its expressions such as `{self.n}*d` or `{n}*d` with what the record holds."""
    match hint:
        case TensorHint(axes=axes):
            return replace(hint, axes=tuple(_read(axis, record) for axis in axes))
        case OptionalHint(TensorHint() as inner, others):
            return OptionalHint(
                replace(inner, axes=tuple(_read(axis, record) for axis in inner.axes)), others
            )
        case _:
            return hint


def _tensor_read(hint: TensorHint, record: Any) -> TensorHint:
    return replace(hint, axes=tuple(_read(axis, record) for axis in hint.axes)) if "{" in hint.text else hint


def _read(axis: Axis, record: Any) -> Axis:
    if not isinstance(axis, Expression) or "{" not in axis.text:
        return axis
    try:
        return replace(axis, text=filled(axis.text, _Arguments(record)))
    except Unknown:  # it may be an argument of the call
        return axis


class _Arguments(dict[str, Any]):
    """What the fields of expressions may name in a record: the record as `self`, and its own fields."""

    def __init__(self, record: Any) -> None:
        super().__init__(self=record)

    def __missing__(self, name: str) -> Any:
        value = field_value(self["self"], name)
        if value is ABSENT:
            raise KeyError(name)
        return value
