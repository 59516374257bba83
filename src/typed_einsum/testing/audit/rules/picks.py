"""Entries picked by an index tensor: those that a gather leaves out, and positions in merged axes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from typed_einsum.tensors import dtype_of, shape_of
from typed_einsum.testing.audit.findings import Found
from typed_einsum.testing.audit.labels import Label, Labels, are_apart, shown, shown_all, size_of
from typed_einsum.testing.audit.notes import Crossed, FlatIndex, Notes
from typed_einsum.testing.audit.operations import PERMUTES, VIEWS, Operation, is_total

SCATTERS = {"scatter", "scatter_add", "scatter_reduce", "scatter_", "scatter_add_", "scatter_reduce_"}
POSITIONS = {"argmax", "argmin", "max", "min", "topk", "sort", "argsort"}
QUOTIENTS = {"__floordiv__", "floor_divide", "div", "divide", "__truediv__", "true_divide"}
EQUALITIES = {"eq", "ne", "__eq__", "__ne__"}
REMAINDERS = {"__mod__", "remainder", "fmod"}
SAME_NUMBERS = {"to", "long", "int", "float", "clone", "contiguous", "detach", "type", "squeeze", "type_as"}


def gathered(operation: Operation, labels: Labels) -> Iterator[Found]:
    """An index of size 1 along an axis that is not picked from: torch takes the first entry alone."""
    dim, index = operation.option("dim", 1), operation.option("index", 2)
    if operation.name == "gather":
        source, picked = operation.tensors[0] if operation.tensors else None, dim
    elif operation.name in SCATTERS:
        source, picked = operation.option("src", 3), None
    else:
        return
    if not isinstance(source, Tensor) or not isinstance(index, Tensor):
        return
    own, of_index = labels.of(source), labels.of(index)
    if len(own) != len(of_index) or not own:
        return
    place = operation.file, operation.line
    for axis, (label, other) in enumerate(zip(own, of_index, strict=True)):
        is_picked = picked is not None and axis == picked % len(own)
        if is_picked or size_of(label) == size_of(other):
            continue
        if size_of(other) == 1:
            text = f"`{operation.name}` with an index of {shown_all(of_index)} takes one entry of "
            text += f"`{shown(label)}` from {shown_all(own)}: an index is not broadcast; "
            yield "TE716", "error", f"{text}expand it along `{shown(label)}`, or pick along that axis", place
        elif _is_axis(label) and _is_axis(other) and are_apart(label, other, twins=False):
            text = f"`{operation.name}` lays `{shown(other)}` of its index along `{shown(label)}`: entry by "
            yield "TE716", "error", f"{text}entry, so that what is beyond the shorter one is left out", place


def _is_axis(label: Label) -> bool:
    return bool(label) and all(part.named for part in label)


def crossed(operation: Operation, labels: Labels, notes: Notes) -> Iterator[Found]:
    """`q[:, action]` takes the action of every sample for every sample, which a sum hides."""
    tensors = operation.tensors
    if operation.name == "__getitem__" and isinstance(operation.arguments[1], tuple):
        items: Sequence[Any] = operation.arguments[1]
        if any(item is None or item is Ellipsis for item in items):
            return
        own = labels.of(tensors[0])
        kept = [label for label, item in zip(own, items, strict=False) if item == slice(None)]
        picked = [(at, item) for at, item in enumerate(items) if _is_index(item)]
        if len(picked) == 1 and picked[0][0] < len(own):
            at, index = picked[0]
            axis = labels.of(index)
            if len(axis) == 1 and axis[0] in kept and _is_axis(axis[0]) and are_apart(axis[0], own[at]):
                place = operation.file, operation.line
                notes.add(operation.results, Crossed(f"{shown(axis[0])}", place))
    elif operation.name in ("mean", "sum") and tensors and is_total(operation):
        for note in notes.of(tensors[:1]):
            if isinstance(note, Crossed):
                text = f"an index along `{note.axis}` behind a whole `{note.axis}`: every entry meets the "
                text += "index of every other; to pick one for each, index both axes or use gather"
                yield "TE704", "error", text, note.place


def _is_index(item: Any) -> bool:
    return isinstance(item, Tensor) and not dtype_of(item).is_floating_point and dtype_of(item) != torch.bool


def positions(operation: Operation, labels: Labels, notes: Notes) -> Iterator[Found]:
    """`at // h` where `at` counts through `h*w`: rows are found by the size of what is inside."""
    tensors = operation.tensors
    match operation.name:
        case name if name in POSITIONS and len(tensors) == 1:
            into = _searched(operation, labels.of(tensors[0]))
            found = [tensor for tensor in operation.results if not dtype_of(tensor).is_floating_point]
            if len(into) > 1:
                notes.add(found, FlatIndex(into))
        case name if name in SAME_NUMBERS | PERMUTES | VIEWS | {"__getitem__"}:
            notes.add(operation.results, *_flat(notes, tensors[:1]))
        case name if name in QUOTIENTS | REMAINDERS:
            by = operation.option("other", 1)
            if isinstance(by, int):
                for note in _flat(notes, tensors[:1]):
                    yield from _divided(operation, by, note, notes)
        case name if name in EQUALITIES and len(tensors) == 2:
            yield from _compared(operation, notes)
        case "unravel_index":
            shape = operation.option("shape", 1)
            for note in _flat(notes, tensors[:1]):
                yield from _unravelled(operation, shape, note)
        case _:
            return


def _compared(operation: Operation, notes: Notes) -> Iterator[Found]:
    """`logits.argmax() == labels`: one position among all entries, compared with each of many."""
    for one, many in (operation.tensors, operation.tensors[::-1]):
        found = _flat(notes, [one])
        if found and not shape_of(one) and shape_of(many):
            text = f"one position among all of `{shown(found[0].into)}` is compared with each of several; "
            place = operation.file, operation.line
            yield "TE716", "error", f"{text}say `dim=` where it is found", place


def _flat(notes: Notes, tensors: Sequence[Tensor]) -> list[FlatIndex]:
    return [note for note in notes.of(tensors) if isinstance(note, FlatIndex)]


def _searched(operation: Operation, own: Sequence[Label]) -> Label:
    """The dimension whose positions an operation returns."""
    dim = operation.option("dim", 2 if operation.name == "topk" else 1)
    if isinstance(dim, int) and -len(own) <= dim < len(own):
        return own[dim]
    if operation.name in ("argmax", "argmin"):
        return tuple(part for label in own for part in label)
    return own[-1] if own and operation.name in ("topk", "sort", "argsort") else ()


def _divided(operation: Operation, by: int, note: FlatIndex, notes: Notes) -> Iterator[Found]:
    """A quotient leaves the axes outside of the divisor, a remainder those inside."""
    parts = note.into
    inner = {math.prod(part.size for part in parts[cut:]): cut for cut in range(len(parts))}
    is_quotient = operation.name in QUOTIENTS
    if by in inner:
        cut = inner[by]
        left = parts[:cut] if is_quotient else parts[cut:]
        if len(left) > 1:
            notes.add(operation.results, FlatIndex(left))
        return
    outer = {math.prod(part.size for part in parts[:cut]): parts[:cut] for cut in range(1, len(parts))}
    if by in outer:
        size, last = shown(outer[by]), shown(parts[-1:])
        what = "quotient" if is_quotient else "remainder"
        text = (
            f"a position in `{shown(parts)}` is divided by the size of `{size}`, and the {what} taken: the "
        )
        text += f"inner axis is `{last}`, so its size is the one to divide by"
        yield "TE716", "error", text, (operation.file, operation.line)


def _unravelled(operation: Operation, shape: Any, note: FlatIndex) -> Iterator[Found]:
    sizes = [part.size for part in note.into]
    given = list(shape) if isinstance(shape, list | tuple) else []
    if given != sizes and sorted(given) == sorted(sizes):
        text = (
            f"a position in `{shown(note.into)}` is unravelled into axes of {tuple(given)}, in another order"
        )
        yield "TE716", "error", text, (operation.file, operation.line)
