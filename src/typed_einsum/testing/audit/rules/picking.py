"""TE716: an index that picks other entries than it says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from typed_einsum.tensors import dtype_of, shape_of
from typed_einsum.testing.audit.dimensions import (
    Dimension,
    TrackedAxes,
    are_apart,
    is_named,
    shown,
    shown_all,
    size_of,
)
from typed_einsum.testing.audit.facts import Facts, FlatIndex
from typed_einsum.testing.audit.findings import Flaw, error
from typed_einsum.testing.audit.operations import Operation
from typed_einsum.testing.audit.places import Strided
from typed_einsum.testing.audit.rules.registry import rule
from typed_einsum.testing.audit.vocabulary import LAYOUTS, POSITIONS, SCATTERS

QUOTIENTS = {"floor_divide", "div"}
REMAINDERS = {"remainder", "fmod"}
INDEXED = {"__getitem__", "embedding", "gather", "index_select", "index_add", "index_copy", *SCATTERS}


@rule("TE716")
def picked(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """Entries that a gather leaves out, and positions in merged axes that are read in another order."""
    tensors = operation.tensors
    yield from _placed(operation, tracked, facts)
    match operation.name:
        case "gather" if tensors:
            yield from _paired(operation, tensors[0], operation.option("dim", 1), tracked)
        case name if name in SCATTERS:
            yield from _paired(operation, operation.option("src", 3), None, tracked)
        case name if name in POSITIONS and len(tensors) == 1:
            into = searched_axes(operation, tracked.of(tensors[0]))
            found = [tensor for tensor in operation.results if not dtype_of(tensor).is_floating_point]
            if len(into) > 1:
                facts.add(found, FlatIndex(into))
        case name if name in LAYOUTS:
            facts.add(operation.results, *facts.of(FlatIndex, tensors[:1]))
        case name if name in QUOTIENTS | REMAINDERS:
            by = operation.option("other", 1)
            if isinstance(by, int):
                for fact in facts.of(FlatIndex, tensors[:1]):
                    yield from _divided(operation, by, fact, facts)
        case "eq" | "ne" if len(tensors) == 2:
            yield from _compared(operation, facts)
        case "unravel_index":
            for fact in facts.of(FlatIndex, tensors[:1]):
                yield from _unravelled(operation, operation.option("shape", 1), fact)
        case _:
            return


def _paired(operation: Operation, source: Any, picks: Any, tracked: TrackedAxes) -> Iterator[Flaw]:
    """An index shorter than what it is paired with, along an axis that is not picked from.

    Of size 1 it takes the first entry alone, since torch does not broadcast an index.
    """
    index = operation.option("index", 2)
    if not isinstance(source, Tensor) or not isinstance(index, Tensor):
        return
    own, of_index = tracked.of(source), tracked.of(index)
    if len(own) != len(of_index) or not own:
        return
    for axis, (dimension, other) in enumerate(zip(own, of_index, strict=True)):
        is_picked = picks is not None and axis == picks % len(own)
        if is_picked or size_of(dimension) == size_of(other):
            continue
        name = shown(dimension)
        if size_of(other) == 1:
            yield error(
                f"`{operation.name}` with an index of {shown_all(of_index)} takes one entry of `{name}` "
                f"from {shown_all(own)}: an index is not broadcast; expand it along `{name}`, or pick "
                "along that axis",
                operation.line,
            )
        elif is_named(dimension) and is_named(other) and are_apart(dimension, other, twins=False):
            yield error(
                f"`{operation.name}` pairs `{shown(other)}` of its index with `{name}`, entry by entry: "
                "what is beyond the shorter one is left out",
                operation.line,
            )


def _placed(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """`x.flatten(0, 1)[row * h + column]` of (h, w): rows lie `w` apart."""
    tensors, results = operation.tensors, operation.results
    if operation.name in INDEXED and tensors:
        source, index, axis = index_of(operation)
        own = tracked.of(source) if isinstance(source, Tensor) else ()
        if isinstance(index, Tensor) and type(axis) is int and -len(own) <= axis < len(own):
            for fact in facts.of(Strided, [index]):
                yield from _apart(operation, own[axis], fact)
    elif operation.name == "mul" and len(tensors) == 1 and _is_whole(tensors[0]):
        by = next((each for each in operation.arguments if type(each) is int), 1)
        facts.add(results, *([Strided(by)] if by > 1 else []))
    elif operation.name in LAYOUTS | {"clamp", "add"}:
        found = {fact.by for fact in facts.of(Strided, tensors)}
        facts.add(results, *map(Strided, found if len(found) == 1 else ()))


def index_of(operation: Operation) -> tuple[Any, Any, Any]:
    """What is indexed, the index, and along which axis."""
    arguments = operation.arguments
    match operation.name:
        case "__getitem__":
            return arguments[0], arguments[1], 0
        case "embedding":
            return operation.option("weight", 1), operation.option("input", 0), 0
    return arguments[0], operation.option("index", 2), operation.option("dim", 1)


def _is_whole(tensor: Tensor) -> bool:
    return not dtype_of(tensor).is_floating_point and dtype_of(tensor) != torch.bool


def _apart(operation: Operation, merged: Dimension, fact: Strided) -> Iterator[Flaw]:
    """A position is made with the size of the outer one of two axes, where that of the inner one belongs."""
    if len(merged) == 2 and merged[0].size == fact.by != merged[1].size:
        outer, inner = (shown((factor,)) for factor in merged)
        yield error(
            f"a position in `{shown(merged)}` is counted with the size of `{outer}`, but entries of "
            f"`{outer}` lie {merged[1].size} apart: multiply with the size of the inner axis, `{inner}`",
            operation.line,
        )


def _compared(operation: Operation, facts: Facts) -> Iterator[Flaw]:
    """`logits.argmax() == labels`: one position among all entries, compared with each of many."""
    for one, many in (operation.tensors, operation.tensors[::-1]):
        found = facts.of(FlatIndex, [one])
        if found and not shape_of(one) and shape_of(many):
            yield error(
                f"one position among all of `{shown(found[0].into)}` is compared with each of several; "
                "say `dim=` where it is found",
                operation.line,
            )


def searched_axes(operation: Operation, own: Sequence[Dimension]) -> Dimension:
    """The dimension whose positions an operation returns."""
    dim = operation.option("dim", 2 if operation.name == "topk" else 1)
    if isinstance(dim, int) and -len(own) <= dim < len(own):
        return own[dim]
    if operation.name in ("argmax", "argmin"):
        return tuple(factor for dimension in own for factor in dimension)
    return own[-1] if own and operation.name in ("topk", "sort", "argsort") else ()


def _divided(operation: Operation, by: int, fact: FlatIndex, facts: Facts) -> Iterator[Flaw]:
    """A quotient leaves the axes outside of the divisor, a remainder those inside.

    `at // h` where `at` counts through `h*w`: rows are found by the size of what is inside, `w`.
    """
    factors = fact.into
    inner = {size_of(factors[cut:]): cut for cut in range(len(factors))}
    is_quotient = operation.name in QUOTIENTS
    if by in inner:
        cut = inner[by]
        left = factors[:cut] if is_quotient else factors[cut:]
        if len(left) > 1:
            facts.add(operation.results, FlatIndex(left))
        return
    cuts = [factors[:cut] for cut in range(1, len(factors))]
    outer = {size_of(cut): cut for cut in cuts}
    if by in outer:
        what = "quotient" if is_quotient else "remainder"
        yield error(
            f"a position in `{shown(factors)}` is divided by the size of `{shown(outer[by])}`, and the "
            f"{what} taken: the inner axis is `{shown(factors[-1:])}`, so its size is the one to divide by",
            operation.line,
        )


def _unravelled(operation: Operation, shape: Any, fact: FlatIndex) -> Iterator[Flaw]:
    sizes = [factor.size for factor in fact.into]
    given = list(shape) if isinstance(shape, list | tuple) else []
    if given != sizes and sorted(given) == sorted(sizes):
        yield error(
            f"a position in `{shown(fact.into)}` is unravelled into axes of {tuple(given)}, in another order",
            operation.line,
        )
