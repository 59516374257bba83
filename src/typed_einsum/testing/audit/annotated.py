"""The dimensions of arguments, as their annotations name them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from typed_einsum.equation.axes import Axis, Expression, Fixed, Named
from typed_einsum.equation.expressions import NotArithmetic, Number, Size, factors, read_expression
from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit.dimensions import (
    WRITTEN_ONE,
    Dimension,
    Factor,
    TrackedAxes,
    size_of,
    twins_apart,
)


def annotated_dimensions(axes: Sequence[Axis], tensor: Tensor, tracked: TrackedAxes) -> tuple[Dimension, ...]:
    """What the annotation of an argument says its dimensions are."""
    shape = shape_of(tensor)
    if len(axes) != len(shape):  # an axis that stands for several
        return tuple(tracked.by_size(size) for size in shape)
    found = [_label(axis, size, tracked) for axis, size in zip(axes, shape, strict=True)]
    return twins_apart(found)


def _label(axis: Axis, size: int, tracked: TrackedAxes) -> Dimension:
    match axis:
        case Fixed(1):
            return WRITTEN_ONE
        case Fixed(written) if written == size:
            return (Factor(axis.name or str(written), size),)
        case Named(name):
            return _compound(name, size, tracked) or (Factor(name, size),) if size > 1 else ()
        case Expression(text):
            dimension = tuple(_factors(text, tracked))
            return dimension if size_of(dimension) == size else tracked.by_size(size)
        case _:
            return tracked.by_size(size)


def _compound(name: str, size: int, tracked: TrackedAxes) -> Dimension:
    """The factors of an axis like `bh` where `b` is an axis, too: merged in the order of its letters."""
    for length in range(1, len(name)):
        outer = tracked.size_of_name(name[:length])
        inner = tracked.size_of_name(name[length:])
        if outer and size % outer == 0 and size // outer > 1 and (inner or len(name) == 2):
            return Factor(name[:length], outer), Factor(name[length:], size // outer)
    return ()


def _factors(text: str, tracked: TrackedAxes) -> Iterator[Factor]:
    """The factors of a written product, in order; nothing for other texts."""
    try:
        found = factors(read_expression(text))
    except NotArithmetic:
        return
    for factor in found:
        match factor:
            case Size(name) if tracked.size_of_name(name):
                yield Factor(name, tracked.size_of_name(name))
            case Number(value) if value > 1:
                yield Factor(str(value), value)
