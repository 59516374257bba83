"""Masks of scores: one that does not vary along the axis of the softmax masks nothing out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit.findings import Found
from typed_einsum.testing.audit.labels import Labels, shown, shown_all
from typed_einsum.testing.audit.notes import Masked, Notes, Penalty
from typed_einsum.testing.audit.operations import PERMUTES, POINTWISE, VIEWS, Operation

FILLS = {"masked_fill", "masked_fill_"}
SUMS = {"add", "__add__", "__radd__", "__iadd__", "add_"}
PRODUCTS = {"mul", "__mul__", "__rmul__", "multiply", "__imul__", "mul_"}
SOFTMAXES = {"softmax", "log_softmax"}
FAR_BELOW = -1e3
"""A number below this, in a mask or under it, is meant as minus infinity."""


def orientation(operation: Operation, labels: Labels, notes: Notes) -> Iterator[Found]:
    """A padding mask laid along the queries instead of the keys."""
    tensors, name = operation.tensors, operation.name
    place = operation.file, operation.line
    if name in SOFTMAXES and tensors:
        yield from _softmax(operation, labels, notes)
    elif name in FILLS and len(tensors) == 2 and _is_far(operation.option("value", 2)):
        _carry(operation, notes)
        notes.add(operation.results, Masked(_varies(tensors[1], tensors[0]), place))
    elif name in PRODUCTS and len(tensors) == 1 and any(map(_is_far, operation.arguments)):
        notes.add(operation.results, Penalty())
    elif name in SUMS and len(tensors) == 2:
        _carry(operation, notes)
        for mask, scores in (tensors, tensors[::-1]):
            if any(isinstance(note, Penalty) for note in notes.of([mask])):
                notes.add(operation.results, Masked(_varies(mask, scores), place))
    elif name in PERMUTES | VIEWS | {"__getitem__"}:
        notes.add(operation.results, *(note for note in notes.of(tensors[:1]) if isinstance(note, Penalty)))
    elif name in POINTWISE:
        _carry(operation, notes)


def _carry(operation: Operation, notes: Notes) -> None:
    first = operation.tensors[:1]
    if first and operation.results and shape_of(first[0]) == shape_of(operation.results[0]):
        notes.add(
            operation.results, *(note for note in notes.of(first) if isinstance(note, Masked | Penalty))
        )


def _is_far(value: Any) -> bool:
    return isinstance(value, int | float) and value <= FAR_BELOW


def _varies(mask: Tensor, scores: Tensor) -> tuple[bool, ...]:
    """Whether a mask differs along each axis of the scores; an expanded axis holds one entry."""
    rank, shape = len(shape_of(scores)), shape_of(mask)
    own = [size > 1 and mask.stride(axis) != 0 for axis, size in enumerate(shape)]
    return tuple([False] * (rank - len(own)) + own)


def _softmax(operation: Operation, labels: Labels, notes: Notes) -> Iterator[Found]:
    tensor = operation.tensors[0]
    masks = [note for note in notes.of([tensor]) if isinstance(note, Masked)]
    own = labels.of(tensor)
    dim = operation.option("dim", 1)
    if not masks or not isinstance(dim, int) or not -len(own) <= dim < len(own):
        return
    over = own[dim]
    twins = [
        axis
        for axis, label in enumerate(own)
        if axis != dim % len(own) and shown(label) == shown(over) != "1"
    ]
    for mask in masks:
        if len(mask.varies) != len(own) or mask.varies[dim] or not any(mask.varies[axis] for axis in twins):
            continue
        if any(other.varies[dim] and _covers(other, mask, [dim % len(own), *twins]) for other in masks):
            continue
        text = f"a mask varies along axis {twins[0]} of {shown_all(own)}, and the softmax is over axis "
        text += f"{dim % len(own)}: it takes whole rows or none, and masks no `{shown(over)}` out; "
        yield "TE717", "error", f"{text}lay it along the axis of the softmax", mask.place


def _covers(other: Masked, mask: Masked, roles: list[int]) -> bool:
    """Whether another mask depends on all that this one does, such as the sample, besides the two roles."""
    return all(
        there or not here or axis in roles
        for axis, (here, there) in enumerate(zip(mask.varies, other.varies, strict=True))
    )
