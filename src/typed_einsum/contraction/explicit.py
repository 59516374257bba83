"""An explicit equation held letter by letter against the annotated names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from string import ascii_letters

from typed_einsum.diagnostics import Span
from typed_einsum.equation.axes import ELLIPSIS, Anonymous, Axis, Fixed, is_variadic, key, spelled
from typed_einsum.equation.equation import (
    ARROW,
    ContractionAxis,
    Equation,
    Flaw,
    Site,
    Style,
    is_spread,
    name_of,
    refuse,
)
from typed_einsum.equation.notation import has_words, read_equation, style_of
from typed_einsum.errors import EquationError

Axes = tuple[Axis, ...]

UNFINISHED = ("TE101", "TE102", "TE103", "TE104")
"""Flaws of an equation as a whole, for which the annotations know a better repair than the text does."""


def agreed_axes(
    text: str, operands: Sequence[Axes], output: Axes, labels: Sequence[str]
) -> tuple[list[Axes], Axes]:
    """The annotated axes, where an unnamed one (`3`, `_`) takes the name of its letter.

    Raises `EquationError`: TE111 where the numbers of operands or axes differ, TE110 where one letter
    stands for two names, or one name has two letters, or the error of a text that cannot be read.
    """
    explicit = _read(text, [*operands, output])
    if len(explicit.operands) != len(operands):
        summary = (
            f"the equation has {_counted(len(explicit.operands), 'operand')}, "
            f"but the signature has {_counted(len(operands), 'parameter')}"
        )
        said = f"for {', '.join(f'`{label}`' for label in labels)}"
        raise refuse(
            Flaw("TE111", summary, None, said, _repair([*operands, output], explicit.style, {})), text
        )
    titles = [*(f"`{label}`" for label in labels), "the result"]
    rows = list(zip([*explicit.operands, explicit.output], [*operands, output], titles, strict=True))
    agreement = _Agreement(text, [*operands, output], explicit.style)
    for written, annotated, title in rows:
        agreement.hold(written, annotated, title)
    named = [
        tuple(_named(letter, axis, agreement.names) for letter, axis in zip(written, annotated, strict=True))
        for written, annotated, _ in rows
    ]
    return named[:-1], named[-1]


def _read(text: str, annotated: Sequence[Axes]) -> Equation:
    if has_words(text) and all(len(axes) == 1 for axes in annotated[:-1]):
        return read_equation(text, "named")
    try:
        return read_equation(text)
    except EquationError as error:
        if error.code not in UNFINISHED:
            raise
        repair = _repair(annotated, style_of(text), {})
        raise EquationError(replace(error.diagnostic, help=repair)) from None


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


@dataclass(frozen=True)
class _Agreement:
    """Which name each letter of an equation stands for, and the reverse, with where that was seen first."""

    text: str
    annotated: list[Axes]
    style: Style
    names: dict[str, tuple[str, str]] = field(default_factory=dict)
    letters: dict[str, tuple[str, str]] = field(default_factory=dict)

    def hold(self, written: Sequence[ContractionAxis], annotated: Axes, title: str) -> None:
        """Hold one operand, or the result, against its annotation."""
        self._require_same_rank(written, annotated, title)
        for letter, axis in zip(written, annotated, strict=True):
            name = key(axis)
            if name is not None:
                self._agree(letter, name, title)

    def _require_same_rank(self, written: Sequence[ContractionAxis], annotated: Axes, title: str) -> None:
        if [is_variadic(axis) for axis in written] == [is_variadic(axis) for axis in annotated]:
            return
        axes = " ".join(spelled(axis) for axis in annotated)
        found = (" " if self.style == "named" else "").join(name_of(axis) for axis in written)
        given = f"the axes `{found}`" if found else "no axes"
        summary = f"the equation gives {title} {given}, but it is annotated `{axes}`"
        # Without axes there is nothing to point at: then the whole equation is meant.
        site = Site(None, Span(written[0].span.start, written[-1].span.stop)) if written else None
        raise self._refusal("TE111", summary, site, f"for `{axes}`")

    def _agree(self, letter: ContractionAxis, name: str, title: str) -> None:
        sign, site = name_of(letter), Site(None, letter.span)
        what = "axis" if self.style == "named" or is_spread(sign) else "letter"
        meant, first = self.names.setdefault(sign, (name, title))
        if meant != name:
            summary = f"{what} `{sign}` stands for `{meant}` in {first} but for `{name}` in {title}"
            raise self._refusal("TE110", summary, site, f"`{name}` here")
        used, first = self.letters.setdefault(name, (sign, title))
        if used != sign:
            summary = f"axis `{name}` has the {what} `{used}` in {first} but `{sign}` in {title}"
            raise self._refusal("TE110", summary, site, f"`{name}` here")

    def _refusal(self, code: str, summary: str, site: Site | None, said: str) -> EquationError:
        letters = {name: sign for name, (sign, _) in self.letters.items()}
        return refuse(
            Flaw(code, summary, site, said, _repair(self.annotated, self.style, letters)), self.text
        )


def _repair(annotated: Sequence[Axes], style: Style, letters: Mapping[str, str]) -> str:
    """The equation that the annotations spell, with the letters that names have already."""
    rows = [[key(axis) for axis in axes] for axes in annotated]
    names = list(dict.fromkeys(name for row in rows for name in row if name is not None))
    if any(None in row for row in rows):
        return "write one letter for each annotated axis, and the same letter for the same name"
    signs = _letters(names, letters) if style == "classic" else None
    between, comma, arrow = (" ", ", ", " -> ") if signs is None else ("", ",", ARROW)
    parts = [between.join(name if signs is None else signs[name] for name in row if name) for row in rows]
    return f'the annotations spell "{(comma.join(parts[:-1]) + arrow + parts[-1]).strip()}"'


def _letters(names: Sequence[str], given: Mapping[str, str]) -> dict[str, str] | None:
    """A letter for each name, one of its own where that is free; None where letters do not suffice."""
    variadic = [name for name in names if is_spread(name)]
    if len(variadic) > 1 or len(names) - len(variadic) > len(ascii_letters):
        return None
    short = {name: name for name in names if len(name) == 1 and name in ascii_letters}
    letters = {**dict.fromkeys(variadic, ELLIPSIS), **short}
    letters.update((name, sign) for name, sign in given.items() if sign not in letters.values())
    for name in names:
        if name not in letters:
            free = (sign for sign in name + ascii_letters if sign in ascii_letters)
            letters[name] = next(sign for sign in free if sign not in letters.values())
    return letters


def _named(letter: ContractionAxis, axis: Axis, names: Mapping[str, tuple[str, str]]) -> Axis:
    """The annotated axis, with its letter's name where it has none."""
    name, _ = names.get(name_of(letter), (name_of(letter), ""))
    match axis:
        case Fixed(_, None):
            return replace(axis, name=name)
        case Anonymous(False):
            return replace(letter, span=axis.span)
        case _:
            return axis
