"""The tensors in a value, each with its annotation: in containers, in records, under `*args`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor

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
    parts_of,
)
from typed_einsum.annotations.records import field_value, fields_of, instances_of, with_fields
from typed_einsum.equation.axes import is_variadic
from typed_einsum.tensors import dtype_of, is_tensor, shape_of

Change = Callable[[TensorHint, Tensor], Tensor]


def passed_tensors(
    hints: Mapping[str, Hint], arguments: Mapping[str, Any]
) -> Iterator[tuple[TensorHint, Any]]:
    """Every tensor among the arguments, with its annotation."""
    for name, value in arguments.items():
        if name in hints:
            yield from tensors_with_hints(hints[name], value)


def tensors_with_hints(hint: Hint, value: Any) -> Iterator[tuple[TensorHint, Any]]:
    """Every tensor in a value, with its annotation."""
    if isinstance(hint, TensorHint) and is_tensor(value):
        yield hint, value
    for _, inner, part in _opened(hint, value):
        yield from tensors_with_hints(inner, part)


def changed(hint: Hint, value: Any, change: Change) -> Any:
    """A value with every tensor in it changed."""
    if isinstance(hint, TensorHint) and is_tensor(value):
        return change(hint, value)
    after = {where: changed(inner, part, change) for where, inner, part in _opened(hint, value)}
    if not after:
        return value
    if isinstance(hint, OptionalHint | UnionHint):
        return after[None]
    if fields_of(hint):
        return with_fields(value, {str(where): part for where, part in after.items()})
    if isinstance(value, Mapping):
        return _of_kind(value, {**value, **after})
    return _of_kind(value, [after.get(i, part) for i, part in enumerate(value)])


def declared_tensors(hint: Hint, within: tuple[Hint, ...] = ()) -> Iterator[TensorHint]:
    """Every tensor that an annotation speaks of, those in the fields of its records among them."""
    if isinstance(hint, TensorHint):
        yield hint
    if hint in within:  # a record that has itself in a field
        return
    for inner in (*parts_of(hint), *fields_of(hint).values()):
        yield from declared_tensors(inner, (*within, hint))


def _opened(hint: Hint, value: Any) -> list[tuple[Any, Hint, Any]]:
    """What is directly inside a value: where, with which annotation, and what."""
    match hint:
        case TensorHint() | AnyHint():
            return []
        case OptionalHint(inner, others):
            return [] if any(other.accepts(value) for other in others) else [(None, inner, value)]
        case UnionHint(members):
            fitting = next((member for member in members if fits(member, value)), None)
            return [] if fitting is None else [(None, fitting, value)]
        case TupleHint(items) if isinstance(value, tuple):
            return [(i, *pair) for i, pair in enumerate(zip(items, value, strict=False))]
        case ListHint(_, item) if isinstance(value, list | tuple):
            return [(i, item, part) for i, part in enumerate(value)]
        case DictHint(_, _, item) if isinstance(value, Mapping):
            return [(key, item, part) for key, part in value.items()]
        case RecordHint(kind) if isinstance(value, instances_of(kind)):
            return [(name, inner, field_value(value, name)) for name, inner in fields_of(hint).items()]
        case _:
            return []


def fits(hint: Hint, value: Any) -> bool:
    """Whether a value may be of this member of a union, by its type, its dtype and its number of axes."""
    match hint:
        case TensorHint(kind, dtypes, _, _, axes):
            if not isinstance(value, kind) or (dtypes is not None and dtype_of(value) not in dtypes):
                return False
            rank, spread = len(shape_of(value)), any(map(is_variadic, axes))
            return rank >= len(axes) - 1 if spread else rank == len(axes)
        case PlainHint() | BeartypeHint():
            return hint.accepts(value)
        case RecordHint(kind):
            return isinstance(value, instances_of(kind))
        case TupleHint(items):
            return isinstance(value, tuple) and len(value) == len(items) and all(map(fits, items, value))
        case ListHint(kind, item):
            return isinstance(value, kind) and all(fits(item, part) for part in value)
        case DictHint(kind, _, item):
            return isinstance(value, kind) and all(fits(item, part) for part in value.values())
        case OptionalHint() | UnionHint():
            return any(fits(member, value) for member in parts_of(hint))
        case AnyHint() | JudgedHint():
            return True


def _of_kind(value: Any, parts: Any) -> Any:
    """Parts as a container of the same type as a value; a named tuple takes them one by one."""
    if hasattr(value, "_fields"):
        return type(value)(*parts)
    return type(value)(parts) if type(value) in (list, tuple, dict) else parts
