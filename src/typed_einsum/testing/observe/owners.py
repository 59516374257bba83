"""Names that several objects have: each record in a list has its own, and an attribute its own `*batch`.

jaxtyping compares fields within one record only, and does not compare arguments with attributes. In programs
that are annotated by these rules, a size may differ between such objects.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
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
from typed_einsum.checked.examination import Examination
from typed_einsum.checked.signature import CheckedSignature
from typed_einsum.errors import TypedEinsumError
from typed_einsum.solver import Bindings

ANY_AXES = "TE204"
"""The code of tensors that differ in the axes of one `*name`."""


def are_as_annotated_apart(
    signature: CheckedSignature, bound: BoundArguments, result: Any, error: TypedEinsumError
) -> bool:
    """Whether nothing but names of several objects has raised the error of this call."""
    hints = {name: hint for name, hint in signature.hints.items() if not _holds_several(hint)}
    alone = AnyHint() if _holds_several(signature.result) else signature.result
    narrow = replace(signature, hints=hints, result=alone)
    has_attributes = error.code == ANY_AXES and signature.owner is not None
    if len(hints) == len(signature.hints) and alone is signature.result and not has_attributes:
        return False
    try:
        bindings, waiting = narrow.examine_arguments(bound, with_attributes=not has_attributes)
        narrow.examine_result(result, bindings, bound.arguments, waiting)
        for label, hint, record in _records(signature, bound, result):
            examination = Examination(signature, Bindings())
            examination.collect(label, hint, record)
            examination.bind({})
    except TypedEinsumError:
        return False
    return True


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


def _records(
    signature: CheckedSignature, bound: BoundArguments, result: Any
) -> Iterator[tuple[str, RecordHint, Any]]:
    values = {**bound.arguments, "return": result}
    for name, hint in {**signature.hints, "return": signature.result}.items():
        if name in values and _holds_several(hint):
            yield from _records_in(name, hint, values[name])


def _records_in(label: str, hint: Hint, value: Any) -> Iterator[tuple[str, RecordHint, Any]]:
    match hint:
        case RecordHint():
            yield label, hint, value
        case ListHint(_, item) if isinstance(value, Collection):
            for at, part in enumerate(value):
                yield from _records_in(f"{label}[{at}]", item, part)
        case DictHint(_, _, item) if isinstance(value, Mapping):
            for key, part in value.items():
                yield from _records_in(f"{label}[{key!r}]", item, part)
        case OptionalHint(inner) if value is not None:
            yield from _records_in(label, inner, value)
        case TupleHint(items):
            for at, (item, part) in enumerate(zip(items, value, strict=True)):
                yield from _records_in(f"{label}[{at}]", item, part)
