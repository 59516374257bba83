"""Weights that are normalised over one axis and summed over another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor
from torch.nn import Parameter

from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit.labels import TWIN, Label, Labels, shown
from typed_einsum.testing.audit.notes import Normalised, Notes, Scores, Weighted
from typed_einsum.testing.audit.operations import (
    MATMULS,
    PERMUTES,
    POINTWISE,
    Operation,
    letters_of,
    reduced_axes,
)
from typed_einsum.testing.audit.rules.rule import Found

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
                yield from _weights(operation, labels, notes)
                notes.add(operation.results, Scores())
        case name if name in PRODUCTS and len(tensors) == 2:
            logs = [note for note in _normalised(notes, tensors) if note.logarithm]
            notes.add(operation.results, *(Weighted(note.over, note.place) for note in logs))
            _carry(operation, notes)
        case "sum":
            yield from _summed(operation, labels, notes)
        case name if name in POINTWISE | PERMUTES:
            _carry(operation, notes)
        case _:
            return


def _note_softmax(operation: Operation, labels: Labels, notes: Notes) -> None:
    tensor = operation.tensors[0]
    dim = operation.option("dim", 1)
    rank = len(shape_of(tensor))
    if isinstance(dim, int) and -rank <= dim < rank:
        over = labels.of(tensor)[dim]
        scores = any(isinstance(note, Scores) for note in notes.of([tensor]))
        place = operation.file, operation.line
        notes.add(operation.results, Normalised(over, scores, SOFTMAXES[operation.name], place))


def _carry(operation: Operation, notes: Notes) -> None:
    """Scores scaled or masked are scores; weights divided by something may be normalised anew."""
    first = operation.tensors[:1]
    divided = "div" in operation.name and len(operation.tensors) > 1
    same = operation.name in PERMUTES or all(
        shape_of(tensor) == shape_of(result) for tensor in first for result in operation.results
    )
    if same:
        kept = [
            note
            for note in notes.of(first)
            if isinstance(note, Scores | Weighted) or (isinstance(note, Normalised) and not divided)
        ]
        notes.add(operation.results, *kept)


def _normalised(notes: Notes, tensors: Sequence[Tensor]) -> list[Normalised]:
    return [note for note in notes.of(tensors) if isinstance(note, Normalised)]


def _weights(operation: Operation, labels: Labels, notes: Notes) -> Iterator[Found]:
    for index, tensor in enumerate(operation.tensors[:2]):
        for note in _normalised(notes, [tensor]):
            summed = _summed_axes(operation, index, labels)
            if not note.of_scores or note.logarithm or not summed or note.over in summed:
                continue
            over, sums = shown(note.over), ", ".join(shown(label) for label in summed)
            text = f"weights are normalised over `{over}` but summed over `{sums}`: they do not add up to 1; "
            text += "the softmax belongs over the axis that is summed"
            if any(part.name.endswith(TWIN) for label in (note.over, *summed) for part in label):
                text += f" (both are `{over}`; the one of the keys is meant)"
            yield "TE706", "error", text, note.place


def _summed_axes(operation: Operation, index: int, labels: Labels) -> list[Label]:
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
        if isinstance(note, Weighted) and axes is not None and len(axes) == 1 and own[axes[0]] != note.over:
            over, sums = shown(note.over), shown(own[axes[0]])
            text = f"log-probabilities are normalised over `{over}` but summed over `{sums}`"
            yield "TE706", "error", f"{text}; the log_softmax belongs over `{sums}`", note.place
