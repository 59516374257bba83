"""Patterns of views: `"b t (h d) -> b h t d"`. Parentheses hold the axes that are one axis of a tensor.

The grammar of axis names is that of equations. Nothing is summed, so both sides have the same axes; a pattern
of `repeat` adds some.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from typed_einsum.diagnostics import Span
from typed_einsum.equation.axes import (
    ELLIPSIS,
    Anonymous,
    Axis,
    AxisSyntaxError,
    Expression,
    Fixed,
    Named,
    Variadic,
    is_variadic,
    key,
    read_axis,
    spelled,
)
from typed_einsum.equation.equation import ARROW, Flaw, FlawError, Site

_TOKEN = re.compile(r"[()]|[^\s()]+")

Refuse = Callable[[Axis, str, Site], Flaw | None]
"""Says what is wrong with an axis, given as it is written."""


@dataclass(frozen=True, slots=True)
class Part:
    """What stands for one axis of a tensor: an axis, or a group `(h d)` of axes that are merged into it."""

    axes: tuple[Axis, ...]
    span: Span
    grouped: bool = False

    @property
    def axis(self) -> Axis:
        """The part as one axis: a group is the product of its axes."""
        if not self.grouped:
            return self.axes[0]
        if len(self.axes) > 1:
            return Expression(f"({' '.join(_name_or_size(axis) for axis in self.axes)})", span=self.span)
        return self.axes[0] if self.axes else Fixed(1, span=self.span)


@dataclass(frozen=True, slots=True)
class Pattern:
    """The parts of a tensor before and after a view."""

    before: tuple[Part, ...]
    after: tuple[Part, ...]

    @property
    def written_sizes(self) -> dict[str, int]:
        """The sizes in the pattern itself, as `rgb=3`."""
        axes = (*axes_of(self.before), *axes_of(self.after))
        return {axis.name: axis.size for axis in axes if isinstance(axis, Fixed) and axis.name is not None}


def axes_of(side: tuple[Part, ...]) -> Iterator[Axis]:
    """The single axes of one side."""
    return (axis for part in side for axis in part.axes)


def named_axes(side: tuple[Part, ...]) -> dict[str, Axis]:
    """The axes of one side that have a name, by it; `...` and `*batch` are names."""
    return {name: axis for axis in axes_of(side) if (name := key(axis)) is not None}


def _name_or_size(axis: Axis) -> str:
    return key(axis) or spelled(axis)


def read_pattern(text: str, function: str, refuse: Refuse) -> Pattern:
    """Read the pattern of a function.

    Raises `FlawError`: TE101, TE102, TE105, TE107, or what `refuse` says of an axis.
    """
    left, arrow, right = text.partition(ARROW)
    if not arrow:
        raise FlawError(
            Flaw("TE101", f"the pattern of `{function}` has no `->`", help="write `before -> after`")
        )
    if ARROW in right:
        second = Span(text.rindex(ARROW), text.rindex(ARROW) + 2)
        summary = f"the pattern of `{function}` has more than one `->`"
        raise FlawError(Flaw("TE102", summary, Site(None, second), "a second arrow", "keep one `->`"))
    return Pattern(_side(left, 0, refuse), _side(right, len(left) + len(ARROW), refuse))


def _side(part: str, offset: int, refuse: Refuse) -> tuple[Part, ...]:
    parts: list[Part] = []
    seen: set[str] = set()
    opened: Span | None = None
    group: list[Axis] = []
    for token in _TOKEN.finditer(part):
        span, word = Span(*token.span()).shifted(offset), token.group()
        site = Site(None, span)
        if word == "(":
            if opened is not None:
                raise _misspelt("a group stands inside a group", site, "a second `(`", "merge in one group")
            opened, group = span, []
        elif word == ")":
            if opened is None:
                raise _misspelt("`)` closes no group", site, "no `(` before it", "write `(h d)`")
            parts.append(Part(tuple(group), Span(opened.start, span.stop), grouped=True))
            opened = None
        else:
            axis = _axis(word, site, refuse)
            name = key(axis)
            if name is not None and name in seen:
                summary = f"axis `{name}` stands twice on one side of the pattern"
                raise FlawError(
                    Flaw(
                        "TE107",
                        summary,
                        site,
                        "again",
                        "a view takes no diagonal: give the two axes two names",
                    )
                )
            seen.update([name] if name is not None else [])
            group.append(axis)
            if opened is None:
                parts.append(Part((axis,), span))
    if opened is not None:
        raise _misspelt(
            "`(` opens a group that never closes", Site(None, opened), "no `)`", "close it with `)`"
        )
    return tuple(parts)


def _misspelt(summary: str, site: Site, label: str, repair: str) -> FlawError:
    return FlawError(Flaw("TE105", summary, site, label, repair))


def _axis(word: str, site: Site, refuse: Refuse) -> Axis:
    try:
        axis = read_axis(ELLIPSIS if word == "…" else word, site.span)
    except AxisSyntaxError as error:
        repair = "an axis is a name, `...` or `1`; spaces separate axes"
        raise _misspelt(f"`{word}` is not an axis", site, error.reason, repair) from None
    flaw = refuse(axis, word, site)
    if flaw is not None:
        raise FlawError(flaw)
    return axis


def unnamed(axis: Axis, word: str, site: Site) -> Flaw | None:
    """Why an axis cannot stand in a pattern: every axis but one of size 1 has a name."""
    match axis:
        case (
            Named(broadcast=False)
            | Variadic(broadcast=False)
            | Fixed(1, None, False)
            | Fixed(_, str(), False)
        ):
            return None
        case Fixed(size, None):
            repair = f"name it, as in `xyz={size}`; `1` alone needs no name"
            return Flaw("TE113", f"`{word}` has a size but no name", site, "which axis is this?", repair)
        case Anonymous():
            return Flaw(
                "TE113",
                f"`{word}` has no name, so a view cannot place it",
                site,
                "no name",
                "give it a name, such as `n`",
            )
        case Expression(text):
            repair = "write the axes that are one axis in parentheses, such as `(h w)`"
            if not re.fullmatch(r"\w+(\*\w+)*", text):
                repair = "give the axis a name of its own"
            return Flaw(
                "TE113", f"`{word}` is computed, and a view needs names", site, "an expression", repair
            )
        case _:
            return Flaw(
                "TE113",
                f"`{word}` may broadcast, and a view repeats nothing",
                site,
                "drop the `#`",
                "drop the `#`",
            )


def disagreements(
    pattern: Pattern,
    function: str,
    given: Collection[str] | None,
    reduces: str = "use einops.reduce to sum over it",
) -> Iterator[Flaw]:
    """What one side lacks: `rearrange` keeps all axes, `repeat` adds axes, and `reduce` drops some.

    `given` are the axes whose sizes are known apart from the tensor; None where any may be. `reduces` says
    how to drop an axis.
    """
    before, after = named_axes(pattern.before), named_axes(pattern.after)
    for name, axis in after.items():
        sized = function == "repeat" and not is_variadic(axis) and (given is None or name in given)
        if name not in before and not sized:
            summary = f"axis `{name}` of the result of `{function}` is not in its input"
            repair = (
                f"pass its length: {name}=…"
                if function == "repeat"
                else "name an axis of the input, or add one with `repeat`"
            )
            yield Flaw("TE106", summary, Site(None, axis.span), "not in the input", repair)
    for name, axis in before.items():
        if function != "reduce" and name not in after:
            summary = f"`{function}` drops no axis, and `{name}` is not in its result"
            yield Flaw("TE108", summary, Site(None, axis.span), "dropped", f"keep `{name}`, or {reduces}")


def _flaws_of_sides(pattern: Pattern) -> Iterator[Flaw]:
    """Axes of unknown number that a view cannot place (TE113, TE114), and sizes that disagree (TE115)."""
    for side in (pattern.before, pattern.after):
        spread = [axis for axis in axes_of(side) if is_variadic(axis)]
        if len(spread) > 1:
            names = " and ".join(f"`{key(axis)}`" for axis in spread)
            summary = f"{names} on one side: it is unknown where one ends and the next begins"
            site = Site(None, spread[1].span)
            yield Flaw("TE114", summary, site, "a second one", "keep one variadic axis on each side")
    for part in pattern.before:
        if part.grouped and any(map(is_variadic, part.axes)):
            summary = "a group before `->` holds any number of axes: it is unknown how to split it"
            repair = "name the axes of the group"
            yield Flaw("TE113", summary, Site(None, part.span), "split into how many?", repair)
    sizes = [
        axis for side in (pattern.before, pattern.after) for axis in axes_of(side) if isinstance(axis, Fixed)
    ]
    for axis in sizes:
        if axis.name is not None and (first := pattern.written_sizes[axis.name]) != axis.size:
            summary = f"axis `{axis.name}` is fixed to {axis.size} and to {first}"
            repair = "one name has one size: give one of the two another name"
            yield Flaw("TE115", summary, Site(None, axis.span), f"{axis.size} here", repair)


def linted_pattern(text: str, function: str) -> Pattern:
    """The pattern of a text, free of flaws. Raises `FlawError`."""
    pattern = read_pattern(text, function, unnamed)
    reduces = "reduce it before: `mean` and `einsum` name what they reduce"
    for flaw in (*_flaws_of_sides(pattern), *disagreements(pattern, function, None, reduces)):
        raise FlawError(flaw)
    return pattern
