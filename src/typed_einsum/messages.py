"""From conflicts to messages: which axis, both sizes, who set each, where, and one repair."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from typed_einsum.diagnostics import Diagnostic, Mark, Place
from typed_einsum.equation.axes import ELLIPSIS, Axis, Expression, Fixed, Named, Variadic, key, spelled
from typed_einsum.errors import ShapeError
from typed_einsum.locations import RETURN
from typed_einsum.solver import (
    Conflict,
    Labelled,
    NotComputable,
    Origin,
    Shape,
    WrongComputedSize,
    WrongFixedSize,
    WrongRank,
    WrongSize,
    WrongVariadic,
    placed,
)
from typed_einsum.tensors import described, dtype_of, short

AXIS_SIZES = "axis_sizes"
"""The label of names that an object knows by itself."""

Locate = Callable[[str, Axis | None, str], tuple[Place | None, Mark | None]]
"""Finds a tensor's axis (or, without one, its whole annotation) in the source and labels it."""


@dataclass(frozen=True, slots=True)
class Held:
    """A tensor with its axes and the value itself, for the table of facts."""

    tensor: Labelled
    value: Any


def title(label: str) -> str:
    """A tensor's label in a sentence: parameters in backticks, others as they are."""
    if label.partition("[")[0] == RETURN:
        return "the result" + (f"'s item {label[len(RETURN) + 1 : -1]}" if label != RETURN else "")
    return f"`{label}`" if label.replace("[", "").replace("]", "").isidentifier() else label


def with_article(name: str) -> str:
    """A type or a value's description with `a` or `an` before it."""
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} `{name}`"


def dtype_summary(label: str, tensor: Any, allowed: str) -> str:
    """The sentence for a tensor whose dtype the annotation does not allow."""
    return f"{title(label)} has dtype {short(dtype_of(tensor))}, which `{allowed}` does not allow"


def shape_error(conflicts: Sequence[Conflict], held: Sequence[Held], locate: Locate) -> ShapeError:
    """The error for a list of conflicts, the first as its summary and the others as notes."""
    first = conflicts[0]
    code, summary, repair = _told(first, conflicts)
    place, marks = _marks(first, locate)
    also = tuple(f"also: {_told(other, conflicts)[1]}" for other in conflicts[1:])
    return ShapeError(Diagnostic(code, summary, place, marks, (*also, *facts(held)), repair))


def facts(held: Sequence[Held]) -> tuple[str, ...]:
    """One line for each tensor: its name, dtype and shape, and the sizes of its named axes."""
    rows = [
        (item.tensor.label.replace(RETURN, "result"), described(item.value), _sizes(item.tensor))
        for item in held
    ]
    left = max((len(label) for label, _, _ in rows), default=0)
    middle = max((len(text) for _, text, _ in rows), default=0)
    return tuple(f"{label:<{left}}  {text:<{middle}}   {sizes}".rstrip() for label, text, sizes in rows)


def _sizes(tensor: Labelled) -> str:
    variadic = any(isinstance(axis, Variadic) for axis in tensor.axes)
    if not variadic and len(tensor.axes) != len(tensor.sizes):
        return ""
    singles = placed(tensor.axes, len(tensor.sizes))
    if variadic and len(tensor.sizes) < len(singles):
        return ""
    return " ".join(
        f"{name}={tensor.sizes[position]}"
        for position, axis in singles
        if (name := spelled(axis) if isinstance(axis, Expression) else key(axis)) is not None
    )


def _told(conflict: Conflict, conflicts: Sequence[Conflict]) -> tuple[str, str, str]:
    """Code, summary and repair of one conflict."""
    match conflict:
        case WrongRank(tensor):
            return "TE202", _rank_summary(tensor), _rank_repair(tensor)
        case WrongSize(tensor, position, axis, expected, origin):
            size = tensor.sizes[position]
            if origin.position is None and origin.label != AXIS_SIZES:
                repair = (
                    f"`{origin.label}` is part of the equation: every `{axis.name}` has {expected} entries"
                )
                return (
                    "TE203",
                    f"axis `{axis.name}` is {size} in {title(tensor.label)}, not {expected}",
                    repair,
                )
            setter, holder = title(origin.label), title(tensor.label)
            summary = f"axis `{axis.name}` is {expected} in {setter} but {size} in {holder}"
            if origin.label == tensor.label:
                summary = f"axis `{axis.name}` is both {expected} and {size} in {holder}"
            return "TE201", summary, _size_repair(conflict, conflicts)
        case WrongFixedSize(tensor, position, axis):
            name = spelled(axis)
            summary = f"axis `{name}` is {tensor.sizes[position]} in {title(tensor.label)}, not {axis.size}"
            return "TE203", summary, _fixed_repair(tensor, axis)
        case WrongComputedSize(tensor, position, axis, expected):
            found = tensor.sizes[position]
            summary = (
                f"axis `{axis.text}` is {found} in {title(tensor.label)}, but its names make it {expected}"
            )
            return (
                "TE205",
                summary,
                f"one of the sizes in `{axis.text}`, or the order of axes, is not as written",
            )
        case WrongVariadic(tensor, axis, found, expected, origin):
            name = axis.name if axis.name == ELLIPSIS else spelled(axis)
            summary = (
                f"the axes under `{name}` are {_tuple(expected)} in {title(origin.label)} "
                f"but {_tuple(found)} in {title(tensor.label)}"
            )
            return "TE204", summary, _variadic_repair(axis)
        case NotComputable(tensor, _, axis, missing):
            why = "it divides by zero" if missing is None else f"`{missing}` has no size here"
            repair = "a name needs an axis of its own in an argument, or an entry in `axis_sizes`"
            return "TE206", f"axis `{axis.text}` of {title(tensor.label)} cannot be computed: {why}", repair


def _tuple(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def _rank_summary(tensor: Labelled) -> str:
    axes = " ".join(spelled(axis) for axis in tensor.axes)
    rank, singles = len(tensor.sizes), len(placed(tensor.axes, len(tensor.axes)))
    has = f"{title(tensor.label)} has {rank} {'axis' if rank == 1 else 'axes'}"
    if len(tensor.axes) != singles:
        return f"{has}, but `{axes}` needs at least {singles}"
    return f"{has}, but {f'`{axes}` names {singles}' if axes else 'a scalar has none'}"


def _rank_repair(tensor: Labelled) -> str:
    rank, wanted = len(tensor.sizes), len(tensor.axes)
    owner = tensor.label if tensor.label.isidentifier() and tensor.label != RETURN else "tensor"
    if rank == wanted - 1:
        return f"is the leading axis missing? {owner}.unsqueeze(0) puts one of size 1 there"
    if rank == wanted + 1 and 1 in tensor.sizes:
        return f"is there one axis too many? {owner}.squeeze({tensor.sizes.index(1)}) drops the one of size 1"
    return "name every axis of the tensor, in order; `...` or `*name` stands for any number of them"


def _size_repair(conflict: WrongSize, conflicts: Sequence[Conflict]) -> str:
    tensor, position, name = conflict.tensor, conflict.position, conflict.axis.name
    owner = tensor.label if tensor.label.isidentifier() and tensor.label != RETURN else "tensor"
    for other in conflicts:
        if (
            isinstance(other, WrongSize)
            and other.tensor is tensor
            and other.position != position
            and tensor.sizes[other.position] == conflict.expected
            and tensor.sizes[position] == other.expected
        ):
            first, second = sorted((position, other.position))
            return f"two axes look swapped: {owner}.transpose({first}, {second})"
    if tensor.sizes[position] == 1:
        sizes = ["-1"] * len(tensor.sizes)
        sizes[position] = str(conflict.expected)
        expand = f"{owner}.expand({', '.join(sizes)})"
        return f"nothing broadcasts silently: pass {expand}, or mark the axis `#{name}`"
    if conflict.expected == 1:
        return (
            f"nothing broadcasts silently: expand {title(conflict.origin.label)}, or mark its axis `#{name}`"
        )
    return f"one name has one size in a call: if these are two axes, give them two names instead of `{name}`"


def _fixed_repair(tensor: Labelled, axis: Fixed) -> str:
    wanted = [i for i, size in enumerate(tensor.sizes) if size == axis.size]
    if wanted:
        return f"axis {wanted[0]} has size {axis.size}: are the axes in another order?"
    return f"pass a tensor with {axis.size} there, or name the axis to allow any size"


def _variadic_repair(axis: Variadic) -> str:
    if axis.name == ELLIPSIS:
        return "`...` is the same axes in every operand: expand the smaller one, or write the axes out"
    return f"`*{axis.name}` is the same axes everywhere: expand the smaller one, or mark both `*#{axis.name}`"


def _marks(conflict: Conflict, locate: Locate) -> tuple[Place | None, tuple[Mark, ...]]:
    match conflict:
        case WrongRank(tensor):
            place, mark = locate(tensor.label, None, f"{_tuple(tensor.sizes)} here")
            return place, () if mark is None else (mark,)
        case WrongSize(tensor, position, axis, expected, origin):
            size = tensor.sizes[position]
            return _two_marks(locate, tensor, axis, f"{size} here", origin, f"{expected}")
        case WrongVariadic(tensor, axis, found, expected, origin):
            return _two_marks(locate, tensor, axis, f"{_tuple(found)} here", origin, _tuple(expected))
        case WrongFixedSize(tensor, position, axis) | WrongComputedSize(tensor, position, axis):
            place, mark = locate(tensor.label, axis, f"{tensor.sizes[position]} here")
            return place, () if mark is None else (mark,)
        case NotComputable(tensor, _, axis, missing):
            place, mark = locate(tensor.label, axis, "not known" if missing is None else f"`{missing}`?")
            return place, () if mark is None else (mark,)


def _two_marks(
    locate: Locate, tensor: Labelled, axis: Named | Variadic, here: str, origin: Origin, there: str
) -> tuple[Place | None, tuple[Mark, ...]]:
    """Mark the axis and its origin: two marks on one line of source, else one that tells of the other."""
    origin_place, origin_mark = (None, None)
    if origin.axis is not None:
        origin_place, origin_mark = locate(origin.label, origin.axis, f"{there} here")
    place, mark = locate(tensor.label, axis, here)
    if mark is None:
        return place, ()
    together = origin_mark is not None and (origin_mark.text, origin_mark.line) == (mark.text, mark.line)
    if origin_mark is not None and together and origin_mark.span != mark.span:
        return place, (origin_mark, mark)
    line = "" if origin_place is None else f"line {origin_place.line}, "
    where = "" if origin.position is None else f" ({line}axis {origin.position})"
    _, told = locate(tensor.label, axis, f"{here}; {there} was set by {title(origin.label)}{where}")
    return place, () if told is None else (told,)
