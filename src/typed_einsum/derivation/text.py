"""The derivation as text for a terminal: plain, with ANSI colours, or in rich's markup."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from typed_einsum.derivation import formula as formulas
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
from typed_einsum.derivation.telling import sections

if TYPE_CHECKING:
    from typed_einsum.derivation import Derivation

Colour = Literal["none", "ansi", "rich"]
WIDTH = 100
_ANSI = {"batch": 34, "free": 32, "contracted": 31, "maximised": 35, "diagonal": 33, "lone": 90}
_RICH = {
    "batch": "blue",
    "free": "green",
    "contracted": "red",
    "maximised": "magenta",
    "diagonal": "yellow",
    "lone": "bright_black",
}

# Paint is carried by characters of the private use area until the very end, so that widths can be counted.
_OPEN, _CLOSE = "\ue000", "\ue001"
_PAINTED = re.compile(f"{_OPEN}(\\w+){_OPEN}(.*?){_CLOSE}")


def to_text(derivation: Derivation, colour: Colour, steps: Sequence[str] | None, width: int = WIDTH) -> str:
    """The whole derivation, or some of its steps."""
    roles = derivation.roles
    title = derivation.subject.title
    parts = [title, "═" * len(title)]
    for section in sections(derivation, steps):
        found = [(block, text) for block in section.blocks if (text := _block(block, roles, width))]
        if not found:
            continue
        parts += ["", section.title, "─" * len(section.title)]
        for i, (block, text) in enumerate(found):
            apart = isinstance(block, Table | Listing) or isinstance(found[i - 1][0], Table | Listing)
            parts += ["", text] if i and apart else [text]
    return _finished("\n".join(parts) + "\n", colour)


def _finished(text: str, colour: Colour) -> str:
    match colour:
        case "ansi":
            return _PAINTED.sub(lambda found: f"\033[{_ANSI[found[1]]}m{found[2]}\033[0m", text)
        case "rich":
            escaped = text.replace("[", r"\[")
            return _PAINTED.sub(lambda found: f"[{_RICH[found[1]]}]{found[2]}[/]", escaped)
        case "none":
            return _PAINTED.sub(lambda found: found[2], text)


def _painted(text: str, role: str) -> str:
    return f"{_OPEN}{role}{_OPEN}{text}{_CLOSE}"


def _width(text: str) -> int:
    shown = _PAINTED.sub(lambda found: found[2], text)
    return sum(1 for letter in shown if letter not in "\u0304\u0302")


def _block(block: Block, roles: Mapping[str, str], width: int) -> str:
    match block:
        case Paragraph(line):
            return textwrap.fill(_plain(line), width, break_on_hyphens=False, break_long_words=False)
        case Math(formula):
            return "    " + formulas.text(formula, lambda x: _painted(x, roles[x.rstrip(formulas.PRIME)]))
        case Listing(code):
            return textwrap.indent(code, "    ")
        case Table():
            return _table(block, roles, width)
        case Picture():
            return ""  # a terminal shows no drawing: the table of axes stands for it


def _plain(line: Line) -> str:
    return "".join(part if isinstance(part, str) else _bare(part) for part in line)


def _bare(part: Code | AxisName | RoleWord) -> str:
    match part:
        case Code(text):
            return text
        case AxisName(label):
            return label
        case RoleWord(role):
            return role


def _cell(line: Line, roles: Mapping[str, str]) -> str:
    shown = []
    for part in line:
        match part:
            case AxisName(label):
                shown.append(_painted(label, roles[label]))
            case RoleWord(role):
                shown.append(_painted(role, role))
            case Code(text):
                shown.append(text)
            case _:
                shown.append(part)
    return "".join(shown)


def _table(table: Table, roles: Mapping[str, str], width: int) -> str:
    """Columns as wide as they need to be; the widest of those that hold words is wrapped."""
    rows = [[_cell(cell, roles) for cell in row] for row in table.rows]
    widths = [max(_width(row[i]) for row in [list(table.head), *rows]) for i in range(len(table.head))]
    wrapped = max(
        (i for i in range(len(widths)) if _OPEN not in "".join(row[i] for row in rows)),
        key=lambda i: widths[i],
        default=None,
    )
    over = 2 + sum(widths) + 2 * (len(widths) - 1) - width
    if wrapped is not None and over > 0:
        widths[wrapped] = max(24, widths[wrapped] - over)
    lines = [_row(list(table.head), widths, table.right), _row(["-" * n for n in widths], widths, ())]
    for row in rows:
        if wrapped is None:
            lines.append(_row(row, widths, table.right))
            continue
        pieces = textwrap.wrap(row[wrapped], widths[wrapped]) or [""]
        for i, piece in enumerate(pieces):
            cells = [cell if i == 0 else "" for cell in row]
            cells[wrapped] = piece
            lines.append(_row(cells, widths, table.right))
    return "\n".join(lines)


def _row(cells: list[str], widths: list[int], right: tuple[int, ...]) -> str:
    padded = []
    for i, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        space = " " * (width - _width(cell))
        padded.append(space + cell if i in right else cell + space)
    return ("  " + "  ".join(padded)).rstrip()
