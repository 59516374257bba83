"""Axes that two tensors have merged in different orders, and that meet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit.findings import Found
from typed_einsum.testing.audit.labels import Label, Labels, shown
from typed_einsum.testing.audit.operations import MATMULS, POINTWISE, Operation, letters_of
from typed_einsum.testing.audit.rules.broadcasting import LOSSES

CLASSES = {"cross_entropy", "nll_loss"}
"""Losses whose target lacks the axis of the classes, the second one."""


def meeting(operation: Operation, labels: Labels) -> Iterator[Found]:
    """`x.reshape(b * t)` beside `y.T.reshape(t * b)`: as many entries, in another order."""
    for one, other in _meetings(operation, labels):
        if one != other and len(one) == len(other) and set(one) == set(other) == _distinct(one):
            name = operation.name.strip("_")
            text = f"`{name}` lays `{shown(one)}` against `{shown(other)}`: the same axes, merged in another "
            text += "order, so that entries meet which do not belong together; permute one before its reshape"
            yield "TE703", "error", text, (operation.file, operation.line)


def _distinct(label: Label) -> set[object]:
    """The parts of a dimension, if no two of them are of one axis; twins may be symmetric."""
    return set(label) if len({part.axis for part in label}) == len(label) else set()


def _meetings(operation: Operation, labels: Labels) -> Iterator[tuple[Label, Label]]:
    """The pairs of dimensions that an operation lays against each other."""
    tensors = operation.tensors[:2]
    if len(tensors) < 2:
        return
    one, other = (labels.of(tensor) for tensor in tensors)
    match operation.name:
        case name if name in POINTWISE | LOSSES:
            yield from _from_the_right(one, other)
        case name if name in CLASSES:
            same = len(shape_of(tensors[0])) == len(shape_of(tensors[1]))
            yield from _from_the_right(one if same else (*one[:1], *one[2:]), other)
        case name if name in MATMULS and one and other:
            yield one[-1], other[-2] if len(other) > 1 else other[-1]
            yield from _from_the_right(one[:-2], other[:-2])
        case "einsum" if (letters := letters_of(operation)) is not None:
            held: dict[str, Label] = {}
            for operand, tensor in zip(letters[0], operation.tensors, strict=True):
                for letter, label in zip(operand, labels.of(tensor), strict=True):
                    yield held.setdefault(letter, label), label
        case _:
            return


def _from_the_right(one: Sequence[Label], other: Sequence[Label]) -> Iterator[tuple[Label, Label]]:
    yield from zip(reversed(one), reversed(other), strict=False)
