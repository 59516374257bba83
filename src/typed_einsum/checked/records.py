"""New records: the fields of one are checked against one another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from typed_einsum.annotations import ABSENT, AnyHint, RecordHint
from typed_einsum.annotations.judging import Judge
from typed_einsum.annotations.records import field_value, is_record, read_fields
from typed_einsum.checked.examination import Examination
from typed_einsum.checked.fields import FieldChecks, with_fields_read
from typed_einsum.checked.parts import found_at
from typed_einsum.decorate.callers import with_caller
from typed_einsum.decorate.functions import field_located
from typed_einsum.diagnostics import Located
from typed_einsum.equation.axes import Axis
from typed_einsum.errors import TypedEinsumError
from typed_einsum.solver import Bindings
from typed_einsum.solver.labels import root_of
from typed_einsum.switch import switch
from typed_einsum.tracing import ends_a_trace


@dataclass(eq=False)
class NewRecords:
    """Checks the records that one constructor makes; `known` has the checks of each class that it made."""

    known: dict[type, FieldChecks] = field(default_factory=dict)

    def learn(self, kind: type) -> FieldChecks | None:
        """The checks of a record class; None for any other class."""
        if not is_record(kind):
            return None
        checks = self.known[kind] = FieldChecks(RecordHint(kind, read=read_fields), every=True)
        checks.prepare()
        return checks

    def checked(self, kind: type, record: Any) -> Any:
        """A new record. Raises what is wrong with it."""
        checks = self.known.get(kind) or self.learn(kind)
        if checks is not None and not checks.check(record, {}) and not _is_off(kind):
            try:
                Constructed(checks.hint).examine(record)
            except TypedEinsumError as error:
                raise with_caller(error) from None
        return record


def _is_off(kind: type) -> bool:
    """Whether checks are off here, or for a class by a `@no_type_check` above."""
    return switch.is_off() or getattr(kind, "__no_type_check__", False)


@dataclass(frozen=True)
class Constructed:
    """A class of records, as an examination of one knows it: each field is a value of its own."""

    hint: RecordHint

    @ends_a_trace
    def examine(self, record: Any) -> None:
        """Raise what is wrong with a record."""
        values = {name: field_value(record, name) for name in self.hint.fields}
        arguments = {"self": record, **{name: each for name, each in values.items() if each is not ABSENT}}
        examination = Examination(self, Bindings(arguments=arguments))
        for name, each in self.hint.fields.items():
            value = values[name]
            if value is ABSENT and each.is_required:
                raise examination.lacks("the record", self.hint, name)
            if value is not ABSENT and value is not each.default:
                examination.collect(name, with_fields_read(each.hint, record), value)
        examination.bind({})

    def judge_of(self, names: tuple[str, ...], fields: Mapping[str, Any]) -> Judge:
        """jaxtyping and beartype for some fields."""
        hints = {name: getattr(self.hint.fields[name].hint, "annotation", Any) for name in names}
        return Judge(self.hint.kind, {**hints, **fields})

    def locate(self, label: str, axis: Axis | None, said: str) -> Located:
        """Finds an axis in the annotation of a field."""
        field = self.hint.fields.get(root_of(label))
        found = found_at(AnyHint() if field is None else field.hint, label)
        kind, name = found.field or (self.hint.kind, root_of(label))
        return field_located(kind, name, found.tensor(axis), axis, said)
