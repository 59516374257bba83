"""Names that several objects have: records in a list have their own, and each object its own `*batch`.

jaxtyping compares fields within one record only, and does not compare arguments with attributes. In programs
that are annotated by these rules, a size may differ between such objects.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from inspect import BoundArguments
from typing import Any

from typed_einsum.annotations import (
    AnyHint,
    DictHint,
    Hint,
    ListHint,
    OptionalHint,
    RecordHint,
    TupleHint,
    holds_record,
)
from typed_einsum.annotations.hints import ABSENT
from typed_einsum.annotations.records import field_value
from typed_einsum.checked.examination import Examination
from typed_einsum.checked.signature import CheckedSignature
from typed_einsum.errors import TypedEinsumError
from typed_einsum.solver import Bindings

ANY_AXES = "TE204"
"""The code of tensors that differ in the axes of one `*name`."""


def wrong_apart(
    signature: CheckedSignature, bound: BoundArguments, result: Any, error: TypedEinsumError
) -> TypedEinsumError | None:
    """What is wrong with a call that has raised an error, if each of several objects has names of its own."""
    are_apart = _are_apart_in(error)
    hints = {name: _without(hint, are_apart) for name, hint in signature.hints.items()}
    alone = _without(signature.result, are_apart)
    has_attributes = error.code == ANY_AXES and signature.owner is not None
    if hints == signature.hints and alone == signature.result and not has_attributes:
        return error
    narrow = replace(signature, hints=hints, result=alone)
    try:
        bindings, waiting = narrow.examine_arguments(bound, with_attributes=not has_attributes)
        narrow.examine_result(result, bindings, bound.arguments, waiting)
        for label, hint, record in _records(signature, bound, result, are_apart):
            examination = Examination(signature, Bindings())
            examination.collect(label, hint, record)
            examination.bind({})
    except TypedEinsumError as remaining:
        return remaining
    return None


def _are_apart_in(error: TypedEinsumError) -> Callable[[Hint], bool]:
    """Which values have records with names of their own: lists of them, and where axes under `*name` differ,
    any, since `*batch` stands for whatever axes the tensors of a record have."""
    return holds_record if error.code == ANY_AXES else _holds_several


def _holds_several(hint: Hint) -> bool:
    """Whether any number of records may be in a value."""
    match hint:
        case ListHint(_, item) | DictHint(_, _, item):
            return holds_record(item)
        case OptionalHint(inner):
            return _holds_several(inner)
        case TupleHint(items):
            return any(map(_holds_several, items))
    return False


def _without(hint: Hint, are_apart: Callable[[Hint], bool]) -> Hint:
    """A hint without the records in it that have names of their own."""
    if not are_apart(hint):
        return hint
    match hint:
        case TupleHint(items):
            return TupleHint(tuple(_without(item, are_apart) for item in items))
        case OptionalHint(TupleHint(items), others):
            return OptionalHint(TupleHint(tuple(_without(item, are_apart) for item in items)), others)
    return AnyHint()


def _records(
    signature: CheckedSignature, bound: BoundArguments, result: Any, are_apart: Callable[[Hint], bool]
) -> Iterator[tuple[str, RecordHint, Any]]:
    values = {**bound.arguments, "return": result}
    for name, hint in {**signature.hints, "return": signature.result}.items():
        if name in values and are_apart(hint):
            yield from _records_in(name, hint, values[name], are_apart)


def _records_in(
    label: str, hint: Hint, value: Any, are_apart: Callable[[Hint], bool]
) -> Iterator[tuple[str, RecordHint, Any]]:
    match hint:
        case RecordHint():
            own = {
                name: replace(each, hint=_without(each.hint, are_apart)) for name, each in hint.fields.items()
            }
            yield label, replace(hint, read=lambda _: own), value
            for name, field in hint.fields.items():
                held = field_value(value, name)
                if held is not ABSENT and are_apart(field.hint):
                    yield from _records_in(f"{label}.{name}", field.hint, held, are_apart)
        case ListHint(_, item) if isinstance(value, Collection):
            for at, part in enumerate(value):
                yield from _records_in(f"{label}[{at}]", item, part, are_apart)
        case DictHint(_, _, item) if isinstance(value, Mapping):
            for key, part in value.items():
                yield from _records_in(f"{label}[{key!r}]", item, part, are_apart)
        case OptionalHint(inner) if value is not None:
            yield from _records_in(label, inner, value, are_apart)
        case TupleHint(items):
            for at, (item, part) in enumerate(zip(items, value, strict=True)):
                yield from _records_in(f"{label}[{at}]", item, part, are_apart)
