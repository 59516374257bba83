"""The dimensions of what is put together of several tensors, or cut into several: `cat`, `chunk`, `unfold`.

So a reshape after one of them is judged, too: `x.repeat(n, 1)` has its samples innermost, and
`torch.stack(steps)` has the steps in front.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit.dimensions import Dimension, Factor, TrackedAxes, joined, size_of
from typed_einsum.testing.audit.operations import Operation
from typed_einsum.testing.audit.reshapes import Mixed, regrouped
from typed_einsum.testing.audit.vocabulary import CUTS, REPEATS

KINDS = {"cat", *CUTS, *REPEATS, "stack", "unfold"}


def pieced(operation: Operation, tracked: TrackedAxes) -> bool:
    """Remember the dimensions of each result; False for other operations, or where too little is known."""
    if operation.name not in KINDS or not operation.tensors or not operation.results:
        return False
    found = _pieces(operation, tracked, [tracked.of(tensor) for tensor in operation.tensors])
    if found is None:
        return False
    for tensor, own in zip(operation.results, found, strict=True):
        if [size_of(dimension) for dimension in own] != list(shape_of(tensor)):
            return False
        tracked.remember(tensor, own)
        for factor in (factor for dimension in own for factor in dimension if factor.whole is not None):
            tracked.remember_factor(factor)
    return True


def _pieces(
    operation: Operation, tracked: TrackedAxes, sources: Sequence[tuple[Dimension, ...]]
) -> list[tuple[Dimension, ...]] | None:
    match operation.name:
        case "cat":
            found = _joined_along(operation, sources)
        case "stack":
            found = _stacked(operation, tracked, sources)
        case name if name in CUTS:
            return _cut(operation, tracked, sources[0])
        case name if name in REPEATS:
            found = _repeated(operation, tracked, sources[0])
        case "unfold":
            found = _windows(operation, tracked, sources[0])
        case _:
            return None
    return None if found is None else [found]


def _axis(dim: Any, rank: int) -> int | None:
    return dim % rank if isinstance(dim, int) and -rank <= dim < rank else None


def _all_equal(sources: Sequence[tuple[Dimension, ...]]) -> bool:
    return len(set(sources)) == 1


def _count(tracked: TrackedAxes, count: int) -> Dimension:
    """An axis that counts copies or tensors: the one of that size, or one called by its number."""
    found = tracked.by_size(count)
    return (Factor(str(count), count),) if found and not found[0].named else found


def _several(dimension: Dimension, count: int, *, outer: Dimension) -> Dimension:
    """As many equal dimensions side by side; the pieces that a chunk cut are the whole again."""
    first = dimension[:1]
    for factor in first:
        if factor.inner and factor.whole is not None and factor.whole.size == count * factor.size:
            return joined((factor.whole, *dimension[1:]))
    return (*outer, *dimension)


def _joined_along(
    operation: Operation, sources: Sequence[tuple[Dimension, ...]]
) -> tuple[Dimension, ...] | None:
    axis = _axis(operation.option("dim", 1, operation.options.get("axis", 0)), len(sources[0]))
    if axis is None or len(sources) < 2 or not _all_equal(sources):
        return None
    found = list(sources[0])
    count = len(sources)
    found[axis] = _several(found[axis], count, outer=(Factor(str(count), count, extends=True),))
    return tuple(found)


def _stacked(
    operation: Operation, tracked: TrackedAxes, sources: Sequence[tuple[Dimension, ...]]
) -> tuple[Dimension, ...] | None:
    axis = _axis(operation.option("dim", 1, 0), len(sources[0]) + 1)
    if axis is None or not _all_equal(sources):
        return None
    return (*sources[0][:axis], _count(tracked, len(sources)), *sources[0][axis:])


def _cut(
    operation: Operation, tracked: TrackedAxes, source: Sequence[Dimension]
) -> list[tuple[Dimension, ...]] | None:
    """Equal pieces of one axis."""
    position = 1 if operation.name == "tensor_split" else 2
    axis = _axis(operation.option("dim", position, 0), len(source))
    if axis is None:
        return None
    sizes = [shape_of(result)[axis] for result in operation.results]
    if len(sizes) < 2 or len(set(sizes)) > 1 or 0 in sizes:
        return None
    found = regrouped([source[axis]], [len(sizes), sizes[0]])
    piece = tracked.by_size(sizes[0])
    if not isinstance(found, Mixed) and not any(factor.named for factor in piece):
        piece = found[1]
    return [(*source[:axis], piece, *source[axis + 1 :])] * len(sizes)


def _repeated(
    operation: Operation, tracked: TrackedAxes, source: Sequence[Dimension]
) -> tuple[Dimension, ...] | None:
    """Copies side by side have the count outermost; each entry repeated has it innermost."""
    if operation.name == "repeat_interleave":
        count = operation.option("repeats", 1)
        axis = _axis(operation.option("dim", 2), len(source))
        if not isinstance(count, int) or axis is None:
            return None
        found = list(source)
        found[axis] = (*found[axis], *(_count(tracked, count) if count > 1 else ()))
        return tuple(found)
    counts = list(operation.arguments[1:])
    if len(counts) == 1 and isinstance(counts[0], list | tuple):
        counts = list(counts[0])
    if not counts or not all(isinstance(count, int) for count in counts):
        return None
    long = max(len(counts), len(source))
    counts = [1] * (long - len(counts)) + counts
    padded = [()] * (long - len(source)) + list(source)
    return tuple(
        dimension
        if count == 1
        else (*(replace(factor, extends=bool(dimension)) for factor in _count(tracked, count)), *dimension)
        for dimension, count in zip(padded, counts, strict=True)
    )


def _windows(
    operation: Operation, tracked: TrackedAxes, source: Sequence[Dimension]
) -> tuple[Dimension, ...] | None:
    """`x.unfold(dim, size, step)`, or `F.unfold(x, size, stride=size)`, where windows do not overlap."""
    if len(shape_of(operation.tensors[0])) == 4 and len(shape_of(operation.results[0])) == 3:
        return _columns(operation, source)
    axis = _axis(operation.option("dimension", 1), len(source))
    size, step = operation.option("size", 2), operation.option("step", 3)
    if axis is None or not isinstance(size, int) or size != step:
        return None
    count, inside = _cropped(source[axis], size)
    return (*source[:axis], count, *source[axis + 1 :], inside)


def _columns(operation: Operation, source: Sequence[Dimension]) -> tuple[Dimension, ...] | None:
    kernel = _pair(operation.option("kernel_size", 1))
    moves = [_pair(operation.option(*option)) for option in (("dilation", 2, 1), ("padding", 3, 0))]
    if kernel is None or kernel != _pair(operation.option("stride", 4, 1)) or moves != [(1, 1), (0, 0)]:
        return None
    rows, columns = (_cropped(dimension, size) for dimension, size in zip(source[2:], kernel, strict=True))
    return source[0], (*source[1], *rows[1], *columns[1]), (*rows[0], *columns[0])


def _cropped(dimension: Dimension, size: int) -> tuple[Dimension, Dimension]:
    """Windows of this size and what is inside one; what is left over at the end falls away."""
    count = size_of(dimension) // size
    if size_of(dimension) % size == 0:
        found = regrouped([dimension], [count, size])
        if not isinstance(found, Mixed):
            return found[0], found[1]
    name, named = ("*".join(factor.axis for factor in dimension), all(factor.named for factor in dimension))
    outer, inner = Factor(name, count * size, named).split(count)
    return joined((outer,)) if count > 1 else (), (inner,) if size > 1 else ()


def _pair(value: Any) -> tuple[int, int] | None:
    match value:
        case int():
            return value, value
        case (int(one), int(other)):
            return one, other
        case _:
            return None
