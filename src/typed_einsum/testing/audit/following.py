"""The dimensions of what an operation returns, from those of what it was given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from typed_einsum.tensors import dtype_of, shape_of
from typed_einsum.testing.audit.dimensions import (
    WRITTEN_ONE,
    Dimension,
    Factor,
    TrackedAxes,
    size_of,
    twins_apart,
    unknown,
)
from typed_einsum.testing.audit.operations import Operation, letters_of, reduced_axes
from typed_einsum.testing.audit.pieces import pieced
from typed_einsum.testing.audit.reshapes import Mixed, mixed_up, regrouped
from typed_einsum.testing.audit.vocabulary import MATMULS, PERMUTES, REDUCTIONS, VIEWS


def follow(call: Any, operation: Operation, tracked: TrackedAxes) -> None:
    """Remember the dimensions of everything that a call returned."""
    sources = [tracked.of(tensor) for tensor in operation.tensors]
    if not operation.results or not sources or pieced(operation, tracked):
        return
    result = operation.results[0]
    match operation.name:
        case name if name in VIEWS:
            found = regrouped(sources[0], shape_of(result))
            if isinstance(found, Mixed):
                found = mixed_up(found, sources[0], shape_of(result), tracked)
            for factor in (factor for dimension in found for factor in dimension):
                tracked.remember_factor(factor)
        case name if name in PERMUTES:
            found = _permuted(call, operation, sources[0])
        case name if name in MATMULS and len(sources) == 2:
            found = _multiplied(operation, tracked, sources)
        case "linear" if shape_of(result) and shape_of(result)[-1] == 1:
            found = (*_followed(result, operation, tracked, sources)[:-1], WRITTEN_ONE)
        case "einsum":
            found = _contracted(operation, tracked)
        case "__getitem__" if (indexed := _indexed(operation, tracked, sources[0])) is not None:
            found = indexed
        case "nonzero" | "argwhere" if len(shape_of(result)) == 2:
            found = tracked.by_size(shape_of(result)[0]), _entries(len(sources[0]))
        case "squeeze" if type(operation.option("dim", 1)) is int and len(shape_of(result)) < len(sources[0]):
            found = _without(operation, sources[0]) or ()
        case "unbind" | "select" if (rest := _without(operation, sources[0])) is not None:
            found = rest
        case name if name in REDUCTIONS and reduced_axes(operation) is not None:
            found = _reduced(operation, sources[0])
        case _ if all(not source for source in sources):
            found = tuple(tracked.by_size(size) for size in shape_of(result))
        case _:
            for tensor in operation.results:
                tracked.remember(tensor, _followed(tensor, operation, tracked, sources))
            return
    for tensor in operation.results:
        tracked.remember(tensor, found)


def _followed(
    tensor: Tensor, operation: Operation, tracked: TrackedAxes, sources: Sequence[tuple[Dimension, ...]]
) -> tuple[Dimension, ...]:
    """The dimensions of an operand of the same shape, or else those that sizes and positions say."""
    for source, operand in zip(sources, operation.tensors, strict=True):
        if shape_of(operand) == shape_of(tensor):
            return source
    return tracked.inherited(shape_of(tensor), sources)


def _permuted(call: Any, operation: Operation, source: Sequence[Dimension]) -> tuple[Dimension, ...]:
    """What a permutation does, seen on a probe whose sizes are the positions of its axes."""
    probe = torch.empty([2 + i for i in range(len(source))], device="meta")
    moved = call(probe, *operation.arguments[1:], **operation.options)
    return tuple(() if size == 1 else source[size - 2] for size in shape_of(moved))


def _multiplied(
    operation: Operation, tracked: TrackedAxes, sources: list[tuple[Dimension, ...]]
) -> tuple[Dimension, ...]:
    left, right = sources
    rows = left[-2:-1]
    columns = right[-1:] if len(right) > 1 else ()
    shape = shape_of(operation.results[0])
    stacked = len(shape) - len(rows) - len(columns)
    batch = tracked.inherited(shape[:stacked], [left[:-2], right[:-2]])
    return twins_apart([*batch, *rows, *columns])


def _entries(rank: int) -> Dimension:
    """The indices of one entry, side by side: of a tensor with one axis, one index."""
    return WRITTEN_ONE if rank == 1 else (Factor(str(rank), rank),)


def _without(operation: Operation, source: Sequence[Dimension]) -> tuple[Dimension, ...] | None:
    """What is left where one axis is taken apart."""
    dim = operation.option("dim", 1, 0)
    if not isinstance(dim, int) or not -len(source) <= dim < len(source):
        return None
    return tuple(each for at, each in enumerate(source) if at != dim % len(source))


def _indexed(
    operation: Operation, tracked: TrackedAxes, source: Sequence[Dimension]
) -> tuple[Dimension, ...] | None:
    """What numbers, slices, `None`, `...` and an index leave; a slice of one entry is an axis of the data."""
    key = operation.arguments[1]
    items = key if isinstance(key, tuple) else (key,)
    tensors = [item for item in items if isinstance(item, Tensor)]
    if len(tensors) > 1 or any(not _is_whole(dtype_of(tensor)) for tensor in tensors):
        return None
    plain = [item for item in items if not isinstance(item, Tensor)]
    if not all(item is None or item is ... or type(item) in (int, slice) for item in plain):
        return None
    if tensors and any(item is None or type(item) is int for item in plain):
        return None  # the axes of the index may come first
    taken = len([item for item in items if item is not None and item is not ...])
    at = next((at for at, item in enumerate(items) if item is ...), len(items))
    whole = (slice(None),) * (len(source) - taken)
    axes, sizes = iter(source), iter(shape_of(operation.results[0]))
    found: list[Dimension] = []
    for item in (*items[:at], *whole, *items[at + 1 :]):
        if item is None:
            found.append(tracked.by_size(next(sizes)))
            continue
        dimension = next(axes)
        if isinstance(item, Tensor):
            found += tracked.of(item)
            for _ in shape_of(item):
                next(sizes)
        elif isinstance(item, slice):
            is_clipped = type(item.stop) is int and item.stop > size_of(dimension)
            size = next(sizes)
            found.append(unknown(size) if is_clipped and size > 1 else _slice(dimension, size, tracked))
    return tuple(found)


def _is_whole(dtype: torch.dtype) -> bool:
    return not dtype.is_floating_point and not dtype.is_complex and dtype != torch.bool


def _slice(dimension: Dimension, size: int, tracked: TrackedAxes) -> Dimension:
    """A part of a dimension; of one whose entries are mixed nothing is known."""
    if size == size_of(dimension):
        return dimension
    if size == 1:
        return WRITTEN_ONE
    return tracked.by_size(size) if all(factor.named for factor in dimension) else unknown(size)


def _contracted(operation: Operation, tracked: TrackedAxes) -> tuple[Dimension, ...]:
    letters = letters_of(operation)
    if letters is None:
        sources = [tracked.of(tensor) for tensor in operation.tensors]
        return tracked.inherited(shape_of(operation.results[0]), sources)
    held: dict[str, Dimension] = {}
    for operand, tensor in zip(letters[0], operation.tensors, strict=True):
        for letter, dimension in zip(operand, tracked.of(tensor), strict=True):
            if not held.get(letter):
                held[letter] = dimension
    return twins_apart([held[letter] for letter in letters[1]])


def _reduced(operation: Operation, source: Sequence[Dimension]) -> tuple[Dimension, ...]:
    axes = reduced_axes(operation) or ()
    kept = len(shape_of(operation.results[0])) == len(source) and bool(source)
    dimensions = [() if i in axes else dimension for i, dimension in enumerate(source)]
    return tuple(dimension for i, dimension in enumerate(dimensions) if kept or i not in axes)
