"""What is known of the places of entries: which numbers count them, and how far they are shifted."""

from __future__ import annotations

from dataclasses import dataclass

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


Place = Places | Cut | Moved | Strided
