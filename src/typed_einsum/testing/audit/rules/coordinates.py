"""TE733: positions along one axis that are used with the size of another, and the other way round."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from typed_einsum.tensors import dtype_of, shape_of
from typed_einsum.testing.audit.dimensions import TrackedAxes
from typed_einsum.testing.audit.facts import Coordinates, CrossedCoordinate, Facts
from typed_einsum.testing.audit.findings import Flaw, error
from typed_einsum.testing.audit.operations import Operation
from typed_einsum.testing.audit.rules.registry import rule
from typed_einsum.testing.audit.vocabulary import CASTS, COPIES, PERMUTES, VIEWS

SAME = (
    CASTS
    | COPIES
    | PERMUTES
    | VIEWS
    | {"expand", "expand_as", "repeat", "squeeze", "clamp", "floor", "round"}
)
SHIFTS = {"add", "sub", "mul"}


@rule("TE733")
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
    """`arange(h)`, where one axis alone has that size."""
    if len(operation.arguments) == 1 and type(operation.arguments[0]) is int:
        axis = tracked.name_of_size(operation.arguments[0])
        if axis:
            facts.add(operation.results, Coordinates((axis,)))


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
    if name and len(found) == 1 and found[0] != name:
        yield from _both_ways(found[0], name, "divided by the size of", operation, facts)


def _indexed(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """An index that counts through another axis than the one that it picks from."""
    items = operation.arguments[1] if isinstance(operation.arguments[1], tuple) else ()
    if any(item is None or item is Ellipsis for item in items):
        return
    for item, dimension in zip(items, tracked.of(operation.tensors[0]), strict=False):
        if isinstance(item, Tensor) and not dtype_of(item).is_floating_point and len(dimension) == 1:
            for fact in facts.of(Coordinates, [item]):
                name = dimension[0].axis
                if len(fact.axes) == 1 and name != fact.axes[0] and dimension[0].named:
                    yield from _both_ways(fact.axes[0], name, "used as positions along", operation, facts)


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


def _both_ways(axis: str, name: str, how: str, operation: Operation, facts: Facts) -> Iterator[Flaw]:
    """One of them may be meant, such as both coordinates over the height; exchanged ones are not."""
    facts.crossed.append(CrossedCoordinate(axis, name, how))
    if CrossedCoordinate(name, axis, how) in facts.crossed:
        yield error(
            f"positions along `{axis}` are {how} `{name}`, and those along `{name}` are {how} `{axis}`: "
            "the two are exchanged",
            operation.line,
        )
