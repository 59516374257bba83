"""What is known of masks that are multiplied with, and of entries that they have set to zero."""

from __future__ import annotations

from dataclasses import dataclass

from typed_einsum.testing.audit.findings import SourceLine


@dataclass(frozen=True)
class Keep:
    """A mask of zeros and ones that was passed in, or that compares positions with lengths.

    A truth about the numbers themselves, such as `x > 0`, is no such mask.
    """


@dataclass(frozen=True)
class OwnTruth:
    """Truths that a function has computed from its numbers."""


@dataclass(frozen=True)
class Drawn:
    """Numbers drawn at random, or what was computed from such numbers alone."""


@dataclass(frozen=True)
class Zeroed:
    """Entries that a mask has set to zero, and whether it differs along each axis, from the left.

    They are `raised` if the others were multiplied with a number above 1 since, as dropout does.
    """

    varies: tuple[bool, ...]
    line: SourceLine
    raised: bool = False


@dataclass(frozen=True)
class AtLeastZero:
    """No entry is negative."""


@dataclass(frozen=True)
class CountsZeros:
    """A softmax, a mean or a maximum in which entries that a mask has set to zero still count."""

    name: str
    line: SourceLine


@dataclass(frozen=True)
class MaskedSum:
    """A sum over so many entries, some of which a mask has set to zero."""

    entries: int
    line: SourceLine


@dataclass(frozen=True)
class KeptCount:
    """How many entries a mask keeps, or which part of them."""


MaskFact = Keep | OwnTruth | Drawn | Zeroed | AtLeastZero | CountsZeros | MaskedSum | KeptCount
