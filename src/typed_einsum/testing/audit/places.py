"""What is known of the places of entries, and of their counts: how far they are shifted, which were added."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import ref

from torch import Tensor

from typed_einsum.testing.audit.findings import SourceLine


@dataclass(frozen=True)
class Places:
    """The numbers from 0 to the size of this axis, perhaps times something."""

    axis: str
    line: SourceLine


@dataclass(frozen=True)
class Cut:
    """All entries of an axis, from the right, but so many at its start and at its end."""

    axis: int
    start: int
    end: int


@dataclass(frozen=True)
class Moved:
    """Entries that are shifted along an axis, from the right; others were put before them if `by` is 0."""

    axis: int
    by: int
    line: SourceLine


@dataclass(frozen=True)
class Strided:
    """A whole number times this size, perhaps plus another one: a position in merged axes."""

    by: int


@dataclass(frozen=True, eq=False)
class Origin:
    """The tensor from which others were computed, entry by entry; one object for all of them."""

    tensor: ref[Tensor]


@dataclass(frozen=True)
class Left:
    """What a reduction over one axis has left: which axis of its source each axis is, if it is one."""

    origin: Origin
    over: int
    axes: tuple[int | None, ...]


@dataclass(frozen=True)
class Aligned:
    """What a reduction of entries of this origin over an axis has left, used along another axis again."""

    origin: Origin
    over: int


@dataclass(frozen=True)
class Added:
    """What was summed on the way to these numbers: names of axes; those of them that were averaged, too."""

    over: frozenset[str]
    averaged: frozenset[str]


@dataclass(frozen=True)
class OverCount:
    """A sum over other axes that was divided by the size of this one."""

    axis: str
    over: str
    line: SourceLine


Place = Places | Cut | Moved | Strided | Origin | Left | Aligned | Added | OverCount
