"""The error for shapes that do not fit: one sentence, marks in the source, the facts, one repair."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch.compiler import is_dynamo_compiling

from typed_einsum.diagnostics import Diagnostic, Located, Mark
from typed_einsum.equation.axes import ELLIPSIS, Axis, Named, Variadic, are_letters, spelled
from typed_einsum.errors import ShapeError
from typed_einsum.messages.facts import Held, facts, is_given, shown_shape, title
from typed_einsum.messages.repairs import Case, repair
from typed_einsum.solver import (
    Bindings,
    Conflict,
    Labelled,
    NotComputable,
    Origin,
    WrongComputedSize,
    WrongFixedSize,
    WrongRank,
    WrongSize,
    WrongVariadic,
    placed,
)
from typed_einsum.tracing import end_the_trace

Locate = Callable[[str, Axis | None, str], Located]
"""Finds a tensor's axis (or, without one, its whole annotation) in the source and labels it."""


def shape_error(
    conflicts: Sequence[Conflict], held: Sequence[Held], locate: Locate, bindings: Bindings | None = None
) -> ShapeError:
    """The error for a list of conflicts, the first as its summary and the others as notes.

    `held` are the tensors to show, `bindings` the names that tensors without a conflict have bound.
    """
    first = conflicts[0]
    code, summary = _told(first)
    if is_dynamo_compiling():
        end_the_trace(summary)
    at = _located(first, locate)
    also = tuple(f"also: {_told(other)[1]}" for other in conflicts[1:])
    case = Case(tuple(conflicts), tuple(item.tensor for item in held), bindings or Bindings())
    return ShapeError(
        Diagnostic(code, summary, at.place, at.marks, (*also, *facts(held)), repair(first, case))
    )


def _told(conflict: Conflict) -> tuple[str, str]:
    """Code and summary of one conflict."""
    match conflict:
        case WrongRank(tensor):
            return "TE202", _rank_summary(tensor)
        case WrongSize(tensor, position, axis, expected, origin):
            size = tensor.sizes[position]
            if origin.label == f"{axis.name}={expected}":  # fixed by the equation itself
                return "TE203", f"axis `{axis.name}` is {size} in {title(tensor.label)}, not {expected}"
            if origin.label == tensor.label:
                return "TE201", f"axis `{axis.name}` is both {expected} and {size} in {title(tensor.label)}"
            both = f"{expected} in {title(origin.label)} but {size} in {title(tensor.label)}"
            return "TE201", f"axis `{axis.name}` is {both}"
        case WrongFixedSize(tensor, position, axis):
            found = f"{tensor.sizes[position]} in {title(tensor.label)}, not {axis.size}"
            return "TE203", f"axis `{spelled(axis)}` is {found}"
        case WrongComputedSize(tensor, position, axis, expected):
            found = f"{tensor.sizes[position]} in {title(tensor.label)}, but its names make it {expected}"
            return "TE205", f"axis `{axis.text}` is {found}"
        case WrongVariadic(tensor, axis, shape, wanted, origin):
            name = axis.name if axis.name == ELLIPSIS else spelled(axis)
            both = (
                f"{shown_shape(wanted)} in {title(origin.label)} "
                f"but {shown_shape(shape)} in {title(tensor.label)}"
            )
            return "TE204", f"the axes under `{name}` are {both}"
        case NotComputable(tensor, position, axis, missing, divisor):
            why = "it divides by zero" if missing is None else f"`{missing}` has no size here"
            if divisor is not None:
                why += f", and {tensor.sizes[position]} is not a multiple of {divisor}"
            return "TE206", f"axis `{axis.text}` of {title(tensor.label)} cannot be computed: {why}"


def _rank_summary(tensor: Labelled) -> str:
    letters = are_letters(tensor.axes)
    axes = ("" if letters else " ").join(spelled(axis) for axis in tensor.axes)
    rank, singles = len(tensor.sizes), len(placed(tensor.axes, len(tensor.axes)))
    has = f"{title(tensor.label)} has {rank} {'axis' if rank == 1 else 'axes'}"
    if len(tensor.axes) != singles:
        return f"{has}, but `{axes}` needs at least {singles}"
    counted = f"{singles}, one for each letter" if letters else f"{singles}"
    return f"{has}, but {f'`{axes}` names {counted}' if axes else 'a scalar has none'}"


def _located(conflict: Conflict, locate: Locate) -> Located:
    match conflict:
        case WrongRank(tensor):
            return locate(tensor.label, None, f"{shown_shape(tensor.sizes)} here")
        case WrongSize(tensor, position, axis, expected, origin):
            size = tensor.sizes[position]
            return _with_origin(locate, tensor, axis, f"{size} here", origin, f"{expected}")
        case WrongVariadic(tensor, axis, found, wanted, origin):
            return _with_origin(
                locate, tensor, axis, f"{shown_shape(found)} here", origin, shown_shape(wanted)
            )
        case WrongFixedSize(tensor, position, axis) | WrongComputedSize(tensor, position, axis):
            return locate(tensor.label, axis, f"{tensor.sizes[position]} here")
        case NotComputable(tensor, _, axis, missing):
            return locate(tensor.label, axis, "not known" if missing is None else f"`{missing}`?")


def _with_origin(
    locate: Locate, tensor: Labelled, axis: Named | Variadic, here: str, origin: Origin, there: str
) -> Located:
    """The axis and its origin: two marks on one line of source, else one mark that names the other."""
    first = Located() if origin.axis is None else locate(origin.label, origin.axis, f"{there} here")
    second = locate(tensor.label, axis, here)
    if not second.marks:
        return second
    if first.marks and _are_beside_each_other(first.marks[0], second.marks[0]):
        return Located(second.place, (*first.marks, *second.marks))
    line = ""
    if first.place is not None and first.marks:
        is_here = second.place is not None and second.place.file == first.place.file
        line = f"line {first.place.line}, " if is_here else f"{first.place.file}:{first.place.line}, "
    where = "" if origin.position is None or is_given(origin.label) else f" ({line}axis {origin.position})"
    return locate(tensor.label, axis, f"{here}; {there} was set by {title(origin.label)}{where}")


def _are_beside_each_other(first: Mark, second: Mark) -> bool:
    return (first.text, first.line) == (second.text, second.line) and first.span != second.span
