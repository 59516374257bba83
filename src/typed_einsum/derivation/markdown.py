"""The derivation in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from typed_einsum.derivation.document import (
    AxisName,
    Block,
    Code,
    Line,
    Listing,
    Math,
    Paragraph,
    Picture,
    RoleWord,
    Table,
)
from typed_einsum.derivation.formula import latex
from typed_einsum.derivation.telling import sections

if TYPE_CHECKING:
    from typed_einsum.derivation import Derivation

_SPECIAL = str.maketrans({sign: f"\\{sign}" for sign in r"\`*_{}[]<>#|$"})


def to_markdown(derivation: Derivation, steps: Sequence[str] | None, level: int) -> str:
    """The whole derivation, or some of its steps, under headings from `level` on."""
    parts = [f"{'#' * level} `{derivation.subject.title}`"]
    for section in sections(derivation, steps):
        parts.append(f"{'#' * (level + 1)} {section.title}")
        parts += [_block(block, derivation) for block in section.blocks]
    return "\n\n".join(parts) + "\n"


def _block(block: Block, derivation: Derivation) -> str:
    match block:
        case Paragraph(line):
            return _line(line)
        case Math(formula):
            return f"$$\n{latex(formula)}\n$$"
        case Listing(code, language):
            return f"```{language}\n{code}\n```"
        case Table(_, head, rows, right):
            rule = ["---:" if i in right else "---" for i in range(len(head))]
            cells = [list(head), rule, *([_line(cell) for cell in row] for row in rows)]
            return "\n".join(f"| {' | '.join(row)} |" for row in cells)
        case Picture(form):
            # One line, so that no Markdown parser takes a part of it for text.
            return derivation.to_svg(form).replace("\n", "")


def _line(line: Line) -> str:
    shown = []
    for part in line:
        match part:
            case Code(text):
                shown.append(f"`{text}`")
            case AxisName(label):
                shown.append(f"*{label.translate(_SPECIAL)}*")
            case RoleWord(role):
                shown.append(f"**{role}**")
            case _:
                shown.append(part.translate(_SPECIAL))
    return "".join(shown)
