"""The patterns of einops: `"b t (h d) -> b h t d"`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from typed_einsum.diagnostics import Span
from typed_einsum.equation.equation import ARROW, Flaw, Site

_TOKEN = re.compile(r"[()]|[^\s()]+")


@dataclass(frozen=True)
class _Side:
    """One side of a pattern: each axis name with where it stands."""

    axes: tuple[tuple[str, Span], ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.axes)


def pattern_flaws(text: str, function: str, given: Collection[str]) -> Iterator[Flaw]:
    """What einops refuses in a pattern of `rearrange`, `repeat` or `reduce`.

    `given` are the axes whose sizes are passed by keyword.
    """
    left, arrow, right = text.partition(ARROW)
    if not arrow:
        yield Flaw("TE101", f"the pattern of `{function}` has no `->`", help="write `before -> after`")
        return
    if ARROW in right:
        second = Span(text.rindex(ARROW), text.rindex(ARROW) + 2)
        summary = f"the pattern of `{function}` has more than one `->`"
        yield Flaw("TE102", summary, Site(None, second), "a second arrow", "keep one `->`")
        return
    sides = []
    for part, offset in ((left, 0), (right, len(left) + len(ARROW))):
        side, flaw = _side(part, offset)
        if flaw is not None:
            yield flaw
            return
        sides.append(side)
    yield from _disagreements(sides[0], sides[1], function, given)


def _side(part: str, offset: int) -> tuple[_Side, Flaw | None]:
    axes: list[tuple[str, Span]] = []
    opened: Span | None = None
    for token in _TOKEN.finditer(part):
        span, word = Span(*token.span()).shifted(offset), token.group()
        site = Site(None, span)
        if word == "(":
            if opened is not None:
                flaw = Flaw(
                    "TE105", "a group stands inside a group", site, "a second `(`", "merge in one group"
                )
                return _Side(()), flaw
            opened = span
        elif word == ")":
            if opened is None:
                flaw = Flaw("TE105", "`)` closes no group", site, "no `(` before it", "write `(h d)`")
                return _Side(()), flaw
            opened = None
        elif not (word.isidentifier() or word.isdigit() or word in ("...", "…")):
            summary = f"`{word}` is not an axis"
            return _Side(()), Flaw("TE105", summary, site, "not a name", "separate axes with spaces")
        elif word in dict(axes) and not word.isdigit() and word != "_":
            summary = f"axis `{word}` stands twice on one side of the pattern"
            repair = "einops takes no diagonal: give the two axes two names"
            return _Side(()), Flaw("TE107", summary, site, "again", repair)
        else:
            axes.append((word, span))
    if opened is not None:
        flaw = Flaw("TE105", "`(` opens a group that never closes", Site(None, opened), "no `)`", "close it")
        return _Side(()), flaw
    return _Side(tuple(axes)), None


def _disagreements(left: _Side, right: _Side, function: str, given: Collection[str]) -> Iterator[Flaw]:
    """Axes of one side alone, which `rearrange` refuses; `repeat` adds axes, and `reduce` drops some."""
    for name, span in right.axes:
        if name.isidentifier() and name != "_" and name not in left.names:
            if function == "repeat" and name in given:
                continue
            summary = f"axis `{name}` of the result of `{function}` is not in its input"
            repair = f"pass its length: {name}=…" if function == "repeat" else "name an axis of the input"
            yield Flaw("TE106", summary, Site(None, span), "no operand has it", repair)
    if function == "reduce":
        return
    for name, span in left.axes:
        if name.isidentifier() and name != "_" and name not in right.names and name not in ("...",):
            summary = f"`{function}` drops no axis, and `{name}` is not in its result"
            repair = f"keep `{name}`, or use einops.reduce to sum over it"
            yield Flaw("TE108", summary, Site(None, span), "dropped", repair)
