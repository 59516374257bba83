"""Reshapes that scramble: not a merge or split of whole axes with the order kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations, count
from math import gcd

from typed_einsum.testing.audit.dimensions import (
    Dimension,
    Factor,
    TrackedAxes,
    joined,
    shown_all,
    size_of,
    unknown,
)


@dataclass(frozen=True)
class Mixed:
    """The factors that a reshape neither merges nor splits cleanly."""

    factors: tuple[Factor, ...]
    is_long: bool = False
    """Whether this is one axis, laid end to end several times and cut anew, as into windows."""
    is_foreign: bool = False
    """Whether the result has none of these axes, but others, as where rows are cut into kernels."""
    is_moved: bool = False
    """Whether the result has the same axes in another order, and one that has a name by itself."""

    @property
    def is_certain(self) -> bool:
        """Whether every factor is an axis or a piece of one. A size alone may mean anything, but what was cut
        from an axis here is known to be one, and so is what lies beside a named axis that has moved."""
        known = self.is_moved or all(factor.named or factor.whole is not None for factor in self.factors)
        return bool(self.factors) and known and not self.is_long and not self.is_foreign


def regrouped(dimensions: Sequence[Dimension], shape: Sequence[int]) -> tuple[Dimension, ...] | Mixed:
    """The dimensions of a tensor after a reshape, or the factors that it mixes."""
    factors = list(chain.from_iterable(dimensions))
    factors = [factor for factor in factors if factor.size > 1]
    result: list[Dimension] = []
    for done, size in enumerate(shape):
        before = list(factors)
        taken = _taken(factors, size)
        if taken is None:
            is_moved = _is_moved(*_window(before, shape[done:]))
            return replace(_mixed(dimensions, _window(factors, shape[done:])), is_moved=is_moved)
        result.append(taken)
    return Mixed(tuple(factors)) if factors else tuple(result)


def mixed_up(
    mixed: Mixed, source: Sequence[Dimension], shape: Sequence[int], tracked: TrackedAxes
) -> tuple[Dimension, ...]:
    """Nothing is known of the dimensions that a reshape has mixed: their sizes no longer tell."""
    whole = {size_of(dimension) for dimension in source if not set(dimension) & set(mixed.factors)}
    return tuple(tracked.by_size(size) if size == 1 or size in whole else unknown(size) for size in shape)


def _taken(factors: list[Factor], size: int) -> Dimension | None:
    """Take factors of this size from the front, splitting the last one if it divides; None if none fit."""
    dimension: list[Factor] = []
    while size > 1:
        if not factors:
            return None
        first = factors[0]
        if size % first.size == 0:
            dimension.append(factors.pop(0))
            size //= first.size
        elif first.size % size == 0:
            outer, factors[0] = first.split(size)
            dimension.append(outer)
            size = 1
        else:
            return None
    return joined(dimension)


def _window(factors: Sequence[Factor], shape: Sequence[int]) -> tuple[list[Factor], list[int]]:
    """The factors that are mixed, and what they become: all before the end that both sides still share."""
    left, sizes = list(factors), [size for size in shape if size > 1]
    while left and sizes and left[-1].size == sizes[-1]:
        left.pop()
        sizes.pop()
    return left, sizes


def _mixed(dimensions: Sequence[Dimension], window: tuple[list[Factor], list[int]]) -> Mixed:
    """A long axis may be cut anywhere; but not into the axes that it is made of, in another order."""
    factors, sizes = window
    is_extended = any(factor.extends for factor in factors)
    is_one = any(set(factors) <= set(dimension) for dimension in dimensions)
    is_swap = sorted(factor.size for factor in factors) == sorted(sizes)
    groups = [group for count in range(1, 4) for group in combinations(factors, count)]
    is_foreign = not {size_of(group) for group in groups} & set(sizes)
    return Mixed(tuple(factors), is_extended and is_one and not is_swap, is_foreign)


def _is_moved(factors: Sequence[Factor], sizes: Sequence[int]) -> bool:
    """Whether the sizes are those of these factors in another order, and a named one has a size that only it
    can have: no part of another factor.

    Two that change places are none: a relative shift pads one with an entry, and views the rows anew.
    """
    meant = _meant([tuple(factors)], sizes) if len(factors) > 2 else None
    return meant is not None and any(
        factor.named and factor.whole is None and all(gcd(factor.size, each.size) == 1 for each in others)
        for factor in factors
        if (factor,) in meant and (others := [each for each in factors if each is not factor])
    )


def message(before: Sequence[Dimension], after: Sequence[Dimension], mixed: Mixed) -> str:
    """What is wrong with a reshape, and the named view that was meant, where that is clear."""
    axes = list(
        dict.fromkeys(f"`{factor.axis if factor.named else factor.size}`" for factor in mixed.factors)
    )
    listed = " and ".join([", ".join(axes[:-1]), axes[-1]]) if len(axes) > 1 else axes[0]
    sizes = [size_of(dimension) for dimension in after]
    meant, cut = _meant(before, sizes), before
    if meant is None and (split := _meant_with_a_split(before, sizes)) is not None:
        cut, meant = split
    kept = "it keeps the order of entries in memory, not of axes"
    unclear = "permute the axes into the order of the result first"
    repair = unclear if meant is None else _view(cut, meant)
    shapes = f"{shown_all(before)} to {shown_all(after if meant is None else meant)}"
    return f"a reshape from {shapes} mixes {listed}: {kept}; {repair}"


def _view(before: Sequence[Dimension], meant: Sequence[Dimension]) -> str:
    """The named view that was meant; what it splits needs all sizes but one."""
    words = _words([factor for dimension in before for factor in dimension])
    sides = (" ".join(_part([words[factor] for factor in part]) for part in side) for side in (before, meant))
    sizes = "".join(f", {words[factor]}=…" for dimension in before for factor in dimension[:-1])
    return f'write rearrange(tensor, "{" -> ".join(sides)}"{sizes})'


def _words(factors: Sequence[Factor]) -> dict[Factor, str]:
    """A name for each factor in a pattern: that of its axis, with a number where several share it."""
    names = [factor.axis if factor.named and factor.axis.isidentifier() else "n" for factor in factors]
    words: dict[Factor, str] = {}
    for factor, name in zip(factors, names, strict=True):
        numbers = (f"{name}{number}" for number in count(1))
        free = (word for word in numbers if word not in words.values() and word not in names)
        is_alone = names.count(name) == 1 and name != "n"
        words[factor] = "1" if factor.size == 1 else name if is_alone else next(free)
    return words


def _part(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"({' '.join(words)})" if words else "1"


def _meant(before: Sequence[Dimension], sizes: Sequence[int]) -> list[Dimension] | None:
    """The axes that a result of these sizes is likely to have meant, each used once; None if unclear."""
    left = [factor for dimension in before for factor in dimension]
    if len(set(left)) != len(left):
        return None
    found: list[Dimension] = []
    for size in sizes:
        fits = [
            group
            for count in range(len(left) + 1)
            for group in combinations(left, count)
            if size_of(group) == size
        ]
        if not fits:
            return None
        found.append(fits[0])
        left = [factor for factor in left if factor not in fits[0]]
    return None if left else found


def _meant_with_a_split(
    before: Sequence[Dimension], sizes: Sequence[int]
) -> tuple[list[Dimension], list[Dimension]] | None:
    """The dimensions with one axis cut in two, and the result that was meant; None if that is not clear."""
    found = []
    for at, dimension in enumerate(before):
        for size in dict.fromkeys(sizes) if len(dimension) == 1 else ():
            if size < 2 or dimension[0].size % size or size == dimension[0].size:
                continue
            cut = [*before[:at], dimension[0].split(size), *before[at + 1 :]]
            meant = _meant(cut, sizes)
            if meant is not None and _keeps(meant, cut[at]):
                found.append((cut, meant))
    return found[0] if len(found) == 1 else None


def _keeps(meant: Sequence[Dimension], pieces: Dimension) -> bool:
    """Whether the two pieces of an axis are dimensions of their own, in their order."""
    places = [list(meant).index((piece,)) for piece in pieces if (piece,) in meant]
    return len(places) == 2 and places[0] < places[1]
