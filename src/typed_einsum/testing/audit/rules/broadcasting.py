"""TE704: an axis that meets itself, or another one, because torch adds axes in front."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any
from weakref import ref

import torch
from torch import Tensor

from typed_einsum.tensors import dtype_of, shape_of
from typed_einsum.testing.audit.dimensions import (
    WRITTEN_ONE,
    TrackedAxes,
    are_apart,
    is_named,
    shown,
    shown_all,
    size_of,
)
from typed_einsum.testing.audit.facts import Crossed, Facts, Reduced
from typed_einsum.testing.audit.findings import Flaw, error
from typed_einsum.testing.audit.operations import Operation, is_total, reduced_axes
from typed_einsum.testing.audit.rules.alignment import along_the_reduced
from typed_einsum.testing.audit.rules.registry import rule
from typed_einsum.testing.audit.vocabulary import POINTWISE, REDUCTIONS

CODE = "TE704"


@rule(CODE)
def against_itself(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """An axis of which every entry is combined with every other one."""
    if operation.name in POINTWISE:
        for pair in combinations(operation.tensors, 2):
            yield from _added_in_front(operation, pair, tracked, facts)
    if operation.name in REDUCTIONS and operation.tensors:
        _note_reduced(operation, tracked, facts)
        yield from _crossed(operation, facts)
    yield from along_the_reduced(operation, facts, CODE)
    if operation.name == "__getitem__" and isinstance(operation.arguments[1], tuple):
        _note_crossed(operation, tracked, facts)


def _added_in_front(
    operation: Operation, pair: tuple[Tensor, Tensor], tracked: TrackedAxes, facts: Facts
) -> Iterator[Flaw]:
    """`(n, 1)` and `(n,)`: torch adds an axis in front of the second."""
    one, other = (tracked.of(tensor) for tensor in pair)
    if not one or not other or len(one) == len(other):
        return
    long, short = (one, other) if len(one) > len(other) else (other, one)
    longer, shorter = pair if len(one) > len(other) else pair[::-1]
    in_front, behind = long[: -len(short)], long[-len(short) :]
    left = _left_by_reductions(longer, shorter, facts)
    for axis, (meeting, dimension) in enumerate(zip(behind, short, strict=True), len(in_front)):
        is_in_data = meeting == WRITTEN_ONE or axis in left
        if size_of(dimension) > 1 and is_in_data and dimension in (*in_front, *behind):
            shapes = f"{shown_all(one)} and {shown_all(other)}"
            yield error(
                f"`{operation.name}` of {shapes} broadcasts `{shown(dimension)}` against itself: every "
                "entry meets every other one; give both tensors the same axes",
                operation.line,
            )


def _left_by_reductions(tensor: Tensor, other: Tensor, facts: Facts) -> set[int]:
    """The axes of size 1 that `keepdim=True` has left; none where all pairs of reductions may be meant."""
    if facts.of(Reduced, [other]):  # as for distances, the squares of lengths
        return set()
    return {fact.axis for fact in facts.of(Reduced, [tensor]) if fact.kept}


def _note_reduced(operation: Operation, tracked: TrackedAxes, facts: Facts) -> None:
    tensor = operation.tensors[0]
    axes = reduced_axes(operation)
    rank = len(shape_of(tensor))
    if axes is not None and len(axes) == 1 and rank > 1:
        kept = len(shape_of(operation.results[0])) == rank
        over = tracked.of(tensor)[axes[0]]
        is_norm, is_sum = operation.name == "norm", operation.name == "sum"
        facts.add(operation.results[:1], Reduced(ref(tensor), axes[0], over, kept, is_norm, is_sum))


def _note_crossed(operation: Operation, tracked: TrackedAxes, facts: Facts) -> None:
    """`q[:, action]` takes the action of every sample for every sample."""
    items: Sequence[Any] = operation.arguments[1]
    if any(item is None or item is Ellipsis for item in items):
        return
    own = tracked.of(operation.tensors[0])
    kept = [dimension for dimension, item in zip(own, items, strict=False) if item == slice(None)]
    picked = [(at, item) for at, item in enumerate(items) if _is_index(item)]
    if len(picked) == 1 and picked[0][0] < len(own):
        at, index = picked[0]
        axis = tracked.of(index)
        if len(axis) == 1 and axis[0] in kept and is_named(axis[0]) and are_apart(axis[0], own[at]):
            facts.add(operation.results, Crossed(shown(axis[0]), operation.line))


def _is_index(item: Any) -> bool:
    return isinstance(item, Tensor) and not dtype_of(item).is_floating_point and dtype_of(item) != torch.bool


def _crossed(operation: Operation, facts: Facts) -> Iterator[Flaw]:
    """The mean or the sum of all pairs, where one entry for each was meant."""
    if operation.name in ("mean", "sum") and is_total(operation):
        for fact in facts.of(Crossed, operation.tensors[:1]):
            axis = fact.axis
            yield error(
                f"`x[:, index]` takes the index of every `{axis}` for every `{axis}`: to pick one entry "
                "for each, write `x[arange(len(x)), index]` or use gather",
                fact.line,
            )
