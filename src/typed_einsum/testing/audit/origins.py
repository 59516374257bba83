"""The labels of arguments, as their annotations name them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from typed_einsum.equation.axes import Axis, Expression, Fixed, Named
from typed_einsum.equation.expressions import NotArithmetic, Number, Size, factors, read_expression
from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit.labels import WRITTEN_ONE, Label, Labels, Part, size_of, twins_apart


def input_labels(axes: Sequence[Axis], tensor: Tensor, labels: Labels) -> tuple[Label, ...]:
    """What the annotation of an argument says its dimensions are."""
    shape = shape_of(tensor)
    if len(axes) != len(shape):  # an axis that stands for several
        return tuple(labels.by_size(size) for size in shape)
    found = [_label(axis, size, labels) for axis, size in zip(axes, shape, strict=True)]
    return twins_apart(found)


def _label(axis: Axis, size: int, labels: Labels) -> Label:
    match axis:
        case Fixed(1):
            return WRITTEN_ONE
        case Fixed(written) if written == size:
            return (Part(axis.name or str(written), size),)
        case Named(name):
            return _compound(name, size, labels) or (Part(name, size),) if size > 1 else ()
        case Expression(text):
            label = tuple(_factors(text, labels))
            return label if size_of(label) == size else labels.by_size(size)
        case _:
            return labels.by_size(size)


def _compound(name: str, size: int, labels: Labels) -> Label:
    """The parts of an axis like `bh` where `b` is an axis, too: merged in the order of its letters."""
    for length in range(1, len(name)):
        outer = labels.size_of_name(name[:length])
        inner = labels.size_of_name(name[length:])
        if outer and size % outer == 0 and size // outer > 1 and (inner or len(name) == 2):
            return Part(name[:length], outer), Part(name[length:], size // outer)
    return ()


def _factors(text: str, labels: Labels) -> Iterator[Part]:
    """The factors of a written product, in order; nothing for what is no product."""
    try:
        found = factors(read_expression(text))
    except NotArithmetic:
        return
    for factor in found:
        match factor:
            case Size(name) if labels.size_of_name(name):
                yield Part(name, labels.size_of_name(name))
            case Number(value) if value > 1:
                yield Part(str(value), value)
