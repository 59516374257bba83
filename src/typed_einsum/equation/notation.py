"""An equation as text: `"b q d, b k d -> b q k"` with names, or `"bqd,bkd->bqk"` with letters."""

from __future__ import annotations

import re
from collections import Counter

from typed_einsum.diagnostics import Diagnostic, Span
from typed_einsum.equation.axes import ELLIPSIS, Axis, AxisSyntaxError, Expression, read_axis
from typed_einsum.equation.equation import ARROW, Equation, Flaw, Site, Style, assemble, refuse
from typed_einsum.errors import EquationError

LONGEST = 4096
"""Equations beyond this many characters are refused."""
_NAMED_ONLY = re.compile(r"[*#=_]")
_CLASSIC_AXIS = re.compile(r"\.\.\.|\S")
_NAMED_AXIS = re.compile(r"\S+")


def read_equation(text: str) -> Equation:
    """Read an equation from text. Raises `EquationError` (TE101 to TE105, TE112 to TE115)."""
    if len(text) > LONGEST:
        raise EquationError(
            Diagnostic(
                "TE104",
                f"the equation has {len(text)} characters; at most {LONGEST} are read",
                help="an equation this long is usually a text pasted by mistake",
            )
        )
    inputs, arrow, result = text.partition(ARROW)
    if not text.strip():
        raise refuse(
            Flaw("TE103", "the equation is empty", help="write one, such as `b q d, b k d -> b q k`"), text
        )
    style = style_of(inputs)
    if not arrow:
        raise refuse(_implied_output(text, style), text)
    if ARROW in result:
        second = Span(text.rindex(ARROW), text.rindex(ARROW) + 2)
        summary = "the equation has more than one `->`"
        raise refuse(
            Flaw("TE102", summary, Site(None, second), "a second arrow", "keep one output, after one `->`"),
            text,
        )
    parts = [*_split(inputs), (result, len(inputs) + len(ARROW))]
    read = [
        _read_part(part, offset, style, text, index if index < len(parts) - 1 else None)
        for index, (part, offset) in enumerate(parts)
    ]
    return assemble(read[:-1], read[-1], style, text)


def style_of(inputs: str) -> Style:
    """Named when some operand holds a space between two axes, or a sign that only names have."""
    spaced = any(len(part.split()) > 1 for part in inputs.split(","))
    return "named" if spaced or _NAMED_ONLY.search(inputs) else "classic"


def reduced_names(text: str | None, style: Style) -> tuple[str, ...]:
    """The axis names in `sum=` or `max=`: words, or single letters for a classic equation."""
    if text is None:
        return ()
    words = _NAMED_AXIS if style == "named" else _CLASSIC_AXIS
    return tuple(dict.fromkeys(words.findall(text.replace(",", " "))))


def _split(inputs: str) -> list[tuple[str, int]]:
    parts, offset = [], 0
    for part in inputs.split(","):
        parts.append((part, offset))
        offset += len(part) + 1
    return parts


def _read_part(part: str, offset: int, style: Style, text: str, operand: int | None) -> tuple[Axis, ...]:
    words = _NAMED_AXIS if style == "named" else _CLASSIC_AXIS
    axes = []
    for word in words.finditer(part):
        span = Span(word.start(), word.end()).shifted(offset)
        flaw = _spelling_flaw(word.group(), Site(operand, span), style)
        if flaw is not None:
            raise refuse(flaw, text)
        axes.append(read_axis(word.group(), span))
    return tuple(axes)


def _spelling_flaw(word: str, site: Site, style: Style) -> Flaw | None:
    """What is wrong with a word as an axis of an equation text, or None."""
    summary = f"`{word}` is not an axis"
    if "(" in word or ")" in word:
        repair = "an einsum neither merges nor splits axes: reshape before it, or name the parts"
        return Flaw("TE105", summary, site, "parentheses group nothing here", repair)
    if ">" in word or word in "-→":
        return Flaw("TE102", summary, site, "half an arrow", "write `->` once, between operands and output")
    if style == "classic":
        if word == ELLIPSIS or (word.isascii() and (word.isalpha() or word.isdigit())):
            return None
        repair = "without a space between axes, every axis is one ASCII letter; put spaces to use names"
        return Flaw("TE105", summary, site, "not a letter", repair)
    try:
        axis = read_axis(word, site.span)
    except AxisSyntaxError as error:
        return Flaw("TE105", summary, site, error.reason, "an axis is `b`, `*batch`, `...`, `rgb=3` or `#b`")
    if isinstance(axis, Expression) and not re.fullmatch(r"[\w+*/%{}.-]+", axis.text):
        return Flaw("TE105", summary, site, "not a name", "a name is a Python identifier, such as `d_model`")
    return None


def _implied_output(text: str, style: Style) -> Flaw:
    between = " " if style == "named" else ""
    words = _NAMED_AXIS if style == "named" else _CLASSIC_AXIS
    counts = Counter(word for part in text.split(",") for word in words.findall(part))
    once = sorted(word for word, count in counts.items() if count == 1 and word != ELLIPSIS)
    implied = between.join(([ELLIPSIS] if ELLIPSIS in counts else []) + once)
    if any(sign in text for sign in "→>="):
        return Flaw("TE101", "the equation has no `->`", help="write the arrow as `->`")
    summary = f"the equation has no `->`; torch would imply the output `{implied}`"
    full = f"{text.strip()} -> {implied}" if style == "named" else f"{text.strip()}->{implied}"
    return Flaw("TE101", summary, help=f'say what you mean: "{full.rstrip()}"')
