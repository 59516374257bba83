"""Names that several objects have: each record and each item of a list or a dict has its own.

jaxtyping compares the fields of one record only, beartype looks at one item of a container, and neither
compares arguments with attributes. In programs that are annotated by these rules, a size may differ between
such objects.
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
)
from typed_einsum.annotations.hints import ABSENT
from typed_einsum.annotations.records import field_value
from typed_einsum.checked.examination import Examination
from typed_einsum.checked.signature import CheckedSignature
from typed_einsum.errors import TypedEinsumError
from typed_einsum.solver import Bindings
from typed_einsum.solver.labels import RETURN

ANY_AXES = "TE204"
"""The code of tensors that differ in the axes of one `*name`, which an attribute has for itself."""


def held_apart(
    signature: CheckedSignature, bound: BoundArguments, result: Any, error: TypedEinsumError
) -> frozenset[str]:
    """The arguments, and the result, whose objects need names of their own for a call to be as annotated.

    The object itself is among them where its attributes are not compared. Raises what is wrong all the same.
    """
    hints = {name: _without(hint) for name, hint in signature.hints.items()}
    narrow = replace(signature, hints=hints, result=_without(signature.result))
    names = {name for name, hint in hints.items() if hint != signature.hints[name]}
    names |= {RETURN} if narrow.result != signature.result else set()
    has_attributes = error.code == ANY_AXES and signature.owner is not None
    if not names and not has_attributes:
        raise error
    bindings, waiting = narrow.examine_arguments(bound, with_attributes=not has_attributes)
    narrow.examine_result(result, bindings, bound.arguments, waiting)
    values = {**bound.arguments, RETURN: result}
    hints = {**signature.hints, RETURN: signature.result}
    for name in names & values.keys():
        for label, each, value in _objects_in(name, hints[name], values[name]):
            is_record = isinstance(each, RecordHint)
            known = Bindings() if is_record else narrow.examine_arguments(bound, with_attributes=False)[0]
            examination = Examination(signature, known)
            examination.collect(label, each, value)
            examination.bind({})
    return frozenset(names | ({signature.owner or ""} if has_attributes else set()))


def _is_apart(hint: Hint) -> bool:
    """Whether a value has objects with names of their own."""
    match hint:
        case RecordHint() | ListHint() | DictHint():
            return True
        case OptionalHint(inner):
            return _is_apart(inner)
        case TupleHint(items):
            return any(map(_is_apart, items))
    return False


def _without(hint: Hint) -> Hint:
    """A hint without the objects that have names of their own."""
    if not _is_apart(hint):
        return hint
    match hint:
        case TupleHint(items):
            return TupleHint(tuple(map(_without, items)))
        case OptionalHint(TupleHint(items), others):
            return OptionalHint(TupleHint(tuple(map(_without, items))), others)
    return AnyHint()


def _objects_in(label: str, hint: Hint, value: Any) -> Iterator[tuple[str, Hint, Any]]:
    """The objects with names of their own, each without those inside it."""
    match hint:
        case RecordHint():
            own = {name: replace(each, hint=_without(each.hint)) for name, each in hint.fields.items()}
            yield label, replace(hint, read=lambda _: own), value
            for name, field in hint.fields.items():
                held = field_value(value, name)
                if held is not ABSENT and held is not field.default:
                    yield from _objects_in(f"{label}.{name}", field.hint, held)
        case ListHint(_, item) if isinstance(value, Collection):
            for at, part in enumerate(value):
                yield from _item(f"{label}[{at}]", item, part)
        case DictHint(_, _, item) if isinstance(value, Mapping):
            for key, part in value.items():
                yield from _item(f"{label}[{key!r}]", item, part)
        case OptionalHint(inner) if value is not None:
            yield from _objects_in(label, inner, value)
        case TupleHint(items) if isinstance(value, tuple) and len(value) == len(items):
            for at, (item, part) in enumerate(zip(items, value, strict=True)):
                yield from _objects_in(f"{label}[{at}]", item, part)


def _item(label: str, hint: Hint, value: Any) -> Iterator[tuple[str, Hint, Any]]:
    rest = _without(hint)
    if not isinstance(rest, AnyHint):
        yield label, rest, value
    yield from _objects_in(label, hint, value)
