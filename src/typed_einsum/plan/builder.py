"""Builds a plan step by step; each method adds what is needed and returns the new value."""

from __future__ import annotations

from collections.abc import Sequence, Set

from typed_einsum.plan.steps import (
    Copy,
    Diagonal,
    Expand,
    Group,
    Maximum,
    Multiply,
    Permute,
    Reshape,
    Step,
    Sum,
    Value,
)


class Builder:
    """Collects steps; every method adds what is needed and returns the new value."""

    def __init__(self, taken: Sequence[str]) -> None:
        self.steps: list[Step] = []
        self._taken = set(taken)

    def fresh(self, axes: tuple[Group, ...]) -> Value:
        """A value under a new name."""
        name = next(f"t{i}" for i in range(len(self._taken) + 1) if f"t{i}" not in self._taken)
        self._taken.add(name)
        return Value(name, axes)

    def diagonals(self, value: Value) -> Value:
        """Take diagonals until every name stands once."""
        letters = value.letters
        for first, letter in enumerate(letters):
            if letter in letters[first + 1 :]:
                second = letters.index(letter, first + 1)
                rest = tuple(group for i, group in enumerate(value.axes) if i not in (first, second))
                target = self.fresh((*rest, (letter,)))
                self.steps.append(Diagonal(value, target, first, second))
                return self.diagonals(target)
        return value

    def dropped(self, value: Value, ones: Set[str]) -> Value:
        """Leave out axes of size 1."""
        return self.reshape(value, tuple(group for group in value.axes if not set(group) <= ones))

    def sum_except(self, value: Value, kept: set[str]) -> Value:
        """Sum over every axis that is not kept."""
        positions = tuple(i for i, letter in enumerate(value.letters) if letter not in kept)
        if not positions:
            return value
        target = self._without(value, positions)
        self.steps.append(Sum(value, target, positions))
        return target

    def maximum(self, value: Value, letters: Sequence[str]) -> Value:
        """Take the maximum over axes."""
        positions = tuple(value.letters.index(letter) for letter in letters)
        target = self._without(value, positions)
        self.steps.append(Maximum(value, target, positions))
        return target

    def _without(self, value: Value, positions: tuple[int, ...]) -> Value:
        return self.fresh(tuple(group for i, group in enumerate(value.axes) if i not in positions))

    def permute(self, value: Value, letters: Sequence[str]) -> Value:
        """Bring axes, one name each, into an order."""
        order = tuple(value.letters.index(letter) for letter in letters)
        if order == tuple(range(len(order))):
            return value
        target = self.fresh(tuple(value.axes[i] for i in order))
        self.steps.append(Permute(value, target, order))
        return target

    def swap_last(self, value: Value) -> Value:
        """Exchange the last two axes."""
        order = (*range(len(value.axes) - 2), len(value.axes) - 1, len(value.axes) - 2)
        target = self.fresh(tuple(value.axes[i] for i in order))
        self.steps.append(Permute(value, target, order))
        return target

    def reshape(self, value: Value, axes: tuple[Group, ...]) -> Value:
        """Merge or split axes; nothing is added where the axes are so already."""
        if axes == value.axes:
            return value
        target = self.fresh(axes)
        self.steps.append(Reshape(value, target))
        return target

    def copy(self, value: Value) -> Value:
        """Lay the entries out in the order of the axes."""
        target = self.fresh(value.axes)
        self.steps.append(Copy(value, target))
        return target

    def expand(self, value: Value, axes: tuple[Group, ...]) -> Value:
        """Repeat a value along new axes, without a copy."""
        target = self.fresh(axes)
        self.steps.append(Expand(value, target))
        return target

    def multiply(self, left: Value, right: Value, order: Sequence[str]) -> Value:
        """Multiply entry by entry into axes of this order."""
        left, right = self._aligned(left, order), self._aligned(right, order)
        target = self.fresh(tuple((letter,) for letter in order))
        self.steps.append(Multiply(left, right, target))
        return target

    def _aligned(self, value: Value, order: Sequence[str]) -> Value:
        held = [letter for letter in order if letter in value.letters]
        value = self.permute(value, held)
        inner = list(order)[min((order.index(letter) for letter in held), default=len(order)) :]
        return self.reshape(value, tuple((letter,) if letter in held else () for letter in inner))
