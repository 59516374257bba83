"""An equation as text: `"b q d, b k d -> b q k"` with names, or `"bqd,bkd->bqk"` with letters."""

from __future__ import annotations

import re
from collections import Counter

from typed_einsum.diagnostics import Diagnostic, Span
from typed_einsum.equation.axes import ELLIPSIS, Axis, AxisSyntaxError, Expression, read_axis
from typed_einsum.equation.equation import ARROW, Equation, Flaw, Site, Style, assemble, refuse
from typed_einsum.equation.expressions import NotArithmetic, read_expression
from typed_einsum.errors import EquationError

SHORTEST_WORD = 3
"""Letters of a word that may be a name where no space says so."""
LONGEST = 4096
"""Equations beyond this many characters are refused."""
_NAMED_ONLY = re.compile(r"[*#=_]")
_CLASSIC_AXIS = re.compile(r"\.\.\.|\S")
_NAMED_AXIS = re.compile(r"\S+")
_OTHER_ARROW = re.compile(r"[-=]*\s?>|[→⇒⟶]|(?<![\w\s])=|=(?!\d)")
_GROUP = re.compile(r"\([^()]*\)")


def read_equation(text: str, style: Style | None = None) -> Equation:
    """Read an equation from text, in a style or in the one that its operands show.

    Raises `EquationError` (TE101 to TE105, TE112 to TE115).
    """
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
            Flaw("TE103", "the equation is empty", help='write one, such as "b q d, b k d -> b q k"'), text
        )
    style = style or style_of(inputs)
    if not arrow:
        raise _no_arrow(text, style)
    if ARROW in result:
        second = Span(text.rindex(ARROW), text.rindex(ARROW) + 2)
        summary = "the equation has more than one `->`"
        raise refuse(
            Flaw("TE102", summary, Site(None, second), "a second arrow", "keep one output, after one `->`"),
            text,
        )
    operands = _read_operands(inputs, style, text)
    output = _read_part(result, len(inputs) + len(ARROW), style, text, None)
    return assemble(operands, output, style, text)


def style_of(inputs: str) -> Style:
    """Named when some operand holds a space between two axes, or a sign that only names have."""
    spaced = any(len(part.split()) > 1 for part in inputs.split(","))
    return "named" if spaced or _NAMED_ONLY.search(inputs) else "classic"


def has_words(text: str) -> bool:
    """Whether operands are one word each, of which one is long enough for a name.

    As in `"time, time -> "`: letters, as torch reads them, or the names of tensors with one axis each.
    """
    words = [part.split() for part in text.partition(ARROW)[0].split(",")]
    spelled = all(len(part) == 1 and part[0].isalpha() for part in words)
    return spelled and max(len(part[0]) for part in words) >= SHORTEST_WORD


def reduced_names(text: str | None, style: Style) -> tuple[str, ...]:
    """The axis names in `sum=` or `max=`: words, or single letters for a classic equation."""
    if text is None:
        return ()
    words = _NAMED_AXIS if style == "named" else _CLASSIC_AXIS
    return tuple(dict.fromkeys(words.findall(text.replace(",", " "))))


def _no_arrow(text: str, style: Style) -> EquationError:
    """The error of an equation without an output; or of its operands, if no output makes them right."""
    flaw = _arrow_of_another_kind(text)
    if flaw is None:
        assemble(_read_operands(text, style, text), (), style, text)
        flaw = _implied_output(text, style)
    return refuse(flaw, text)


def _read_operands(inputs: str, style: Style, text: str) -> list[tuple[Axis, ...]]:
    return [
        _read_part(part, offset, style, text, index) for index, (part, offset) in enumerate(_split(inputs))
    ]


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
        flaw = _parenthesis(part, word, offset, operand) or _spelling_flaw(
            word.group(), Site(operand, span), style
        )
        if flaw is not None:
            raise refuse(flaw, text)
        axes.append(read_axis(word.group(), span))
    return tuple(axes)


def _parenthesis(part: str, word: re.Match[str], offset: int, operand: int | None) -> Flaw | None:
    """The flaw of a word with a parenthesis in it, which may be the first of a group, as in `(h d)`."""
    if "(" not in word.group() and ")" not in word.group():
        return None
    group = _GROUP.search(part, word.start())
    start, stop = word.span() if group is None or group.start() >= word.end() else group.span()
    summary = f"`{part[start:stop]}` is not an axis"
    repair = "an einsum neither merges nor splits axes: unflatten before it, or name the axis as a whole"
    site = Site(operand, Span(start, stop).shifted(offset))
    return Flaw("TE105", summary, site, "no parentheses here", repair)


def _spelling_flaw(word: str, site: Site, style: Style) -> Flaw | None:
    """What is wrong with a word as an axis of an equation text, or None."""
    if ">" in word or word in "-→":
        repair = "write `->` once, between operands and output"
        return Flaw("TE102", f"`{word}` is half an arrow, not an axis", site, "half an arrow", repair)
    summary = f"`{word}` is not an axis"
    if style == "classic":
        if word == ELLIPSIS or (word.isascii() and (word.isalpha() or word.isdigit())):
            return None
        repair = "without a space between axes, every axis is one ASCII letter; put spaces to use names"
        return Flaw("TE105", summary, site, "not a letter", repair)
    try:
        axis = read_axis(word, site.span)
        if isinstance(axis, Expression):
            read_expression(axis.text)
    except AxisSyntaxError as error:
        return Flaw("TE105", summary, site, error.reason, "an axis is `b`, `*batch`, `...`, `rgb=3` or `#b`")
    except NotArithmetic:
        repair = "a name is a Python identifier, such as `d_model`"
        if ELLIPSIS in word:
            repair = "`...` takes no sign: write `*#batch` in the operands, and `*batch` in the output"
        return Flaw("TE105", summary, site, "not a name", repair)
    return None


def _arrow_of_another_kind(text: str) -> Flaw | None:
    """A sign that was meant as the arrow, such as `=>` or `→`."""
    sign = _OTHER_ARROW.search(text)
    if sign is None:
        return None
    site = Site(None, Span(*sign.span()))
    before, after = text[: sign.start()], text[sign.end() :]
    return Flaw("TE101", "the equation has no `->`", site, "another sign", f'write "{before}->{after}"')


def _implied_output(text: str, style: Style) -> Flaw:
    words = _NAMED_AXIS if style == "named" else _CLASSIC_AXIS
    names = [_name(word) for part in text.split(",") for word in words.findall(part)]
    spread = [name for name in dict.fromkeys(names) if name == ELLIPSIS or name.startswith("*")]
    once = sorted(name for name, count in Counter(names).items() if count == 1 and name not in spread)
    implied = (" " if style == "named" else "").join([*spread, *once])
    summary = (
        f"the equation has no `->`; torch would imply {f'the output `{implied}`' if implied else 'a scalar'}"
    )
    full = f"{text.strip()} -> {implied}" if style == "named" else f"{text.strip()}->{implied}"
    return Flaw("TE101", summary, help=f'write the output: "{full.rstrip()}"')


def _name(word: str) -> str:
    """A word without its signs: `b` of `#b`, `rgb` of `rgb=3`; `*` stays."""
    return re.sub(r"#|=.*", "", word)
