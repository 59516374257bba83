"""TE739 and TE741: shifts and positions along axes without an order, and sorted entries beside others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from weakref import ref

import torch
from torch import Tensor

from typed_einsum.tensors import dtype_of, shape_of
from typed_einsum.testing.audit.dimensions import Dimension, TrackedAxes, size_of
from typed_einsum.testing.audit.facts import Facts, Sorted
from typed_einsum.testing.audit.findings import Flaw, advice, error
from typed_einsum.testing.audit.operations import Operation
from typed_einsum.testing.audit.places import Origin, Places
from typed_einsum.testing.audit.rules.registry import rule
from typed_einsum.testing.audit.vocabulary import FEATURES, LAYOUTS, POINTWISE, SOFTMAXES

SHIFTS = {"roll", "fft_fftshift", "fft_ifftshift"}

UNORDERED = FEATURES | {"head", "heads", "n_heads", "num_heads", "head_dim", "experts"}
"""Names of axes whose entries have no neighbours."""

HEADS = {"h", "head", "heads", "n_heads", "num_heads", "nh"}
WIDTHS = ("w", "width")
"""Beside one of these, `h` is a height."""

ANGLES = {"cos", "sin", "polar"}
KEEP_NUMBERS = LAYOUTS | {"cat", "mul", "div", "add", "outer", "ger", "einsum"}

KEEP_ORDER = POINTWISE | SOFTMAXES | {"cumsum", "cumprod", "cummax", "cat", "masked_fill", "where"}


@rule("TE739")
def shifted(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """`roll(x, 1, dims=1)` of (b, c, h, w): each channel gets the numbers of another one."""
    yield from _numbered(operation, tracked, facts)
    if operation.name not in SHIFTS or not operation.tensors:
        return
    own = tracked.of(operation.tensors[0])
    for axis, shift in shifts_of(operation, own):
        (name, *others) = [factor.axis for factor in own[axis]] or [""]
        is_half = abs(2 * abs(shift) - size_of(own[axis])) <= 1  # two halves are exchanged
        if name in UNORDERED and not others and not is_half:
            yield advice(
                f"`{operation.name.removeprefix('fft_')}` shifts `{name}`, axis {axis}, whose entries have "
                "no order: say which axes are to be shifted",
                operation.line,
            )


def _numbered(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """Angles of a rotary or sinusoidal code made from `arange(heads)` in place of `arange(times)`."""
    tensors, results = operation.tensors, operation.results
    found = facts.of(Places, tensors)
    if operation.name == "arange" and len(operation.arguments) == 1:
        size = operation.arguments[0]
        axis = tracked.name_of_size(int(size)) if type(size) in (int, float) else ""
        is_height = axis == "h" and any(tracked.size_of_name(name) for name in WIDTHS)
        if axis in HEADS and not is_height:
            facts.add(results, Places(axis, operation.line))
    elif operation.name in ANGLES and found:
        yield error(
            f"positions along `{found[0].axis}` become angles, but its entries have no order: count along "
            "the axis of the times",
            operation.line,
        )
    elif operation.name in KEEP_NUMBERS and len(set(found)) == 1:
        facts.add(results, found[0])


def shifts_of(operation: Operation, own: Sequence[Dimension]) -> Iterator[tuple[int, int]]:
    """The axes that an operation shifts, and how far."""
    is_roll = operation.name == "roll"
    axes = operation.option("dims", 2) if is_roll else operation.option("dim", 1)
    shifts = operation.option("shifts", 1) if is_roll else 1
    if axes is None and is_roll:  # all axes, as one
        return
    for place, axis in enumerate(_listed(range(len(own)) if axes is None else axes)):
        steps = _listed(shifts)
        shift = steps[place] if place < len(steps) else steps[-1]
        if type(axis) is int and -len(own) <= axis < len(own) and type(shift) is int:
            yield axis % len(own), shift


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | range) else [value]


@rule("TE741")
def out_of_order(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """`x.masked_fill(x.sort().values.cumsum(-1) > p, 0)`: the mask is in the order of the sorted entries."""
    tensors, results = operation.tensors, operation.results
    if not tensors or not results:
        return
    if operation.name == "sort":
        _note_sorted(operation, facts)
    elif operation.name in KEEP_ORDER:
        found = facts.of(Sorted, tensors)
        for fact in found:
            others = [tensor for tensor in tensors if _is_unsorted(tensor, fact, facts)]
            if operation.name != "cat" and others:
                yield error(
                    f"`{operation.name}` combines entries that were sorted in line {fact.line.number} "
                    "with the same ones in their own order: take the sorted ones, or bring back the "
                    "order with the indices that `sort` returns",
                    operation.line,
                )
        is_same = shape_of(tensors[0]) == shape_of(results[0]) or operation.name == "cat"
        facts.add(results, *(found if is_same else ()), origin_of(_first(operation), facts))
    elif operation.name == "__getitem__":
        facts.add(results, *facts.of(Sorted, tensors[:1]))


def _first(operation: Operation) -> Tensor:
    """The first operand with as many entries as the result, which none of the others only scales or masks."""
    tensors, shape = operation.tensors, shape_of(operation.results[0])
    found = [each for each in tensors if shape_of(each) == shape and dtype_of(each) != torch.bool]
    return (found or tensors)[0]


def _note_sorted(operation: Operation, facts: Facts) -> None:
    tensor, values = operation.tensors[0], operation.results[0]
    axis = operation.option("dim", 1, -1)
    rank = len(shape_of(tensor))
    if isinstance(axis, int) and -rank <= axis < rank and shape_of(tensor)[axis] > 1:
        origin = origin_of(tensor, facts)
        facts.add([values], Sorted(origin.tensor, operation.line))


def origin_of(tensor: Tensor, facts: Facts) -> Origin:
    """Where the entries of a tensor come from; from itself, where that is not known."""
    found = facts.of(Origin, [tensor])
    if not found:
        found = [Origin(ref(tensor))]
        facts.add([tensor], *found)
    return found[0]


def _is_unsorted(tensor: Tensor, fact: Sorted, facts: Facts) -> bool:
    """Whether a tensor has the entries that were sorted, in their own order."""
    origin = fact.origin()
    if facts.of(Sorted, [tensor]) or origin is None or shape_of(tensor) != shape_of(origin):
        return False
    return dtype_of(tensor).is_floating_point and origin_of(tensor, facts).tensor() is origin
