"""Records: classes such as dataclasses, whose fields have annotations of their own."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Iterator, Mapping
from typing import Any, ForwardRef, NotRequired, Required, TypeVar, get_args, get_origin, is_typeddict

from typed_einsum.annotations.hints import ABSENT, Hint, RecordField, RecordHint, UnionHint, parts_of
from typed_einsum.decorate.resolution import Unresolved, resolved_fields


def is_record(kind: Any) -> bool:
    """Whether a class is a dataclass, a named tuple, a typed dict, a tensorclass or a typed tensordict."""
    if not isinstance(kind, type):
        return False
    return dataclasses.is_dataclass(kind) or _is_named_tuple(kind) or is_keyed(kind)


def is_keyed(kind: type) -> bool:
    """Whether fields are items under keys, so that any mapping with these keys is such a record."""
    return is_typeddict(kind) or _is_typed_tensordict(kind)


def instances_of(kind: type) -> type[Any]:
    """The class of which each record is an instance; a typed dict is any mapping with its keys."""
    return Mapping if is_typeddict(kind) else kind


def _is_named_tuple(kind: type) -> bool:
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


def _is_typed_tensordict(kind: type) -> bool:
    """Whether a class is a `TypedTensorDict` with fields; tensordict is not imported for that."""
    module = sys.modules.get("tensordict")
    base = getattr(module, "TypedTensorDict", None)
    return base is not None and kind is not base and issubclass(kind, base)


def fields_of(hint: Hint) -> Mapping[str, Hint]:
    """The fields that are passed to make a record, by name; empty for other types."""
    if not isinstance(hint, RecordHint):
        return {}
    if not dataclasses.is_dataclass(hint.kind):
        return {name: field.hint for name, field in hint.fields.items()}
    passed = {field.name for field in dataclasses.fields(hint.kind) if field.init}
    return {name: field.hint for name, field in hint.fields.items() if name in passed}


def field_value(record: Any, name: str) -> Any:
    """The value of a field; `ABSENT` where a record lacks it."""
    if isinstance(record, Mapping):
        return record.get(name, ABSENT)
    return getattr(record, name, ABSENT)


def with_fields(record: Any, values: Mapping[str, Any]) -> Any:
    """A copy of a record with other values in some fields."""
    if isinstance(record, dict):
        return {**record, **values}
    if hasattr(record, "batch_size") and hasattr(record, "replace"):  # of tensordict
        return record.replace(**values)
    if isinstance(record, tuple):
        return record._replace(**values)  # type: ignore[attr-defined]
    return dataclasses.replace(record, **values)


def made(kind: Any, values: Mapping[str, Any]) -> Any:
    """A record of a class with these fields; one of tensordict's has no batch axes."""
    batched = "batch_size" not in values and _is_tensordicts(kind)
    return kind(**values, batch_size=[]) if batched else kind(**values)


def _is_tensordicts(kind: type) -> bool:
    return _is_typed_tensordict(kind) or getattr(kind, "_is_tensorclass", False)


def _default_of(kind: Any, name: str) -> Any:
    if dataclasses.is_dataclass(kind):
        found = next((each.default for each in dataclasses.fields(kind) if each.name == name), ABSENT)
        return ABSENT if found is dataclasses.MISSING else found
    return getattr(kind, "_field_defaults", {}).get(name, ABSENT)


def may_lack(kind: Any, name: str) -> bool:
    """Whether a record may be without a field: a key that is not required, or a field that is set later."""
    if not is_keyed(kind):
        return True
    # A mark in an annotation that is a text is not among the `__optional_keys__`.
    mark = get_origin(resolved_fields(kind).get(name))
    if mark in (Required, NotRequired):
        return mark is NotRequired
    return name in getattr(kind, "__optional_keys__", ())


class Incomplete(Exception):
    """A field names a type that is not defined yet; `args[0]` has the annotations so far."""


def annotations_of(kind: type, arguments: tuple[Any, ...] = ()) -> Mapping[str, Any]:
    """The annotation of each field of a record. Raises `Incomplete`."""
    found = {name: _without_marks(annotation) for name, annotation in _substituted_fields(kind, arguments)}
    if dataclasses.is_dataclass(kind):
        names = [field.name for field in dataclasses.fields(kind)]
        found = {name: found[name] for name in names if name in found}
    elif _is_named_tuple(kind):
        found = {name: found[name] for name in kind._fields if name in found}  # type: ignore[attr-defined]
    elif _is_typed_tensordict(kind):
        keys = kind.__expected_keys__  # type: ignore[attr-defined]
        found = {name: each for name, each in found.items() if name in keys}
    known = {name: Any if isinstance(each, Unresolved) else each for name, each in found.items()}
    if known != found:
        raise Incomplete(known)
    return known


def _substituted_fields(kind: type, arguments: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """The fields of a class and of those that it inherits from, with types in place of type variables."""
    variables = _variables(kind, arguments)
    for name, annotation in resolved_fields(kind).items():
        yield name, _substituted(annotation, variables)


def _variables(kind: type, arguments: tuple[Any, ...]) -> dict[Any, Any]:
    """What each type variable of a class, and of its generic bases, stands for."""
    known = dict(zip(getattr(kind, "__parameters__", ()), arguments, strict=False))
    for base in getattr(kind, "__orig_bases__", ()):
        origin = get_origin(base)
        if isinstance(origin, type):
            inner = tuple(_substituted(each, known) for each in get_args(base))
            known = {**_variables(origin, inner), **known}
    return known


def _substituted(annotation: Any, variables: Mapping[Any, Any]) -> Any:
    if isinstance(annotation, TypeVar):
        return variables.get(annotation, Any)
    inner = getattr(annotation, "__parameters__", ())
    if not inner or isinstance(annotation, type):
        return annotation
    return annotation[tuple(variables.get(each, Any) for each in inner)]


def _without_marks(annotation: Any) -> Any:
    """The annotation of a typed dict's key without `Required` and the like."""
    while get_origin(annotation) in (Required, NotRequired):
        annotation = get_args(annotation)[0]
    return Unresolved(annotation.__forward_arg__, "") if isinstance(annotation, ForwardRef) else annotation


def complete(hint: RecordHint) -> bool:
    """Whether all types that a record names are defined."""
    try:
        annotations_of(hint.kind, hint.arguments)
    except Incomplete:
        return False
    return True


def has_union(hint: Hint, within: tuple[RecordHint, ...] = ()) -> bool:
    """Whether a union may be inside, in the fields of records too; of a record with types that are not
    defined yet it is not known."""
    if isinstance(hint, RecordHint) and hint not in within:
        inner = (*within, hint)
        return not complete(hint) or any(has_union(field.hint, inner) for field in hint.fields.values())
    return isinstance(hint, UnionHint) or any(has_union(part, within) for part in parts_of(hint))


def read_fields(hint: RecordHint) -> Mapping[str, RecordField]:
    """The fields of a record; where something is not defined yet, a field may be anything for now."""
    try:
        fields = _fields(hint)
    except Incomplete as error:
        return _described(hint.kind, error.args[0])
    object.__setattr__(hint, "known", fields)
    return fields


@functools.lru_cache(maxsize=256)
def _fields(hint: RecordHint) -> Mapping[str, RecordField]:
    return _described(hint.kind, annotations_of(hint.kind, hint.arguments))


def _described(kind: type, annotations: Mapping[str, Any]) -> Mapping[str, RecordField]:
    from typed_einsum.annotations import describe, mentions_tensors  # they read records, too

    return {
        name: RecordField(
            name,
            describe(annotation),
            _default_of(kind, name),
            not may_lack(kind, name),
            mentions_tensors(annotation) or mentions_records(annotation),
        )
        for name, annotation in annotations.items()
    }


def record_hint(annotation: Any) -> RecordHint | None:
    """The hint of a record that holds tensors; None for any other annotation."""
    hint = _as_record(annotation)
    return hint if hint is not None and _mentions_tensors(hint, ()) else None


def mentions_records(annotation: Any) -> bool:
    """Whether a record that holds tensors stands anywhere inside."""
    return any(_mentions_tensors(hint, ()) for hint in _records_in(annotation))


def _as_record(annotation: Any) -> RecordHint | None:
    arguments = get_args(annotation)
    kind = get_origin(annotation) if arguments else annotation
    return RecordHint(kind, arguments, read=read_fields) if is_record(kind) else None


def _records_in(annotation: Any) -> Iterator[RecordHint]:
    hint = _as_record(annotation)
    if hint is not None:
        yield hint
    for part in get_args(annotation):
        yield from _records_in(part)


def _mentions_tensors(hint: RecordHint, within: tuple[RecordHint, ...]) -> bool:
    from typed_einsum.annotations import mentions_tensors

    try:
        annotations = annotations_of(hint.kind, hint.arguments)
    except Incomplete as error:
        annotations = error.args[0]
    inner = (record for each in annotations.values() for record in _records_in(each))
    return any(map(mentions_tensors, annotations.values())) or any(
        _mentions_tensors(each, (*within, hint)) for each in inner if each not in (*within, hint)
    )
