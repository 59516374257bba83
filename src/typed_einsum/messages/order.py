"""Whether the axes of a tensor are all there, in another order than its annotation says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations

from typed_einsum.solver import Shape

Wanted = Sequence[tuple[int, ...] | None]
"""For each axis of a tensor the sizes it may have; None where nothing else says.

No sets: in an export a size may be a variable, which has no hash.
"""

Order = tuple[int, ...]
"""For each axis of the result the axis of the tensor that comes there, as `permute` takes it."""

MOST_PERMUTED = 6
"""Tensors of more axes are tried with two axes swapped or one moved, not with all orders."""


def sure_order(sizes: Shape, wanted: Wanted) -> Order | None:
    """The order in which all sizes fit, if every axis that it moves has a size to fit."""
    if _fits(tuple(range(len(sizes))), sizes, wanted):
        return None
    rank = len(sizes)
    every = permutations(range(rank)) if rank <= MOST_PERMUTED else ()
    tried = (order for orders in (_swaps(rank), _moves(rank), every) for order in orders)
    return next((order for order in tried if _fits(order, sizes, wanted) and _is_sure(order, wanted)), None)


def likely_order(sizes: Shape, wanted: Wanted) -> Order | None:
    """An order in which all sizes fit, though it may move axes whose sizes nothing else says."""
    if _fits(tuple(range(len(sizes))), sizes, wanted):
        return None
    tried = (order for orders in (_moves(len(sizes)), _swaps(len(sizes))) for order in orders)
    return next((order for order in tried if _fits(order, sizes, wanted)), None)


def moved(order: Order) -> list[int]:
    """The axes that are not where they were."""
    return [index for index, axis in enumerate(order) if index != axis]


def reordering(order: Order) -> str:
    """The method call that puts a tensor's axes in this order."""
    places = moved(order)
    if len(places) == 2:
        return f"transpose({places[0]}, {places[1]})"
    for source in places:
        for target in places:
            if order == _move(len(order), source, target):
                return f"movedim({source}, {target})"
    return f"permute({', '.join(map(str, order))})"


def _fits(order: Order, sizes: Shape, wanted: Wanted) -> bool:
    placed = zip(order, wanted, strict=True)
    return all(allowed is None or sizes[axis] in allowed for axis, allowed in placed)


def _is_sure(order: Order, wanted: Wanted) -> bool:
    return all(wanted[index] is not None for index in moved(order))


def _swaps(rank: int) -> Iterator[Order]:
    for first in range(rank):
        for second in range(first + 1, rank):
            order = list(range(rank))
            order[first], order[second] = second, first
            yield tuple(order)


def _moves(rank: int) -> Iterator[Order]:
    for source in range(rank):
        for target in range(rank):
            if source != target:
                yield _move(rank, source, target)


def _move(rank: int, source: int, target: int) -> Order:
    order = [axis for axis in range(rank) if axis != source]
    return (*order[:target], source, *order[target:])
