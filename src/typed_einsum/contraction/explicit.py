"""An explicit equation held letter by letter against the annotated names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from typed_einsum.equation.axes import Anonymous, Axis, Fixed, is_variadic, key, spelled
from typed_einsum.equation.equation import ContractionAxis, Equation, Flaw, Site, name_of, refuse

Axes = tuple[Axis, ...]


def agreed_axes(
    explicit: Equation, operands: Sequence[Axes], output: Axes, labels: Sequence[str], text: str
) -> tuple[list[Axes], Axes]:
    """The annotated axes, where an unnamed one (`3`, `_`) takes the name of its letter.

    Raises `EquationError`: TE111 where the numbers of operands or axes differ, TE110 where one letter
    stands for two names, or one name has two letters.
    """
    if len(explicit.operands) != len(operands):
        summary = (
            f"the equation has {_counted(len(explicit.operands), 'operand')}, "
            f"but the signature has {_counted(len(operands), 'parameter')}"
        )
        repair = f"the parameters are {', '.join(f'`{label}`' for label in labels)}"
        raise refuse(Flaw("TE111", summary, help=repair), text)
    titles = [*(f"`{label}`" for label in labels), "the result"]
    letters: dict[str, tuple[str, str]] = {}
    names: dict[str, tuple[str, str]] = {}
    rows = list(zip([*explicit.operands, explicit.output], [*operands, output], titles, strict=True))
    for written, annotated, title in rows:
        _require_same_rank(written, annotated, title, text)
        for letter, axis in zip(written, annotated, strict=True):
            _agree(letter, axis, title, letters, names, text)
    named = [
        tuple(_named(letter, axis, letters) for letter, axis in zip(written, annotated, strict=True))
        for written, annotated, _ in rows
    ]
    return named[:-1], named[-1]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _require_same_rank(written: Sequence[ContractionAxis], annotated: Axes, title: str, text: str) -> None:
    shapes = [[is_variadic(axis) for axis in axes] for axes in (written, annotated)]
    if shapes[0] != shapes[1]:
        axes = " ".join(spelled(axis) for axis in annotated)
        letters = "".join(name_of(axis) for axis in written)
        summary = f"the equation gives {title} the axes `{letters}`, but it is annotated `{axes}`"
        site = Site(None, written[0].span) if written else None
        repair = "write one letter for each annotated axis, in the same order"
        raise refuse(Flaw("TE111", summary, site, f"for `{axes}`", repair), text)


def _agree(
    letter: ContractionAxis,
    axis: Axis,
    title: str,
    letters: dict[str, tuple[str, str]],
    names: dict[str, tuple[str, str]],
    text: str,
) -> None:
    sign, name = name_of(letter), key(axis)
    if name is None:
        return
    meant, first = letters.setdefault(sign, (name, title))
    site = Site(None, letter.span)
    if meant != name:
        summary = f"letter `{sign}` stands for `{meant}` in {first} but for `{name}` in {title}"
        repair = "give each annotated axis a letter of its own, or the two axes one name"
        raise refuse(Flaw("TE110", summary, site, f"`{name}` here", repair), text)
    used, first = names.setdefault(name, (sign, title))
    if used != sign:
        summary = f"axis `{name}` has the letter `{used}` in {first} but `{sign}` in {title}"
        repair = f"write `{used}` in both, or give the two axes two names"
        raise refuse(Flaw("TE110", summary, site, f"`{name}` here", repair), text)


def _named(letter: ContractionAxis, axis: Axis, letters: dict[str, tuple[str, str]]) -> Axis:
    """The annotated axis, with its letter's name where it has none."""
    name, _ = letters.get(name_of(letter), (name_of(letter), ""))
    match axis:
        case Fixed(_, None):
            return replace(axis, name=name)
        case Anonymous(False):
            return replace(letter, span=axis.span)
        case _:
            return axis
