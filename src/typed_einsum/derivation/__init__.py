"""Derivations: an einsum explains itself, step by step, without torch."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from typed_einsum.derivation.cost import Cost, cost_of
from typed_einsum.derivation.example import Example, example_of
from typed_einsum.derivation.formula import Equality, notation
from typed_einsum.derivation.given import Given
from typed_einsum.derivation.gradients import Gradients, gradients_of
from typed_einsum.derivation.loops import loops_source
from typed_einsum.derivation.matrices import Matrices, as_matrices
from typed_einsum.derivation.sizes import Sizes, read_sizes
from typed_einsum.derivation.subject import Index, Role, Subject, read_subject
from typed_einsum.derivation.vectors import Vectors, entry_of
from typed_einsum.equation.reading import Reductions

__all__ = ["Derivation", "Index", "Role", "explain", "read_sizes"]


@dataclass(frozen=True)
class Derivation:
    """An einsum explained: each step as data, and the whole in the format of whoever reads it.

    `subject` holds the tensors and the axes with their roles; `notation` is the equation in index notation,
    `loops` Python that runs, `vectors` one entry of the result, `matrices` the plan that runs, then `cost`,
    `gradients` and a small `example` (None for an equation with too many axes). In a notebook it shows
    itself. Every format takes `steps`, the names of those to show: `notation`, `axes`, `loops`, `vectors`,
    `matrices`, `cost`, `gradients`, `example`, `picture`, and for an index `thumbnail`.
    """

    subject: Subject
    notation: Equality
    loops: str
    vectors: Vectors
    matrices: Matrices
    cost: Cost
    gradients: Gradients
    example: Example | None

    @property
    def equation(self) -> str:
        """The equation as text."""
        return str(self.subject.equation)

    @property
    def axes(self) -> tuple[Index, ...]:
        """Every axis, with its size and its role."""
        return self.subject.indices

    @property
    def roles(self) -> Mapping[str, str]:
        """The role of each axis, by its label."""
        return {index.label: index.role.value for index in self.subject.indices}

    @property
    def formulas(self) -> tuple[Equality, ...]:
        """The equation in index notation, then those of its gradients."""
        winner = () if self.gradients.winner is None else (self.gradients.winner,)
        return (self.notation, *winner, *(gradient.formula for gradient in self.gradients.operands))

    def __str__(self) -> str:
        """Text for a terminal, in colour where standard output is one and `NO_COLOR` is not set."""
        coloured = sys.stdout is not None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        return self.to_text("ansi" if coloured else "none")

    def __rich__(self) -> str:
        return self.to_text("rich")

    def to_text(
        self, colour: Literal["none", "ansi", "rich"] = "none", steps: Sequence[str] | None = None
    ) -> str:
        """Text of 100 columns: plain, with ANSI colours, or in rich's markup."""
        from typed_einsum.derivation.text import to_text

        return to_text(self, colour, steps)

    def to_markdown(self, steps: Sequence[str] | None = None, level: int = 2) -> str:
        """Markdown with formulas between dollar signs and pictures as inline SVG."""
        from typed_einsum.derivation.markdown import to_markdown

        return to_markdown(self, steps, level)

    def to_latex(self) -> str:
        """The equation and its gradients in LaTeX, for a display of amsmath."""
        from typed_einsum.derivation.formula import aligned

        return aligned(self.formulas)

    def to_mathml(self) -> str:
        """The equation in MathML: each index has the class of its role, and its name in `data-i`."""
        from typed_einsum.derivation.formula import math_element

        return math_element(self.notation, self.roles)

    def to_html(
        self, steps: Sequence[str] | None = None, level: int | None = 3, style: bool = True, prefix: str = ""
    ) -> str:
        """A `section` of HTML, with headings of `level`, or none; `style` puts style sheet and script in it.

        Without the script all is there but the stepping from entry to entry of the example.

        `prefix` begins every id: a page that shows one equation twice needs two.
        """
        from typed_einsum.derivation.html import to_html

        return to_html(self, steps, level, style, prefix)

    def to_svg(self, form: Literal["wires", "network", "thumbnail"] = "wires", prefix: str = "") -> str:
        """A picture: `wires` from the axes of the operands to those of the result, or a tensor `network`.

        A `thumbnail` is the wires with neither sizes nor legend.
        """
        from typed_einsum.derivation.picture import drawing

        return drawing(self.subject, form, prefix)

    def to_json(self, indent: int | None = None) -> str:
        """Everything as data."""
        from typed_einsum.derivation.data import to_json

        return to_json(self, indent)

    def _repr_html_(self) -> str:
        return self.to_html()

    def _repr_markdown_(self) -> str:
        return self.to_markdown()

    def _repr_svg_(self) -> str:
        return self.to_svg()


def explain(
    target: Any,
    sizes: Sizes | str | None = None,
    *,
    sum: str | None = None,
    max: str | None = None,
    names: Sequence[str] = (),
    example: Given | None = None,
) -> Derivation:
    """Derive an einsum: what each axis does, the same as loops, vectors and matrices, cost and gradients.

    `target` is an equation or a function made by `typed_einsum`. The derivation is made from the plan that
    runs, and needs no torch. Printed it is text; in a notebook it shows itself; `to_markdown`, `to_latex`,
    `to_mathml`, `to_html`, `to_svg` and `to_json` are for everything else.

    Axes: as the equation names them. `sizes` gives them sizes, all or some, as a mapping or as text
    (`"b=2,q=3"`); `*batch` and `...` take a tuple, and stand for one axis each without. `sum` and `max` are
    those of `einsum`. `names` are symbols for the operands, and for the result after them. `example` takes
    tensors or nested lists; without it, the numbers are of our own.

    Args:
        target: an equation, or a function made by `typed_einsum`.
        sizes: sizes of its axes, as a mapping or as text.
        sum: axes to be summed out of one operand alone.
        max: axes whose maximum is taken after all sums.
        names: symbols for the operands, and for the result after them.
        example: numbers for the worked example, an array of whole numbers for each operand.

    Returns: a frozen `Derivation`.

    Raises: `EquationError` (TE1xx), `ArgumentError` (TE402, TE403, TE408, TE409), `ShapeError` (TE203) for
    a size that the equation fixes otherwise; for an `example` that does not fit, TE406 and TE201.

    Cost: it computes with small integers, and makes no tensor.

    Source: Einstein's summation convention; gradients are the vector-Jacobian products of reverse mode.

    Examples:
        >>> from typed_einsum import explain
        >>> derivation = explain("b q d, b k d -> b q k", {"b": 2, "q": 3, "k": 4, "d": 5})
        >>> print(derivation.to_text(steps=["notation"]))
        b q d, b k d -> b q k
        ═════════════════════
        <BLANKLINE>
        In index notation
        ─────────────────
            R_{bqk} = Σ_d A_{bqd} B_{bkd}
        There is one number for each b, q and k. Summed away: d.
        <BLANKLINE>
        >>> derivation.cost.totals.multiply_adds == 2 * 3 * 4 * 5
        True
    """
    given = read_sizes(sizes) if isinstance(sizes, str) else sizes
    subject = read_subject(target, given, Reductions(sum, max), names)
    matrices = as_matrices(subject)
    return Derivation(
        subject,
        notation(subject),
        loops_source(subject),
        entry_of(subject),
        matrices,
        cost_of(subject, matrices.plan),
        gradients_of(subject, matrices.plan),
        example_of(subject, example),
    )
