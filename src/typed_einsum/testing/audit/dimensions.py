"""Which axis each dimension of a tensor is, while a function runs at sizes that tell axes apart.

At such sizes the size of a dimension says which axis it is. What sizes cannot say is remembered for each
tensor: the order of axes merged into one dimension, and which of two equal ones is which.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any
from weakref import ref

from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit.findings import SourceLine


@dataclass(frozen=True, slots=True)
class Factor:
    """An axis, or a piece of one that was split. One that is not `named` has a size and nothing else.

    A piece knows the factor that it was cut from, `whole`, and whether it is the `inner` one of the two. A
    factor `extends` the axis beside it if it counts how often a `cat` or a `repeat` put that one in a row.
    """

    name: str
    size: int
    named: bool = True
    whole: Factor | None = None
    inner: bool = False
    extends: bool = field(default=False, compare=False)

    @property
    def axis(self) -> str:
        """The name of the whole axis."""
        return self.name.removesuffix(TWIN)

    @property
    def is_count(self) -> bool:
        """Whether this counts copies or tensors, and has no other name than its number."""
        return self.name.isdigit()

    def split(self, size: int) -> tuple[Factor, Factor]:
        """The factor as an outer one of this size and an inner one."""
        outer = Factor(self.name, size, self.named, self)
        return outer, Factor(self.name, self.size // size, self.named, self, inner=True)

    def __str__(self) -> str:
        if not self.named:
            return str(self.size)
        if self.whole is None:
            return self.axis
        other = self.whole.size // self.size
        return str(self.size) if self.size < other else f"{self.axis}/{other}"


TWIN = "'"

Dimension = tuple[Factor, ...]
"""One dimension: the factors merged in it, outermost first; none for a dimension of size 1."""

WRITTEN_ONE: Dimension = (Factor("1", 1),)
"""A dimension of size 1 that the data has, as under the annotation `b 1`, and nobody asked for here."""


def unknown(size: int) -> Dimension:
    """A dimension of which nothing is known but its size."""
    return (Factor("?", size, named=False),)


def joined(dimension: Sequence[Factor]) -> Dimension:
    """A dimension in which the two pieces of a factor, side by side again, are that factor."""
    found: list[Factor] = []
    for factor in dimension:
        found.append(factor)
        while (
            len(found) > 1 and found[-1].inner and found[-2].whole == found[-1].whole and not found[-2].inner
        ):
            whole = found.pop().whole
            assert whole is not None
            found[-1] = whole
    return tuple(found)


def size_of(dimension: Dimension) -> int:
    """The size of a dimension."""
    return prod(factor.size for factor in dimension)


def roots(dimension: Dimension, *, twins: bool = True) -> set[str]:
    """The axes that a dimension was made of, before any was split; `twins` are told apart."""
    found = set()
    for factor in dimension:
        whole = factor
        while whole.whole is not None:
            whole = whole.whole
        name = whole.name if twins else whole.axis
        found.add(name if whole.named else f"{name}{whole.size}")
    return found


def is_named(dimension: Dimension) -> bool:
    """Whether all of a dimension is axes that have names."""
    return bool(dimension) and all(factor.named for factor in dimension)


def are_apart(one: Dimension, other: Dimension, *, twins: bool = True) -> bool:
    """Whether two dimensions share no axis, not even pieces of one."""
    return bool(one and other) and not roots(one, twins=twins) & roots(other, twins=twins)


class TrackedAxes:
    """The dimensions of every tensor that a call has met."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self._sizes = dict(sizes)
        often = Counter(sizes.values())
        # A size that two axes have does not say which of them a dimension is.
        self._by_size = {
            size: Factor(name, size) for name, size in sizes.items() if size > 1 and often[size] == 1
        }
        self._known: Any = WeakTensorKeyDictionary()
        self._indices: dict[SourceLine, set[int]] = {}
        self._splits: dict[Factor, dict[int, tuple[SourceLine, ref[Tensor]]]] = {}

    def name_of_size(self, size: int) -> str:
        """The axis that has this size; empty if none or several have it."""
        names = [name for name, each in self._sizes.items() if each == size]
        return names[0] if len(names) == 1 and size > 1 else ""

    def split_elsewhere(
        self, whole: Factor, outer: int, line: SourceLine, source: Tensor
    ) -> SourceLine | None:
        """Remember a split into so many outer entries; the line of one into as many inner ones.

        One tensor may be split both ways, as an image is into patches of two sizes.
        """
        found = self._splits.setdefault(whole, {})
        found.setdefault(outer, (line, ref(source)))
        (_, first), (other, second) = found[outer], found.get(whole.size // outer, (None, None))
        is_one = second is not None and first() is not None and first() is second()
        return other if outer * outer != whole.size and not is_one else None

    def indices_at(self, line: SourceLine, index: int) -> frozenset[int]:
        """The whole numbers that this line has indexed with so far, and now with this one."""
        self._indices.setdefault(line, set()).add(index)
        return frozenset(self._indices[line])

    def size_of_name(self, name: str) -> int:
        """The size of an axis by its name; 0 if there is none of that name."""
        return self._sizes.get(name, 0)

    def of(self, tensor: Tensor) -> tuple[Dimension, ...]:
        """The dimensions of a tensor: those remembered, or else what its sizes say."""
        known = self._known.get(tensor)
        shape = shape_of(tensor)
        if known is not None and [size_of(dimension) for dimension in known] == list(shape):
            return tuple(known)
        return tuple(self.by_size(size) for size in shape)

    def remember(self, tensor: Tensor, dimensions: Iterable[Dimension]) -> None:
        """Say what the dimensions of a tensor are."""
        self._known[tensor] = tuple(dimensions)

    def remember_factor(self, factor: Factor) -> None:
        """From now on a dimension of this size is this factor, unless the size is known already."""
        if factor.named and factor.size > 1:
            self._by_size.setdefault(factor.size, factor)

    def by_size(self, size: int) -> Dimension:
        """What a dimension of this size is, for all that is known."""
        if size == 1:
            return ()
        found = self._by_size.get(size)
        return unknown(size) if found is None else (found,)

    def divisor_of(self, size: int) -> Factor | None:
        """The one named axis of which this size is a multiple; None if there are several or none."""
        found = [
            factor
            for each, factor in self._by_size.items()
            if size % each == 0 and factor.named and factor.whole is None and factor.axis.isidentifier()
        ]
        return found[0] if len(found) == 1 else None

    def inherited(
        self, shape: Sequence[int], sources: Sequence[Sequence[Dimension]]
    ) -> tuple[Dimension, ...]:
        """The dimensions of a result from those of the operands: by position and size, or by size."""
        used: set[tuple[int, int]] = set()
        found: list[Dimension] = []
        for position, size in enumerate(shape):
            from_right = position - len(shape)
            at = self._same_place(size, from_right, sources, used) or self._anywhere(size, sources, used)
            if at is None:
                found.append(self.by_size(size))
            else:
                used.add(at)
                found.append(sources[at[0]][at[1]])
        return tuple(found)

    @staticmethod
    def _same_place(
        size: int, from_right: int, sources: Sequence[Sequence[Dimension]], used: set[tuple[int, int]]
    ) -> tuple[int, int] | None:
        for index, dimensions in enumerate(sources):
            at = (index, len(dimensions) + from_right)
            if at[1] >= 0 and size_of(dimensions[at[1]]) == size and at not in used:
                return at
        return None

    @staticmethod
    def _anywhere(
        size: int, sources: Sequence[Sequence[Dimension]], used: set[tuple[int, int]]
    ) -> tuple[int, int] | None:
        if size == 1:
            return None
        for index, dimensions in enumerate(sources):
            for position, dimension in enumerate(dimensions):
                if size_of(dimension) == size and (index, position) not in used:
                    return index, position
        return None


def twins_apart(dimensions: Sequence[Dimension]) -> tuple[Dimension, ...]:
    """The dimensions with the second of two equal ones marked, so that both can be followed."""
    found: list[Dimension] = []
    for dimension in dimensions:
        twin = dimension
        while twin in found and len(twin) == 1 and twin[0].named and twin[0].size > 1:
            twin = (replace(twin[0], name=twin[0].name + TWIN),)
        found.append(twin)
    return tuple(found)


def shown(dimension: Dimension) -> str:
    """A dimension as a message shows it."""
    return "*".join(map(str, dimension)) or "1"


def shown_all(dimensions: Iterable[Dimension]) -> str:
    """The dimensions of a tensor as a message shows them."""
    return "(" + ", ".join(shown(dimension) for dimension in dimensions) + ")"
