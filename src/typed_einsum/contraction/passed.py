"""The equation that a running call passes as a text, whose operands a message finds in that text."""

from __future__ import annotations

from dataclasses import replace

from typed_einsum.contraction.operands import Contraction, Dtypes
from typed_einsum.diagnostics import Diagnostic, Located, Mark, Span
from typed_einsum.equation.axes import Axis
from typed_einsum.equation.equation import Equation
from typed_einsum.equation.reading import operand_labels
from typed_einsum.errors import EquationError
from typed_einsum.locations import caller_place, passed_text
from typed_einsum.messages import Locate


def contraction_of(text: str, equation: Equation) -> Contraction:
    """The contraction of a text that was read."""
    labels = operand_labels(equation)
    return Contraction(equation, labels, tuple(Dtypes() for _ in labels), _locator(equation, text))


def at_the_call(diagnostic: Diagnostic) -> EquationError:
    """The error about an equation, at its text in the user's running call."""
    place = caller_place()
    marks: list[Mark] = []
    for mark in diagnostic.marks:
        at = passed_text(mark.text, mark.span, mark.label)
        place, marks = at.place, [*marks, *at.marks]
    return EquationError(replace(diagnostic, place=place, marks=tuple(marks)))


def _locator(equation: Equation, text: str) -> Locate:
    operands = dict(zip(operand_labels(equation), equation.operands, strict=True))

    def locate(label: str, axis: Axis | None, said: str) -> Located:
        axes = operands.get(label)
        if axes is None:
            return Located()
        if axis is not None:
            span = axis.span
        elif axes:
            span = Span(axes[0].span.start, axes[-1].span.stop)
        else:
            span = Span(0, len(text))
        return passed_text(text, span, said)

    return locate
