"""Broadcasting that nobody asked for: an axis laid against itself, and losses of unequal shapes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from torch import Tensor

from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit.findings import Found
from typed_einsum.testing.audit.labels import WRITTEN_ONE, Label, Labels, shown, shown_all, size_of
from typed_einsum.testing.audit.notes import Difference, Notes
from typed_einsum.testing.audit.operations import POINTWISE, REDUCTIONS, Operation, is_total

LOSSES = {
    *("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy", "kl_div"),
    *("binary_cross_entropy_with_logits", "poisson_nll_loss", "gaussian_nll_loss", "soft_margin_loss"),
}
DIFFERENCES = {"sub", "__sub__", "__rsub__", "rsub", "subtract"}
POWERS = {"pow", "__pow__", "square", "abs"}


def against_itself(operation: Operation, labels: Labels) -> Iterator[Found]:
    """`(n, 1)` against `(n,)`: torch adds an axis in front, and each entry meets every other."""
    if operation.name in POINTWISE:
        for pair in combinations(operation.tensors, 2):
            yield from _against(operation, *(labels.of(tensor) for tensor in pair))


def _against(operation: Operation, one: Sequence[Label], other: Sequence[Label]) -> Iterator[Found]:
    if not one or not other or len(one) == len(other):
        return
    long, short = (one, other) if len(one) > len(other) else (other, one)
    in_front, behind = long[: -len(short)], long[-len(short) :]
    for meeting, label in zip(behind, short, strict=True):
        if size_of(label) > 1 and meeting == WRITTEN_ONE and label in (*in_front, *behind):
            shapes = f"{shown_all(one)} and {shown_all(other)}"
            text = f"`{operation.name.strip('_')}` of {shapes} lays `{shown(label)}` against itself: "
            text += "every entry meets every other; give both tensors the same axes"
            yield "TE704", "error", text, (operation.file, operation.line)


def losses(operation: Operation, labels: Labels, notes: Notes) -> Iterator[Found]:
    """A loss of two shapes, by name or written out as the mean of a squared difference."""
    place = operation.file, operation.line
    tensors = operation.tensors
    match operation.name:
        case name if name in LOSSES and len(tensors) >= 2 and shape_of(tensors[0]) != shape_of(tensors[1]):
            yield "TE705", "error", _unequal(f"`{name}`", tensors, labels), place
        case name if name in DIFFERENCES and len(tensors) == 2:
            axis = _met_one(*(labels.of(tensor) for tensor in tensors))
            if axis:
                notes.add(operation.results, Difference(axis, place))
        case name if name in POWERS:
            found = [note for note in notes.of(tensors[:1]) if isinstance(note, Difference)]
            notes.add(operation.results, *(Difference(note.axis, note.place, True) for note in found))
        case name if name in REDUCTIONS and tensors and is_total(operation):
            for note in notes.of(tensors[:1]):
                if isinstance(note, Difference) and note.squared:
                    text = "a loss of unequal shapes: the difference repeats an axis of size 1 along "
                    yield "TE705", "error", f"{text}`{note.axis}`", note.place


def _unequal(name: str, tensors: Sequence[Tensor], labels: Labels) -> str:
    shapes = " and ".join(shown_all(labels.of(tensor)) for tensor in tensors[:2])
    return f"{name} of {shapes}: unequal shapes are broadcast; give both the same"


def _met_one(one: Sequence[Label], other: Sequence[Label]) -> str:
    """The named axis that an axis of size 1 in the data meets, if there is one."""
    for left, right in zip(reversed(one), reversed(other), strict=False):
        for label, meeting in ((left, right), (right, left)):
            if meeting == WRITTEN_ONE and size_of(label) > 1 and all(part.named for part in label):
                return shown(label)
    return ""
