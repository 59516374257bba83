"""Weights that are normalised over one axis and summed over another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from torch import Tensor
from torch.nn import Parameter

from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit.findings import Found
from typed_einsum.testing.audit.labels import WRITTEN_ONE, Label, Labels, are_apart, shown, shown_all
from typed_einsum.testing.audit.notes import Normalised, Notes, Scores, Weighted
from typed_einsum.testing.audit.operations import (
    ACTIVATIONS,
    MATMULS,
    PERMUTES,
    POINTWISE,
    VIEWS,
    Operation,
    letters_of,
    reduced_axes,
)

SOFTMAXES = {"softmax": False, "log_softmax": True}
PRODUCTS = {"mul", "__mul__", "__rmul__", "multiply"}


def contracted(operation: Operation, labels: Labels, notes: Notes) -> Iterator[Found]:
    """Softmax over queries where keys are summed, and the like."""
    tensors = operation.tensors
    match operation.name:
        case name if name in SOFTMAXES and tensors:
            _note_softmax(operation, labels, notes)
        case name if name in MATMULS or name == "einsum":
            if len(tensors) == 2 and not any(isinstance(tensor, Parameter) for tensor in tensors):
                _weights(operation, labels, notes)
                notes.add(operation.results, Scores())
        case name if name in PRODUCTS and len(tensors) == 2:
            _note_weighted(operation, labels, notes)
            _carry(operation, notes)
        case "sum":
            yield from _summed(operation, labels, notes)
        case "nll_loss" if len(tensors) > 1:
            yield from _picked(operation, labels, notes, 1 if len(shape_of(tensors[0])) > 1 else 0)
        case "gather" if len(tensors) > 1:
            yield from _gathered(operation, labels, notes)
        case name if name in POINTWISE | PERMUTES | VIEWS:
            _carry(operation, notes)
        case _:
            return


def _note_softmax(operation: Operation, labels: Labels, notes: Notes) -> None:
    tensor = operation.tensors[0]
    dim = operation.option("dim", 1)
    rank = len(shape_of(tensor))
    if isinstance(dim, int) and -rank <= dim < rank:
        over = labels.of(tensor)[dim]
        if over == WRITTEN_ONE:  # whose weights are all 1, which has a code of its own
            return
        scores = any(isinstance(note, Scores) for note in notes.of([tensor]))
        place = operation.file, operation.line
        at_end = dim % rank == rank - 1
        notes.add(operation.results, Normalised(over, scores, SOFTMAXES[operation.name], place, at_end))


def _note_weighted(operation: Operation, labels: Labels, notes: Notes) -> None:
    for tensor in operation.tensors:
        own = labels.of(tensor)
        for note in _normalised(notes, [tensor]):
            if note.logarithm and note.over in own:
                at = own.index(note.over) - len(own)
                notes.add(operation.results, Weighted(note.over, at, note.place))


def _carry(operation: Operation, notes: Notes) -> None:
    """Scores scaled or masked are scores; weights divided, or through a function, are other weights."""
    first = operation.tensors[:1]
    divided = operation.name in ACTIVATIONS or ("div" in operation.name and len(operation.tensors) > 1)
    same = operation.name in PERMUTES | VIEWS or all(
        shape_of(tensor) == shape_of(result) for tensor in first for result in operation.results
    )
    if same:
        kept = [
            note
            for note in notes.of(first)
            if isinstance(note, Scores | Weighted) or (isinstance(note, Normalised) and not divided)
        ]
        if operation.name in PERMUTES:
            kept = [replace(note, turned=True) if isinstance(note, Normalised) else note for note in kept]
        if operation.name == "log":
            kept = [replace(note, logarithm=True) if isinstance(note, Normalised) else note for note in kept]
        notes.add(operation.results, *kept)


def _normalised(notes: Notes, tensors: Sequence[Tensor]) -> list[Normalised]:
    return [note for note in notes.of(tensors) if isinstance(note, Normalised)]


def _weights(operation: Operation, labels: Labels, notes: Notes) -> None:
    """Weights may be mixed over another axis first, as heads that talk are; then their own is still there.

    Weights over the last axis that are turned round for the sum are meant: shares, as of clusters.
    """
    for index, tensor in enumerate(operation.tensors[:2]):
        summed = summed_axes(operation, index, labels)
        for note in _normalised(notes, [tensor]):
            if not note.of_scores or note.logarithm or not summed:
                continue
            is_share = note.at_end and (note.turned or operation.name == "einsum")
            if is_share or not all(are_apart(note.over, label) for label in summed):
                notes.settle(note)
                continue
            text = _message(note.over, summed, labels.of(tensor))
            notes.doubt(note, ("TE706", "error", text, note.place))
            notes.add(operation.results, note)


def _message(over: Label, summed: Sequence[Label], own: Sequence[Label]) -> str:
    """Two axes of one name are told by their places."""
    first, second = shown(over), ", ".join(shown(label) for label in summed)
    here = there = ""
    if first == second and over in own:
        here, there = (f", axis {own.index(label)} of {shown_all(own)}" for label in (over, summed[0]))
    return (
        f"weights are normalised over `{first}`{here}{',' * bool(here)} but summed over `{second}`{there}: "
        "they do not add up to 1; the softmax belongs over the axis that is summed"
    )


def summed_axes(operation: Operation, index: int, labels: Labels) -> list[Label]:
    """The axes of an operand that a contraction sums together with another operand's."""
    own = labels.of(operation.tensors[index])
    if operation.name != "einsum":
        if len(operation.tensors) != 2 or not own:
            return []
        return [own[-1] if index == 0 or len(own) == 1 else own[-2]]
    letters = letters_of(operation)
    if letters is None:
        return []
    operands, output = letters
    others = {letter for i, operand in enumerate(operands) if i != index for letter in operand}
    return [
        label
        for letter, label in zip(operands[index], own, strict=True)
        if letter in others and letter not in output
    ]


def _summed(operation: Operation, labels: Labels, notes: Notes) -> Iterator[Found]:
    """The sum of a cross entropy written out: targets times log-probabilities, over their axis."""
    axes = reduced_axes(operation)
    tensor = operation.tensors[0]
    own = labels.of(tensor)
    for note in notes.of([tensor]):
        if (
            isinstance(note, Weighted)
            and axes is not None
            and len(axes) == 1
            and axes[0] - len(own) != note.at
            and are_apart(own[axes[0]], note.over)
        ):
            over, sums = shown(note.over), shown(own[axes[0]])
            text = f"log-probabilities are normalised over `{over}` but summed over `{sums}`"
            yield "TE706", "error", f"{text}; the log_softmax belongs over `{sums}`", note.place


def _picked(operation: Operation, labels: Labels, notes: Notes, axis: int) -> Iterator[Found]:
    """Log-probabilities of which one is picked along an axis over which they do not add up to 1."""
    tensor = operation.tensors[0]
    along = labels.of(tensor)[axis]
    for note in _normalised(notes, [tensor]):
        if note.logarithm and are_apart(note.over, along, twins=False):
            over, picked = shown(note.over), shown(along)
            text = f"log-probabilities are normalised over `{over}` but one is picked along `{picked}`"
            yield "TE706", "error", f"{text}; the log_softmax belongs over `{picked}`", note.place


def _gathered(operation: Operation, labels: Labels, notes: Notes) -> Iterator[Found]:
    """One class for each entry; an index repeated along an axis picks among positions, and is well."""
    tensor, index = operation.tensors[:2]
    dim, shape = operation.option("dim", 1), shape_of(tensor)
    if not isinstance(dim, int) or not -len(shape) <= dim < len(shape) or shape_of(index)[dim] != 1:
        return
    own = labels.of(tensor)
    overs = [own.index(note.over) for note in _normalised(notes, [tensor]) if note.over in own]
    if all(index.stride(at) and shape_of(index)[at] == shape[at] for at in overs):
        yield from _picked(operation, labels, notes, dim)
