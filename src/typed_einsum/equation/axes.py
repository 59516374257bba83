"""The grammar of axis names: `b`, `*batch`, `...`, `rgb=3`, `#b`, `_`, `h*w`.

One grammar for annotations and equations, jaxtyping's own. Every axis keeps the span of the text it was
read from, so that a message can point at it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise

from typed_einsum.diagnostics import Span

_NOWHERE = Span(0, 0)
_WORD = re.compile(r"\S+")
MOST_DIGITS = 18
"""Digits of a size: more do not fit into the 64 bits that torch has for one."""


@dataclass(frozen=True, slots=True)
class Named:
    """One axis with a name: `b`, or `#b` where size 1 broadcasts."""

    name: str
    broadcast: bool = False
    span: Span = field(default=_NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Fixed:
    """One axis of a written size: `3`, or `rgb=3` with a name for readers."""

    size: int
    name: str | None = None
    broadcast: bool = False
    span: Span = field(default=_NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Variadic:
    """Any number of axes: `*batch`, `*#batch`, or `...` (whose name is `...`)."""

    name: str
    broadcast: bool = False
    span: Span = field(default=_NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Anonymous:
    """One axis (`_`, `_name`) or any number of them (`*_`) of which nothing is known."""

    variadic: bool = False
    word: str = field(default="_", compare=False)
    span: Span = field(default=_NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Expression:
    """One axis whose size is computed from others: `h*w`."""

    text: str
    broadcast: bool = False
    span: Span = field(default=_NOWHERE, compare=False)


Axis = Named | Fixed | Variadic | Anonymous | Expression

ELLIPSIS = "..."


class AxisSyntaxError(Exception):
    """A word that is not an axis; carries where it stands and what is wrong with it."""

    def __init__(self, word: str, span: Span, reason: str) -> None:
        super().__init__(reason)
        self.word = word
        self.span = span
        self.reason = reason


def key(axis: Axis) -> str | None:
    """The name under which an axis is known, `*batch` and `...` for the variadic ones; None without one."""
    match axis:
        case Named(name):
            return name
        case Fixed(_, name):
            return name
        case Variadic(name):
            return name if name == ELLIPSIS else f"*{name}"
        case _:
            return None


def spelled(axis: Axis) -> str:
    """The axis as it is written in an annotation."""
    match axis:
        case Named(name, broadcast):
            return f"#{name}" if broadcast else name
        case Fixed(size, name, broadcast):
            return f"{'#' if broadcast else ''}{'' if name is None else f'{name}='}{size}"
        case Variadic(name, broadcast):
            return name if name == ELLIPSIS else f"*{'#' if broadcast else ''}{name}"
        case Anonymous(_, word):
            return word
        case Expression(text, broadcast):
            return f"#{text}" if broadcast else text


def is_variadic(axis: Axis) -> bool:
    """Whether the axis stands for any number of axes."""
    return isinstance(axis, Variadic) or (isinstance(axis, Anonymous) and axis.variadic)


def are_letters(axes: tuple[Axis, ...]) -> bool:
    """Whether axes are written as letters beside one another, without spaces."""
    spans = [axis.span for axis in axes]
    return len(axes) > 1 and all(a.start < a.stop == b.start for a, b in pairwise(spans))


def variadic_index(axes: tuple[Axis, ...]) -> int | None:
    """The position of the one variadic axis, or None."""
    return next((i for i, axis in enumerate(axes) if is_variadic(axis)), None)


def read_axes(text: str, offset: int = 0) -> tuple[Axis, ...]:
    """Read the axes of an annotation such as `"b *batch rgb=3 #h _ h*w"`, words separated by spaces.

    Spans are shifted by `offset`. Raises `AxisSyntaxError` at the first word that is not an axis.
    """
    return tuple(
        read_axis(word.group(), Span(word.start(), word.end()).shifted(offset))
        for word in _WORD.finditer(text)
    )


def read_axis(word: str, span: Span) -> Axis:
    """Read one word as an axis: modifiers first (`#`, `*`, `_`), then a name, a size or an expression."""
    if word == ELLIPSIS:
        return Variadic(ELLIPSIS, span=span)
    rest, modifiers, label = word, "", None
    while rest and (rest[0] in "#*_?" or rest.count("=") == 1):
        if rest[0] in "#*_?":
            if rest[0] in modifiers:
                raise AxisSyntaxError(word, span, f"`{rest[0]}` stands twice")
            modifiers, rest = modifiers + rest[0], rest[1:]
        else:
            label, rest = rest.split("=")
    if "?" in modifiers:
        raise AxisSyntaxError(word, span, "`?` belongs to trees of tensors")
    broadcast, variadic, anonymous = "#" in modifiers, "*" in modifiers, "_" in modifiers
    if anonymous:
        if broadcast or not (rest == "" or rest.isidentifier()):
            raise AxisSyntaxError(word, span, "an anonymous axis has no other property")
        return Anonymous(variadic, word, span)
    if rest.isidentifier():
        return Variadic(rest, broadcast, span) if variadic else Named(rest, broadcast, span)
    if variadic or rest == "":
        raise AxisSyntaxError(word, span, "a name is expected here")
    if rest.isascii() and rest.isdigit():
        if len(rest) > MOST_DIGITS:
            raise AxisSyntaxError(word, span, "more digits than a size can have")
        return Fixed(int(rest), label, broadcast, span)
    return Expression(rest, broadcast, span)
