"""What is remembered of a tensor besides its axes: how it was made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from weakref import ref

from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from typed_einsum.testing.audit.findings import Found
from typed_einsum.testing.audit.labels import Label

Place = tuple[str, int]


@dataclass(frozen=True)
class Scores:
    """The result of contracting two tensors, scaled or masked since at most."""


@dataclass(frozen=True)
class Normalised:
    """A softmax, or its logarithm, over this axis.

    The axis was the last one if `at_end`, and the tensor has been permuted since if `turned`.
    """

    over: Label
    of_scores: bool
    logarithm: bool
    place: Place
    at_end: bool = False
    turned: bool = False


@dataclass(frozen=True)
class Weighted:
    """The logarithm of a softmax over this axis, times something; `at` counts the axis from the right."""

    over: Label
    at: int
    place: Place


@dataclass(frozen=True)
class Lowered:
    """Cast to a dtype of less precision."""

    to: str
    place: Place


@dataclass(frozen=True)
class Bounded:
    """Numbers between -1 and 1, from this function."""

    function: str


@dataclass(frozen=True)
class Difference:
    """A difference in which a size of 1 in the data met a named axis; `squared` since."""

    axis: str
    place: Place
    squared: bool = False


@dataclass(frozen=True)
class Reduced:
    """A reduction of a tensor over one axis; `is_norm` if it is the length of vectors."""

    source: ref[Tensor] = field(compare=False)
    axis: int
    over: Label
    kept: bool
    is_norm: bool


@dataclass(frozen=True)
class Unit:
    """Vectors of length one along this axis."""

    over: Label
    place: Place


@dataclass(frozen=True)
class FlatIndex:
    """Positions in a dimension in which several axes are merged."""

    into: Label


@dataclass(frozen=True)
class Crossed:
    """Every entry of an axis with the index of every other one."""

    axis: str
    place: Place


@dataclass(frozen=True)
class Penalty:
    """A mask as numbers to add: zero, or very far below."""


@dataclass(frozen=True)
class Masked:
    """Scores under a mask: whether the mask varies along each axis."""

    varies: tuple[bool, ...]
    place: Place


Note = (
    Scores
    | Normalised
    | Weighted
    | Lowered
    | Bounded
    | Difference
    | Reduced
    | Unit
    | FlatIndex
    | Crossed
    | Penalty
    | Masked
)


class Notes:
    """The notes of every tensor that a call has met, and the doubts that only its end can settle."""

    def __init__(self) -> None:
        self._known: Any = WeakTensorKeyDictionary()
        self._doubts: dict[Note, Found] = {}
        self._settled: set[Note] = set()

    def of(self, tensors: Iterable[Tensor]) -> tuple[Note, ...]:
        """The notes of tensors."""
        return tuple(note for tensor in tensors for note in self._known.get(tensor, ()))

    def add(self, tensors: Iterable[Tensor], *notes: Note) -> None:
        """Remember notes of tensors."""
        for tensor in tensors:
            self._known[tensor] = (*self._known.get(tensor, ()), *notes)

    def doubt(self, note: Note, found: Found) -> None:
        """What is wrong unless the note is settled before the call ends."""
        self._doubts.setdefault(note, found)

    def settle(self, note: Note) -> None:
        """Nothing is wrong with what a note says, whatever was doubted."""
        self._settled.add(note)

    def doubts(self) -> Iterator[Found]:
        """What is wrong now that the call has ended."""
        yield from (found for note, found in self._doubts.items() if note not in self._settled)
