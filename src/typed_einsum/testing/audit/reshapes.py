"""Reshapes that scramble: not a merge or split of whole axes with the order kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, combinations

from typed_einsum.testing.audit.labels import Label, Part, joined, shown_all, size_of


@dataclass(frozen=True)
class Mixed:
    """The parts that a reshape neither merges nor splits cleanly."""

    parts: tuple[Part, ...]
    is_long: bool = False
    """Whether this is one axis, laid end to end several times and cut anew, as into windows."""

    @property
    def is_told(self) -> bool:
        """Whether every part is an axis or a piece of one. A size alone may mean anything, but what was cut
        from an axis here is known to be one."""
        known = all(part.named or part.whole is not None for part in self.parts)
        return bool(self.parts) and known and not self.is_long


def regrouped(labels: Sequence[Label], shape: Sequence[int]) -> tuple[Label, ...] | Mixed:
    """The labels of a tensor after a reshape, or the parts that it mixes."""
    parts = list(chain.from_iterable(labels))
    parts = [part for part in parts if part.size > 1]
    result: list[Label] = []
    for done, size in enumerate(shape):
        taken = _taken(parts, size)
        if taken is None:
            return _mixed(labels, _window(parts, shape[done:]))
        result.append(taken)
    return Mixed(tuple(parts)) if parts else tuple(result)


def _taken(parts: list[Part], size: int) -> Label | None:
    """Take parts of this size from the front, splitting the last one if it divides; None if none fit."""
    label: list[Part] = []
    while size > 1:
        if not parts:
            return None
        first = parts[0]
        if size % first.size == 0:
            label.append(parts.pop(0))
            size //= first.size
        elif first.size % size == 0:
            outer, parts[0] = first.split(size)
            label.append(outer)
            size = 1
        else:
            return None
    return joined(label)


def _window(parts: Sequence[Part], shape: Sequence[int]) -> tuple[list[Part], list[int]]:
    """The parts that are mixed, and what they become: all before the end that both sides still share."""
    left, sizes = list(parts), [size for size in shape if size > 1]
    while left and sizes and left[-1].size == sizes[-1]:
        left.pop()
        sizes.pop()
    return left, sizes


def _mixed(labels: Sequence[Label], window: tuple[list[Part], list[int]]) -> Mixed:
    """A long axis may be cut anywhere; but not into the axes that it is made of, in another order."""
    parts, sizes = window
    is_extended = any(part.extends for part in parts)
    is_one = any(set(parts) <= set(label) for label in labels)
    is_swap = sorted(part.size for part in parts) == sorted(sizes)
    return Mixed(tuple(parts), is_extended and is_one and not is_swap)


def message(before: Sequence[Label], after: Sequence[Label], mixed: Mixed) -> str:
    """What is wrong with a reshape, and the permutation that was left out, where there is one."""
    axes = list(dict.fromkeys(f"`{part.axis if part.named else part.size}`" for part in mixed.parts))
    listed = " and ".join([", ".join(axes[:-1]), axes[-1]]) if len(axes) > 1 else axes[0]
    meant = _meant(before, [size_of(label) for label in after])
    shapes = f"{shown_all(before)} to {shown_all(after if meant is None else meant)}"
    repair = "permute the axes into the order of the result" if meant is None else _repair(before, meant)
    return (
        f"a reshape from {shapes} mixes {listed}: it keeps the order of entries in memory, not of axes; "
        f"{repair} first"
    )


def _repair(before: Sequence[Label], meant: Sequence[Label]) -> str:
    """The permutation to make first; where it parts what is merged, the split that must come before it."""
    parts = [part for label in before for part in label]
    wanted = [part for label in meant for part in label]
    starts = [wanted.index(label[0]) for label in before if label]
    together = all(
        wanted[at : at + len(label)] == list(label)
        for at, label in zip(starts, (label for label in before if label), strict=True)
    )
    if together and len(starts) == len(before):
        order = sorted(range(len(before)), key=lambda index: starts[index])
        return f"permute {_numbers(order)}"
    split = shown_all((part,) for part in parts)
    return f"split it into {split} and permute {_numbers(map(parts.index, wanted))}"


def _numbers(order: Iterable[int]) -> str:
    return f"({', '.join(map(str, order))})"


def _meant(before: Sequence[Label], sizes: Sequence[int]) -> list[Label] | None:
    """The axes that a result of these sizes is likely to have meant, each used once; None if unclear."""
    left = [part for label in before for part in label]
    if len(set(left)) != len(left):
        return None
    found: list[Label] = []
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
        left = [part for part in left if part not in fits[0]]
    return None if left else found
