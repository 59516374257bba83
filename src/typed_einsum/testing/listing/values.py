"""What is kept of a value: the axes of a tensor, of tensors in containers, and sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor

from typed_einsum.tensors import dtype_of, is_tensor, shape_of, short
from typed_einsum.testing.inputs.own import attributes_of, name_of_item

Size = Any
"""A size: a number, or an expression of symbols that stand for axes."""

MOST_ITEMS, MOST_DEPTH = 8, 3
"""How much of a container is looked at."""


@dataclass(frozen=True)
class Shape:
    """The dtype and the axes of a tensor, and the tensor itself if it has no numbers."""

    dtype: str
    axes: tuple[Size, ...]
    tensor: Any = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Several:
    """A container with tensors: its type, its first items by key or number, and how many it has."""

    kind: str
    items: tuple[tuple[str, Value], ...]
    length: int


@dataclass(frozen=True)
class Number:
    """A whole number that may be the size of an axis."""

    size: Size


Value = Shape | Several | Number


def seen(value: Any, depth: int = 0) -> Value | None:
    """What is kept of a value; None of one without tensors that is no whole number."""
    if is_tensor(value):
        tensor = value if isinstance(value, FakeTensor) else None
        return Shape(short(dtype_of(value)), tuple(map(size_of, shape_of(value))), tensor)
    if is_number(value):
        return Number(size_of(value))
    if depth >= MOST_DEPTH:
        return None
    kind = type(value).__name__
    match value:
        case list() | tuple():
            items: Any = ((str(at), each) for at, each in enumerate(value[:MOST_ITEMS]))
        case dict():
            first = enumerate([*value.items()][:MOST_ITEMS])
            items = ((name_of_item(key, at), each) for at, (key, each) in first)
        case _ if hasattr(type(value), "__dataclass_fields__"):
            value = attributes_of(value)
            items = [*value.items()][:MOST_ITEMS]
        case _:
            return None
    found = tuple((key, kept) for key, each in items if (kept := seen(each, depth + 1)) is not None)
    if not any(isinstance(each, Shape | Several) for _, each in found):
        return None
    return Several(kind, found, len(value))


def is_number(value: Any) -> bool:
    """Whether a value is a whole number, or stands for one."""
    return isinstance(value, torch.SymInt) or type(value) is int


def size_of(size: Any) -> Size:
    """A size as torch knows it, as an expression."""
    if not isinstance(size, torch.SymInt):
        return int(size)
    expression = size.node.expr
    return int(expression) if expression.is_Integer else expression


def shapes_in(value: Value | None) -> Iterator[Shape]:
    """The tensors in a value."""
    match value:
        case Shape():
            yield value
        case Several(items=items):
            for _, each in items:
                yield from shapes_in(each)


def settled(value: Any, final: Callable[[Size], Size]) -> Any:
    """A value with sizes as they are known in the end: two that turned out to be one are one."""
    match value:
        case Shape(dtype, axes, tensor):
            return Shape(dtype, tuple(map(final, axes)), tensor)
        case Several(kind, items, length):
            return Several(kind, tuple((key, settled(each, final)) for key, each in items), length)
        case Number(size):
            return Number(final(size))
    return value


def sizes_in(value: Value) -> Iterator[Size]:
    """The sizes of all axes in a value."""
    match value:
        case Shape(axes=axes):
            yield from axes
        case Several(items=items):
            for _, each in items:
                yield from sizes_in(each)
