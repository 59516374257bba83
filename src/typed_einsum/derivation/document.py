"""What a derivation is as a text: sections of paragraphs, tables, formulas and code, before any format."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from typed_einsum.derivation.formula import Formula

SectionName = Literal[
    "notation", "axes", "loops", "vectors", "matrices", "cost", "gradients", "example", "picture", "thumbnail"
]
STEPS: tuple[SectionName, ...] = (
    "notation",
    "axes",
    "loops",
    "vectors",
    "matrices",
    "cost",
    "gradients",
    "example",
    "picture",
)
"""The steps of a whole derivation. `thumbnail`, a small picture for an index, has to be asked for."""


@dataclass(frozen=True, slots=True)
class Code:
    """Code inside a line."""

    text: str


@dataclass(frozen=True, slots=True)
class AxisName:
    """An axis inside a line, in the colour of its role."""

    label: str


@dataclass(frozen=True, slots=True)
class RoleWord:
    """The name of a role, in its colour."""

    role: str


Inline = str | Code | AxisName | RoleWord
Line = tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    line: Line


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head; `caption` says what it shows. The columns in `right` hold numbers."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Line, ...], ...]
    right: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Math:
    """A formula on a line of its own."""

    formula: Formula


@dataclass(frozen=True, slots=True)
class Listing:
    """Code in lines: Python, or text that is laid out already."""

    code: str
    language: Literal["python", "text"] = "python"


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing, by its form."""

    form: Literal["wires", "network", "thumbnail"]


Block = Paragraph | Table | Math | Listing | Picture


@dataclass(frozen=True, slots=True)
class Section:
    """One step of the derivation."""

    step: SectionName
    title: str
    blocks: tuple[Block, ...]


_MARKED = re.compile(r"`([^`]+)`|<(\w+)>")


def rich(text: str) -> Line:
    """A line from text, with `code` in backticks and <axes> in angles.

    >>> rich("the dot product of `A[b, :]` over <c>")
    ('the dot product of ', Code(text='A[b, :]'), ' over ', AxisName(label='c'))
    """
    parts: list[Inline] = []
    at = 0
    for found in _MARKED.finditer(text):
        if found.start() > at:
            parts.append(text[at : found.start()])
        parts.append(Code(found[1]) if found[1] else AxisName(found[2]))
        at = found.end()
    if at < len(text):
        parts.append(text[at:])
    return tuple(parts)


def paragraph(text: str) -> Paragraph:
    """A paragraph from marked text."""
    return Paragraph(rich(text))


def axes(labels: Sequence[str]) -> str:
    """Labels as marked text: `<c> and <d>`."""
    marked = [f"<{label}>" for label in labels]
    return " and ".join([", ".join(marked[:-1]), marked[-1]] if len(marked) > 1 else marked)


def grouped(number: int) -> str:
    """A whole number that can be read: `1310720` as `1,310,720`."""
    return f"{number:,}"


def in_bytes(number: int) -> str:
    """A number of bytes in the largest unit that leaves at least 1, by thousands."""
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:.3g} {unit}" if number < 1000 * size else f"{number / size:,.0f} {unit}"
    return f"{number} B"
