"""Reads the text of an equation together with its reductions, and refuses what has a flaw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from typed_einsum.diagnostics import Diagnostic, Place
from typed_einsum.equation.equation import Equation, FlawError, Style, refuse
from typed_einsum.equation.lint import lint
from typed_einsum.equation.notation import has_words, read_equation, reduced_names
from typed_einsum.errors import ArgumentError, EquationError


@dataclass(frozen=True, slots=True)
class Reductions:
    """The axes that a caller names in `sum=` and in `max=`, as texts."""

    sum: str | None = None
    max: str | None = None

    def not_texts(self) -> Iterator[tuple[str, object]]:
        """Each option whose value is not a text, with that value."""
        for option, value in (("sum", self.sum), ("max", self.max)):
            if value is not None and not isinstance(value, str):
                yield option, value

    def of(self, equation: Equation) -> Equation:
        """The equation with these reductions."""
        summed, maximised = (reduced_names(text, equation.style) for text in (self.sum, self.max))
        return replace(equation, summed=summed, maximised=maximised)


NO_REDUCTIONS = Reductions()


def linted(text: str, reductions: Reductions = NO_REDUCTIONS, style: Style | None = None) -> Equation:
    """The equation of a text, free of flaws. Raises `EquationError`."""
    equation = reductions.of(read_equation(text, style))
    try:
        require_no_flaw(equation, operand_labels(equation))
    except FlawError as error:
        raise refuse(error.flaw, text) from None
    return equation


def in_words(text: str, reductions: Reductions = NO_REDUCTIONS) -> Equation | None:
    """The equation in which words without a space are names, if it could be meant so and has no flaw.

    It holds for tensors with one axis each. For all others, letters are axes.
    """
    if not has_words(text):
        return None
    try:
        return linted(text, reductions, "named")
    except EquationError:
        return None


def require_no_flaw(equation: Equation, labels: Sequence[str]) -> None:
    """Raise `FlawError` with the worst flaw of the equation, if it has one."""
    for flaw in lint(equation, labels):
        raise FlawError(flaw)


def operand_labels(equation: Equation) -> tuple[str, ...]:
    """What messages call operands without a name: `operand 1`, `operand 2`, …"""
    return tuple(f"operand {index + 1}" for index in range(len(equation.operands)))


def not_a_text(
    function: str, option: str, given: str, place: Place | None = None, repair: str | None = None
) -> ArgumentError:
    """The error for names of axes that are not a text (TE408); `given` describes the value instead."""
    summary = f"`{function}` takes `{option}` as a text, not {given}"
    repair = f'name axes in a text: {option}="n"' if repair is None else repair
    return ArgumentError(Diagnostic("TE408", summary, place, help=repair))
