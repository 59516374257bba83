"""Records: dataclasses, named tuples and typed dicts, whose fields have annotations of their own."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, is_typeddict

from typed_einsum.annotations import read_or_any
from typed_einsum.annotations.hints import AnyHint, BeartypeHint, Hint, PlainHint, tensors_in
from typed_einsum.decorate.resolution import Unresolved, resolved_fields


def fields_of(hint: Hint) -> Mapping[str, Hint]:
    """The fields of a record whose annotations hold tensors, by name; none for what is no such record."""
    match hint:
        case PlainHint(kind) if is_record(kind):
            return _fields(kind)
        case BeartypeHint(kind) if is_typeddict(kind):
            return _fields(kind)
        case _:
            return {}


def is_record(kind: Any) -> bool:
    """Whether a class is a dataclass, a named tuple or a typed dict."""
    if not isinstance(kind, type):
        return False
    return dataclasses.is_dataclass(kind) or hasattr(kind, "_fields") or is_typeddict(kind)


def field_value(record: Any, name: str) -> Any:
    """The value of a field; None where a record lacks it."""
    return record.get(name) if isinstance(record, dict) else getattr(record, name, None)


def with_fields(record: Any, values: Mapping[str, Any]) -> Any:
    """A copy of a record with other values in some fields."""
    if isinstance(record, dict):
        return {**record, **values}
    if isinstance(record, tuple):
        return record._replace(**values)  # type: ignore[attr-defined]
    return dataclasses.replace(record, **values)


@functools.lru_cache(maxsize=256)
def _fields(kind: type) -> Mapping[str, Hint]:
    return _hints(kind) if _holds_tensors(kind, set()) else {}


def _holds_tensors(kind: type, seen: set[type]) -> bool:
    """Whether a field, or one of a record in a field, is annotated with tensors."""
    seen.add(kind)
    hints = _hints(kind).values()
    inner: list[Any] = [
        hint.kind if isinstance(hint, PlainHint) else getattr(hint, "hint", None) for hint in hints
    ]
    return any(True for hint in hints for _ in tensors_in(hint)) or any(
        _holds_tensors(each, seen) for each in inner if is_record(each) and each not in seen
    )


@functools.lru_cache(maxsize=256)
def _hints(kind: type) -> Mapping[str, Hint]:
    found = {name: _read(annotation) for name, annotation in resolved_fields(kind).items()}
    if not dataclasses.is_dataclass(kind):
        return found
    passed = {field.name for field in dataclasses.fields(kind) if field.init}
    return {name: hint for name, hint in found.items() if name in passed}


def _read(annotation: Any) -> Hint:
    return AnyHint() if isinstance(annotation, Unresolved) else read_or_any(annotation)
