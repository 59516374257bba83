"""The equation: operands, output, what is summed and what is maximised, with source positions.

Read once, from text (`"b q d, b k d -> b q k"` or `"bqd,bkd->bqk"`) or from annotations; frozen after.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from typed_einsum.diagnostics import Diagnostic, Mark, Span
from typed_einsum.equation.axes import (
    ELLIPSIS,
    Anonymous,
    Axis,
    Expression,
    Fixed,
    Named,
    Variadic,
    key,
    spelled,
)
from typed_einsum.errors import EquationError

ContractionAxis = Named | Variadic
Style = Literal["named", "classic"]

ARROW = "->"


@dataclass(frozen=True, slots=True)
class Site:
    """A part of an equation: which operand (None for the output) and which characters of its text."""

    operand: int | None
    span: Span


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with an equation, before it is known where its text stands."""

    code: str
    summary: str
    site: Site | None = None
    label: str = ""
    help: str | None = None


@dataclass(frozen=True)
class Equation:
    """Axes of each operand and of the output, and how the vanished ones are reduced.

    `fixed` holds the sizes that the text itself gives (`rgb=3`). `summed` and `maximised` are the axes that
    the user named in `sum=` and `max=`; every other axis that the output lacks is summed as well.
    """

    operands: tuple[tuple[ContractionAxis, ...], ...]
    output: tuple[ContractionAxis, ...]
    summed: tuple[str, ...] = ()
    maximised: tuple[str, ...] = ()
    fixed: tuple[tuple[str, int], ...] = ()
    style: Style = field(default="named", compare=False)

    @cached_property
    def operand_keys(self) -> tuple[tuple[str, ...], ...]:
        """The name of every axis of every operand (`*batch` and `...` for the variadic ones)."""
        return tuple(tuple(name_of(axis) for axis in axes) for axes in self.operands)

    @cached_property
    def output_keys(self) -> tuple[str, ...]:
        """The name of every output axis."""
        return tuple(name_of(axis) for axis in self.output)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Every axis name of the operands, once each, in order of appearance."""
        return tuple(dict.fromkeys(name for names in self.operand_keys for name in names))

    @cached_property
    def vanished(self) -> tuple[str, ...]:
        """The axes that the output lacks."""
        return tuple(name for name in self.keys if name not in self.output_keys)

    @cached_property
    def sums_alone(self) -> bool:
        """Whether an axis is summed out of one operand by itself: torch gives integers in int64 then."""
        summed = [name for name in self.vanished if name not in self.maximised]
        broadcast = {name_of(axis) for axes in self.operands for axis in axes if axis.broadcast}
        holders = {name: sum(name in names for names in self.operand_keys) for name in summed}
        return any(holders[name] == 1 or name in broadcast for name in summed)

    def __str__(self) -> str:
        between, comma, arrow = (" ", ", ", " -> ") if self.style == "named" else ("", ",", ARROW)
        written = [between.join(spelled(axis) for axis in axes) for axes in (*self.operands, self.output)]
        return (comma.join(written[:-1]) + arrow + written[-1]).strip()


def name_of(axis: ContractionAxis) -> str:
    """The name of an axis in a contraction, where every axis has one."""
    name = key(axis)
    assert name is not None
    return name


def is_spread(name: str) -> bool:
    """Whether an axis name stands for any number of axes."""
    return name == ELLIPSIS or name.startswith("*")


def spread_ranks(equation: Equation, ranks: Sequence[int]) -> dict[str, int]:
    """How many axes each `*name` and `...` stands for, in operands of these ranks."""
    return {
        name: rank - len(names) + 1
        for names, rank in zip(equation.operand_keys, ranks, strict=True)
        for name in names
        if is_spread(name)
    }


def refuse(flaw: Flaw, text: str) -> EquationError:
    """The error for a flaw in an equation that stands in one text."""
    span = None if flaw.site is None else flaw.site.span
    mark = Mark(text, Span(0, len(text)) if span is None else span, flaw.label)
    return EquationError(Diagnostic(flaw.code, flaw.summary, marks=(mark,), help=flaw.help))


def assemble(
    operands: list[tuple[Axis, ...]], output: tuple[Axis, ...], style: Style, text: str | None = None
) -> Equation:
    """An equation from axes that were read. Raises `FlawError`, or `EquationError` where `text` is given."""
    fixed: dict[str, int] = {}
    parts = []
    for index, axes in enumerate([*operands, output]):
        operand = index if index < len(operands) else None
        converted = []
        for axis in axes:
            flaw = contraction_flaw(axis, operand, style) or _fixed_flaw(axis, operand, fixed)
            if flaw is not None:
                raise refuse(flaw, text) if text is not None else FlawError(flaw)
            converted.append(_converted(axis, fixed))
        parts.append(tuple(converted))
    return Equation(tuple(parts[:-1]), parts[-1], fixed=tuple(fixed.items()), style=style)


class FlawError(Exception):
    """A flaw in an equation made from annotations; the caller knows where these stand."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw)
        self.flaw = flaw


def contraction_flaw(axis: Axis, operand: int | None, style: Style) -> Flaw | None:
    """Why an axis cannot take part in a contraction, or None (TE112, TE113)."""
    site = Site(operand, axis.span)
    match axis:
        case Fixed(size, None):
            return Flaw(
                "TE112",
                f"the axis `{size}` has a size but no name, so it cannot be matched with others",
                site,
                "which axis is this?",
                f"{'' if style == 'named' else 'put spaces between axes, and '}name it, as in `xyz={size}`",
            )
        case Anonymous(variadic, word):
            summary = f"`{word}` cannot be contracted: it has no name"
            return Flaw("TE113", summary, site, "no name", f"name it, such as `{'*' if variadic else ''}n`")
        case Expression(text):
            summary = f"`{text}` cannot be contracted: it is computed"
            repair = "give the merged axis a name of its own, or split it before the contraction"
            if re.fullmatch(r"[^\W\d]\w*(-[^\W\d]\w*)+", text):
                repair = f"a hyphen subtracts; as one name this is `{text.replace('-', '_')}`"
            return Flaw("TE113", summary, site, "an expression", repair)
        case _:
            return None


def _fixed_flaw(axis: Axis, operand: int | None, fixed: dict[str, int]) -> Flaw | None:
    match axis:
        case Fixed(size, str(name)) if fixed.get(name, size) != size:
            summary = f"axis `{name}` is fixed to {fixed[name]} and to {size}"
            repair = "one name has one size: give one of the two another name"
            return Flaw("TE115", summary, Site(operand, axis.span), f"{size} here", repair)
    return None


def _converted(axis: Axis, fixed: dict[str, int]) -> ContractionAxis:
    match axis:
        case Fixed(size, str(name), broadcast, span):
            fixed[name] = size
            return Named(name, broadcast, span)
        case Named() | Variadic():
            return axis
        case _:
            raise AssertionError(axis)
