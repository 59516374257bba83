"""The patterns of views in calls, judged without a tensor: einops' own, and those of this library."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from typed_einsum.equation.axes import Axis
from typed_einsum.equation.equation import Flaw, FlawError, Site
from typed_einsum.equation.patterns import disagreements, linted_pattern, read_pattern


def pattern_flaws(text: str, function: str, given: Collection[str]) -> Iterator[Flaw]:
    """What einops refuses in a pattern of `rearrange`, `repeat` or `reduce`.

    `given` are the axes whose sizes are passed by keyword.
    """
    try:
        yield from disagreements(read_pattern(text, function, _no_word_of_einops), function, given)
    except FlawError as error:
        yield error.flaw


def our_pattern_flaws(text: str, function: str, _given: Collection[str]) -> Iterator[Flaw]:
    """What this library refuses; a size that is not given may be known to the function around the call."""
    try:
        linted_pattern(text, function)
    except FlawError as error:
        yield error.flaw


def _no_word_of_einops(_axis: Axis, word: str, site: Site) -> Flaw | None:
    if word.isidentifier() or word.isdigit() or word in ("...", "…"):
        return None
    return Flaw("TE105", f"`{word}` is not an axis", site, "not a name", "separate axes with spaces")
