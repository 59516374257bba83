"""Whether two arguments meet in all pairs: each entry of an axis in one with each entry in the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from typed_einsum.tensors import shape_of
from typed_einsum.testing.behaviour import perturbation
from typed_einsum.testing.behaviour.trace import Step, steps_of
from typed_einsum.testing.calls.call import Call


@dataclass(frozen=True)
class Grid:
    """A step whose result has an axis twice: its number, its sizes factor by factor, and where it has it."""

    step: int
    sizes: tuple[int, ...]
    places: tuple[int, ...]


def meet_in_pairs(call: Call, axis: str, holders: Sequence[str]) -> bool:
    """Whether some operation combines every entry of an axis in one argument with all of it in another.

    The pairs may be within one argument, as the distances of all points are: then there are none of two.
    """
    steps = steps_of(call, call.arguments)
    found = [grid for index, step in enumerate(steps) if (grid := _grid(index, step, axis, call)) is not None]
    if not found:
        return False
    last = call.sizes[axis] - 1
    changed = [_steps_with_another(call, axis, last, holder) for holder in holders]
    for grid in found:
        one = steps[grid.step]
        sides = {_side(one, other[grid.step], grid, last) for other in changed if len(other) > grid.step}
        if len(sides - {None}) > 1:
            return True
    return False


def _grid(index: int, step: Step, axis: str, call: Call) -> Grid | None:
    """The grid of a step; None where its result has the axis once, or has only pieces of it."""
    factors = [factor for dimension in step.dimensions for factor in dimension]
    whole = [factor.axis == axis and factor.size == call.sizes.get(axis) for factor in factors]
    places = tuple(at for at, is_whole in enumerate(whole) if is_whole)
    return Grid(index, tuple(factor.size for factor in factors), places) if len(places) > 1 else None


def _steps_with_another(call: Call, axis: str, entry: int, holder: str) -> list[Step]:
    """What a call computes where one entry of an axis is another one, in one argument alone."""
    change = perturbation.Moved(entry, entry, perturbation.other_numbers)
    arguments = perturbation.with_another(call, axis, change)
    return [] if arguments is None else steps_of(call, {**call.arguments, holder: arguments[holder]})


def _side(one: Step, other: Step, grid: Grid, entry: int) -> int | None:
    """The one place of the axis along which a change of an entry stays in that entry."""
    if shape_of(one.value) != shape_of(other.value):
        return None
    moved = (one.value != other.value).reshape(grid.sizes)
    sides = [at for at in grid.places if _entries(moved, at) == [entry]]
    return sides[0] if len(sides) == 1 else None


def _entries(moved: torch.Tensor, at: int) -> list[int]:
    found: list[int] = moved.movedim(at, 0).flatten(1).any(1).nonzero().flatten().tolist()
    return found
