"""What is remembered of a tensor besides its axes: how it was made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from typed_einsum.testing.audit.labels import Label

Place = tuple[str, int]


@dataclass(frozen=True)
class Scores:
    """The result of contracting two tensors, scaled or masked since at most."""


@dataclass(frozen=True)
class Normalised:
    """A softmax, or its logarithm, over this axis."""

    over: Label
    of_scores: bool
    logarithm: bool
    place: Place


@dataclass(frozen=True)
class Weighted:
    """The logarithm of a softmax over this axis, times something."""

    over: Label
    place: Place


@dataclass(frozen=True)
class Lowered:
    """Cast to a dtype of less precision."""

    to: str
    place: Place


@dataclass(frozen=True)
class Difference:
    """A difference in which a size of 1 in the data met a named axis; `squared` since."""

    axis: str
    place: Place
    squared: bool = False


Note = Scores | Normalised | Weighted | Lowered | Difference


class Notes:
    """The notes of every tensor that a call has met."""

    def __init__(self) -> None:
        self._known: Any = WeakTensorKeyDictionary()

    def of(self, tensors: Iterable[Tensor]) -> tuple[Note, ...]:
        """The notes of tensors."""
        return tuple(note for tensor in tensors for note in self._known.get(tensor, ()))

    def add(self, tensors: Iterable[Tensor], *notes: Note) -> None:
        """Remember notes of tensors."""
        for tensor in tensors:
            self._known[tensor] = (*self._known.get(tensor, ()), *notes)
