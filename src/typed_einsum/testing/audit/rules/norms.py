"""A tensor and its own mean, sum or length: laid against the wrong axis, or taken along the wrong one."""

from __future__ import annotations

from collections.abc import Iterator
from weakref import ref

from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit.findings import Found
from typed_einsum.testing.audit.labels import Labels, are_apart, shown
from typed_einsum.testing.audit.notes import Notes, Reduced, Unit
from typed_einsum.testing.audit.operations import (
    MATMULS,
    PERMUTES,
    POINTWISE,
    REDUCTIONS,
    VIEWS,
    Operation,
    reduced_axes,
)
from typed_einsum.testing.audit.rules.softmaxes import summed_axes

NORMS = {"norm", "linalg_norm", "vector_norm", "linalg_vector_norm"}
AGAINST = {"sub", "__sub__", "subtract", "div", "__truediv__", "true_divide", "divide", "sub_", "div_"}
QUOTIENTS = {"div", "__truediv__", "true_divide", "divide"}


def own(operation: Operation, labels: Labels, notes: Notes) -> Iterator[Found]:
    """`x / x.sum(1)` of a square, and products of vectors that are no unit vectors."""
    tensors = operation.tensors
    match operation.name:
        case "normalize" if tensors:
            dim = operation.option("dim", 2, 1)
            if isinstance(dim, int) and -len(shape_of(tensors[0])) <= dim < len(shape_of(tensors[0])):
                over = labels.of(tensors[0])[dim]
                notes.add(operation.results, Unit(over, (operation.file, operation.line)))
        case name if name in REDUCTIONS | NORMS and tensors:
            _note_reduced(operation, labels, notes)
        case name if name in AGAINST and len(tensors) == 2:
            yield from _against(operation, notes)
            _note_unit(operation, notes)
        case name if (name in MATMULS or name == "einsum") and len(tensors) == 2:
            yield from _products(operation, labels, notes)
        case name if name in POINTWISE | PERMUTES | VIEWS and len(tensors) == 1:
            kinds = (Unit, Reduced) if name in POINTWISE else (Unit,)
            notes.add(operation.results, *(note for note in notes.of(tensors) if isinstance(note, kinds)))
        case _:
            return


def _note_reduced(operation: Operation, labels: Labels, notes: Notes) -> None:
    tensor = operation.tensors[0]
    axes = reduced_axes(operation)
    rank = len(shape_of(tensor))
    if axes is not None and len(axes) == 1 and rank > 1:
        kept = len(shape_of(operation.results[0])) == rank
        over = labels.of(tensor)[axes[0]]
        is_norm = operation.name in NORMS
        notes.add(operation.results[:1], Reduced(ref(tensor), axes[0], over, kept, is_norm))


def _against(operation: Operation, notes: Notes) -> Iterator[Found]:
    """Without `keepdim` a reduction moves to the right, and of a square nothing says so."""
    tensor, short = operation.tensors
    shape = shape_of(tensor)
    for note in notes.of([short]):
        if not isinstance(note, Reduced) or note.source() is not tensor or note.kept or note.axis == 0:
            continue
        if len(shape_of(short)) == len(shape) - 1 and shape[note.axis] > 1:
            text = (
                f"a reduction over axis {note.axis} is laid along axis {note.axis} of its own tensor, which "
            )
            text += "has as many entries as the axis that is left: each meets the wrong one; say keepdim=True"
            yield "TE704", "error", text, (operation.file, operation.line)


def _note_unit(operation: Operation, notes: Notes) -> None:
    tensor, other = operation.tensors
    if operation.name in QUOTIENTS:
        place = operation.file, operation.line
        for note in notes.of([other]):
            if isinstance(note, Reduced) and note.is_norm and note.kept and note.source() is tensor:
                notes.add(operation.results, Unit(note.over, place))


def _products(operation: Operation, labels: Labels, notes: Notes) -> Iterator[Found]:
    """Both operands have unit vectors, but not both along the axis that is summed: no cosines."""
    units = [[note for note in notes.of([tensor]) if isinstance(note, Unit)] for tensor in operation.tensors]
    if not all(units):
        return
    summed = [summed_axes(operation, index, labels) for index in range(2)]
    astray = [
        bool(axes) and all(are_apart(note.over, label) for note in notes_ for label in axes)
        for notes_, axes in zip(units, summed, strict=True)
    ]
    if any(astray):
        at = astray.index(True)
        over, sums = shown(units[at][0].over), shown(summed[at][0])
        text = f"vectors are normalised along `{over}` but multiplied along `{sums}`: the products are no "
        yield "TE706", "error", f"{text}cosines; normalise along `{sums}`", units[at][0].place
