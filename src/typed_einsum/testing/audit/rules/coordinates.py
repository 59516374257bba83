"""TE733: positions along one axis that are used with the size of another, one way or both ways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from typed_einsum.tensors import dtype_of, shape_of
from typed_einsum.testing.audit.dimensions import Dimension, TrackedAxes, is_named
from typed_einsum.testing.audit.facts import Coordinates, CrossedCoordinate, Facts
from typed_einsum.testing.audit.findings import Flaw, advice, error
from typed_einsum.testing.audit.operations import Operation
from typed_einsum.testing.audit.rules.picking import index_of, searched_axes
from typed_einsum.testing.audit.rules.registry import rule
from typed_einsum.testing.audit.vocabulary import LAYOUTS, POSITIONS

CODE = "TE733"
DIVIDED, INDEXED = "divided by the size of", "used as positions along"

SAME = LAYOUTS | {"repeat", "clamp", "floor", "round"}
SHIFTS = {"add", "sub", "mul"}


@rule(CODE)
def crossed(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """`x / h` and `y / w`; `grid[y, x]` of a grid that is laid out as (x, y)."""
    tensors = operation.tensors
    match operation.name:
        case "arange":
            _note_positions(operation, tracked, facts)
        case "meshgrid":
            for tensor, result in zip(tensors, operation.results, strict=False):
                facts.add([result], *facts.of(Coordinates, [tensor]))
        case "stack" if tensors:
            _stacked(operation, facts)
        case "__getitem__" if tensors:
            _picked(operation, facts)
            yield from _indexed(operation, tracked, facts)
        case "gather" | "index_select" if tensors:
            yield from _gathered(operation, tracked, facts)
        case name if name in POSITIONS and len(tensors) == 1:
            _note_searched(operation, tracked, facts)
        case name if name in SAME and tensors:
            facts.add(operation.results, *facts.of(Coordinates, tensors[:1]))
        case name if name in SHIFTS:
            found = facts.of(Coordinates, tensors)
            if len(found) == 1:
                facts.add(operation.results, *found)
        case "div" if len(tensors) == 1:
            facts.add(operation.results, *facts.of(Coordinates, tensors))
            yield from _divided(operation, tracked, facts)
        case "grid_sample" | "grid_sampler" if len(tensors) > 1:
            yield from _sampled(operation, tracked, facts)
        case _:
            return


def _note_positions(operation: Operation, tracked: TrackedAxes, facts: Facts) -> None:
    """`arange(h)` or `arange(1, h + 1)`, where one axis alone has that size."""
    match operation.arguments:
        case (int(size),) | (0, int(size)):
            axis = tracked.name_of_size(size)
        case (1, int(size)):
            axis = tracked.name_of_size(size - 1)
        case _:
            return
    if axis:
        facts.add(operation.results, Coordinates((axis,)))


def _note_searched(operation: Operation, tracked: TrackedAxes, facts: Facts) -> None:
    """`scores.argmax(-1)` counts along the last axis."""
    into = searched_axes(operation, tracked.of(operation.tensors[0]))
    found = [tensor for tensor in operation.results if not dtype_of(tensor).is_floating_point]
    if is_named(into) and len(into) == 1 and not into[0].is_count:
        facts.add(found, Coordinates((into[0].axis,), searched=True))


def _stacked(operation: Operation, facts: Facts) -> None:
    """Coordinates side by side, in a last axis of their own."""
    found = [facts.of(Coordinates, [tensor]) for tensor in operation.tensors]
    rank = len(shape_of(operation.tensors[0]))
    is_last = operation.option("dim", 1, 0) in (-1, rank)
    if is_last and all(len(each) == 1 and len(each[0].axes) == 1 for each in found):
        facts.add(operation.results, Coordinates(tuple(each[0].axes[0] for each in found)))


def _picked(operation: Operation, facts: Facts) -> None:
    """`grid[..., 0]` is the first coordinate; any other part of a grid has all of them."""
    key = operation.arguments[1]
    for fact in facts.of(Coordinates, operation.tensors[:1]):
        if len(fact.axes) == 1 or _is_whole(key):
            facts.add(operation.results, fact)
        elif isinstance(key, tuple) and key[:-1] == (Ellipsis,) and type(key[-1]) is int:
            facts.add(operation.results, Coordinates((fact.axes[key[-1]],)))


def _is_whole(key: Any) -> bool:
    """Whether a key leaves everything in its place, and adds axes at most: `grid[None]`."""
    items = key if isinstance(key, tuple) else (key,)
    return all(
        item is None or item is Ellipsis or (type(item) is slice and item == slice(None)) for item in items
    )


def _divided(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    by: Any = operation.option("other", 1)
    found = [fact.axes[0] for fact in facts.of(Coordinates, operation.tensors) if len(fact.axes) == 1]
    name = tracked.name_of_size(by) or tracked.name_of_size(by + 1) if type(by) is int else ""
    if name and len(found) == 1:
        is_whole = operation.options.get("rounding_mode") is not None
        yield from _used(CrossedCoordinate(found[0], name, DIVIDED), operation, facts, may_tell=not is_whole)


def _indexed(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """An index that counts through another axis than the one that it picks from."""
    key = operation.arguments[1]
    items = key if isinstance(key, tuple) else (key,)
    if any(item is None or item is Ellipsis for item in items):
        return
    for item, dimension in zip(items, tracked.of(operation.tensors[0]), strict=False):
        if isinstance(item, Tensor):
            yield from _picked_from(dimension, item, operation, facts)


def _gathered(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    source, index, axis = index_of(operation)
    own = tracked.of(source)
    if isinstance(index, Tensor) and type(axis) is int and -len(own) <= axis < len(own):
        yield from _picked_from(own[axis], index, operation, facts)


def _picked_from(dimension: Dimension, index: Tensor, operation: Operation, facts: Facts) -> Iterator[Flaw]:
    """What `arange` counts may be the first entries of a longer axis; where an entry was found is not."""
    if dtype_of(index).is_floating_point or len(dimension) != 1:
        return
    for fact in facts.of(Coordinates, [index]):
        if len(fact.axes) == 1 and dimension[0].named and not dimension[0].is_count:
            use = CrossedCoordinate(fact.axes[0], dimension[0].axis, INDEXED)
            yield from _used(use, operation, facts, may_tell=fact.searched)


def _sampled(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """A grid of (y, x), where torch takes the coordinate along the last axis first."""
    own = tracked.of(operation.tensors[1])
    names = tuple(each[0].axis if len(each) == 1 and each[0].named else "" for each in own[-3:-1])
    for fact in facts.of(Coordinates, operation.tensors[1:2]):
        if len(set(names)) == 2 and "" not in names and fact.axes == names:
            yield error(
                f"`grid_sample` takes positions along `{names[1]}` first, and then those along `{names[0]}`: "
                "the two are exchanged, and the image is transposed",
                operation.line,
            )


def _used(use: CrossedCoordinate, operation: Operation, facts: Facts, *, may_tell: bool) -> Iterator[Flaw]:
    """Exchanged axes are wrong; both coordinates over one size keep the proportions of a picture."""
    axis, name, how = use.axis, use.name, use.how
    back, own = CrossedCoordinate(name, axis, how), CrossedCoordinate(name, name, how)
    facts.crossed.append(use)
    if axis == name:
        for each in facts.crossed:
            if each.name == name and each.how == how:
                facts.clear(each)
    elif back in facts.crossed:
        facts.clear(back)
        facts.clear(use)
        yield error(
            f"positions along `{axis}` are {how} `{name}`, and those along `{name}` are {how} `{axis}`: "
            "the two are exchanged",
            operation.line,
        )
    elif may_tell and own not in facts.crossed:
        text = f"positions along `{axis}` are {how} `{name}`: is the size of `{axis}` meant?"
        if how == INDEXED:
            text = f"positions along `{axis}` are {how} `{name}`: is another axis meant in the search?"
        facts.suspect(use, CODE, advice(text, operation.line))
