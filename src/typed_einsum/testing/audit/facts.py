"""What is known of a tensor besides its axes: how it was made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar
from weakref import ref

from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from typed_einsum.testing.audit.dimensions import Dimension
from typed_einsum.testing.audit.findings import Flaw, SourceLine
from typed_einsum.testing.audit.masks import MaskFact
from typed_einsum.testing.audit.places import Place


@dataclass(frozen=True)
class Scores:
    """The product of two tensors, scaled or masked since at most."""


@dataclass(frozen=True)
class Normalised:
    """A softmax, or its logarithm, over this axis.

    The axis was the last one if `at_end`, and the tensor has been permuted since if `turned`. What is divided
    by its own sum is normalised `by_division`, which may also be meant as shares of another kind.
    """

    over: Dimension
    of_scores: bool
    logarithm: bool
    line: SourceLine
    at_end: bool = False
    turned: bool = False
    by_division: bool = False


@dataclass(frozen=True)
class Weighted:
    """The logarithm of a softmax over this axis, times something; `at` counts the axis from the right."""

    over: Dimension
    at: int
    line: SourceLine


@dataclass(frozen=True)
class Lowered:
    """Cast to a dtype of less precision."""

    to: str
    line: SourceLine


@dataclass(frozen=True)
class Bounded:
    """Numbers between -1 and 1, from this function."""

    function: str


@dataclass(frozen=True)
class Difference:
    """A difference in which a size of 1 in the data met a named axis; `squared` since."""

    axis: str
    line: SourceLine
    squared: bool = False


@dataclass(frozen=True)
class Reduced:
    """A reduction of a tensor over one axis: the length of vectors if `is_norm`, a sum if `is_sum`."""

    source: ref[Tensor] = field(compare=False)
    axis: int
    over: Dimension
    kept: bool
    is_norm: bool
    is_sum: bool = False


@dataclass(frozen=True)
class Unit:
    """Vectors of length one along this axis."""

    over: Dimension
    line: SourceLine


@dataclass(frozen=True)
class FlatIndex:
    """Positions in a dimension in which several axes are merged."""

    into: Dimension


@dataclass(frozen=True)
class OneChoice:
    """A choice among one entry, in a line that may choose among several at another time."""

    line: SourceLine


@dataclass(frozen=True)
class Crossed:
    """Every entry of an axis with the index of every other one."""

    axis: str
    line: SourceLine


@dataclass(frozen=True)
class Penalty:
    """A mask as numbers to add: zero, or very far below."""


@dataclass(frozen=True)
class Masked:
    """Scores under a mask: whether the mask varies along each axis."""

    varies: tuple[bool, ...]
    line: SourceLine


@dataclass(frozen=True)
class OuterProduct:
    """A product of which each factor has axes, by their places, that the other has not."""

    left: tuple[int, ...]
    right: tuple[int, ...]
    message: str
    line: SourceLine


@dataclass(frozen=True)
class Pair:
    """One of the two halves of the last axis; or else one of each two neighbours on it."""

    is_half: bool


@dataclass(frozen=True)
class PutTogether:
    """The two halves of the last axis side by side again; or else its neighbours, pair by pair."""

    is_half: bool
    line: SourceLine


@dataclass(frozen=True)
class Coordinates:
    """Positions along an axis; of several axes, side by side in a last one.

    They were counted by `arange`, or else `searched`: found by `argmax`, for example.
    """

    axes: tuple[str, ...]
    searched: bool = False


@dataclass(frozen=True)
class Sorted:
    """Entries of a tensor in the order of their values."""

    origin: ref[Tensor] = field(compare=False)
    line: SourceLine


@dataclass(frozen=True)
class CrossedCoordinate:
    """Positions along an axis that are used with the size or the entries of another one."""

    axis: str
    name: str
    how: str


@dataclass(frozen=True)
class Contracted:
    """A product of two tensors that was summed over this axis; scaled or masked since at most."""

    over: Dimension


@dataclass(frozen=True)
class MaskPart:
    """A mask of which this one is made, and the axes, from the left, along which it varies."""

    varies: tuple[bool, ...]
    line: SourceLine


@dataclass(frozen=True)
class Entries:
    """The entries of another tensor, in another layout or as another dtype."""

    tensor: ref[Tensor] = field(compare=False)


@dataclass(frozen=True)
class Factors:
    """A product, entry by entry, of these tensors."""

    tensors: tuple[ref[Tensor], ...] = field(compare=False)


@dataclass(frozen=True)
class Summed:
    """A sum of a tensor over axes: of its products with another one if `weighted`."""

    tensor: ref[Tensor] = field(compare=False)
    over: frozenset[Dimension]
    weighted: bool


Fact = (
    Scores
    | Normalised
    | Weighted
    | Lowered
    | Bounded
    | Difference
    | Reduced
    | Unit
    | FlatIndex
    | OneChoice
    | Crossed
    | Penalty
    | Masked
    | OuterProduct
    | Coordinates
    | CrossedCoordinate
    | PutTogether
    | Pair
    | Sorted
    | Contracted
    | Place
    | MaskFact
    | MaskPart
    | Entries
    | Factors
    | Summed
)
Kind = TypeVar("Kind", bound=Fact)


class Facts:
    """The facts of every tensor that a call has met, and the flaws that only its end can confirm."""

    def __init__(self) -> None:
        self._known: Any = WeakTensorKeyDictionary()
        self._suspected: dict[Fact, tuple[str, Flaw]] = {}
        self._cleared: set[Fact] = set()
        self.crossed: list[CrossedCoordinate] = []

    def of(self, kind: type[Kind], tensors: Iterable[Tensor]) -> list[Kind]:
        """The facts of one kind."""
        return [fact for tensor in tensors for fact in self._known.get(tensor, ()) if isinstance(fact, kind)]

    def add(self, tensors: Iterable[Tensor], *facts: Fact) -> None:
        """Remember facts of tensors, each of them once."""
        for tensor in tensors if facts else ():
            known = {id(fact): fact for fact in (*self._known.get(tensor, ()), *facts)}
            self._known[tensor] = tuple(known.values())

    def suspect(self, fact: Fact, code: str, flaw: Flaw) -> None:
        """A flaw, unless the fact is cleared before the call ends."""
        self._suspected.setdefault(fact, (code, flaw))

    def clear(self, fact: Fact) -> None:
        """Drop what was suspected of a fact that turned out to be right."""
        self._cleared.add(fact)

    def confirmed(self) -> Iterator[tuple[str, Flaw]]:
        """The suspected flaws that were not cleared."""
        yield from (found for fact, found in self._suspected.items() if fact not in self._cleared)
