"""Names that an axis may have, and which of them is the better."""

from __future__ import annotations

from dataclasses import dataclass, replace

from typed_einsum.testing.annotate.words import HABIT
from typed_einsum.testing.names.evidence import Kind

ORDER = (
    "annotation",
    "local",
    "equation",
    "comment",
    "role",
    "attribute",
    HABIT,
    Kind.GLOSSARY.word,
    "place",
)
"""How telling evidence is, by the word for its kind, the most telling first."""

TIERS = (("annotation",), ("local", "equation", "comment"), ("role",))
"""Kinds between whose names it matters which is the more frequent, not the kind."""


@dataclass(frozen=True)
class Candidate:
    """A name for an axis, and how many lines say it: in all, in the function's file, and in the function.

    `common` says how many equations of the file have it; `is_ambiguous` that the function has it twice.
    """

    name: str
    kind: str
    origin: str
    every: int = 1
    near: int = 0
    own: int = 0
    common: int = 0
    is_ambiguous: bool = False

    @property
    def rank(self) -> tuple[int, ...]:
        """The better name comes first: by its kind, and of what code calls an axis, the more frequent.

        What another file alone says comes after all that this file calls an axis; a name in an equation of
        the file, or a local of the function itself, comes before one that other functions say.
        """
        tier = next((at for at, kinds in enumerate(TIERS) if self.kind in kinds), len(TIERS) + self.order)
        is_far = tier == 1 and not self.near and not self.common
        frequency = self.common + self.near + self.own
        first = len(TIERS) if is_far else tier, self.is_ambiguous, not self.is_said
        return (*first, -frequency, -self.every, self.order)

    @property
    def is_said(self) -> bool:
        """Whether an equation of the file has it, or a local of the function itself is called so."""
        is_of_equation = self.common > 0 or (self.kind == "equation" and self.near > 0)
        return is_of_equation or (self.kind == "local" and self.own > 0)

    @property
    def order(self) -> int:
        """How telling its kind is."""
        return ORDER.index(self.kind)

    def with_more(self, other: Candidate) -> Candidate:
        """The same name as two calls know it."""
        best = min(self, other, key=lambda each: each.order)
        every, near, own = map(max, self._counts, other._counts)
        return replace(best, every=every, near=near, own=own)

    @property
    def _counts(self) -> tuple[int, int, int]:
        return self.every, self.near, self.own
