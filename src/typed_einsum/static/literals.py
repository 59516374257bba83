"""Texts in a Python file, each with its exact place: what a finding about a part of it points at."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from typed_einsum.diagnostics import Mark, Place, Span

_OPENING = re.compile(r"[rRuU]?(\"\"\"|'''|\"|')")


@dataclass(frozen=True)
class Source:
    """A Python file: its name as the reader knows it, its lines, and its syntax tree."""

    name: str
    lines: tuple[str, ...]
    tree: ast.Module

    @classmethod
    def read(cls, name: str, text: str) -> Source:
        """Parse a text. Raises `SyntaxError`."""
        return cls(name, tuple(text.splitlines()), ast.parse(text, name))

    def literal(self, node: ast.expr | None) -> Text | None:
        """The text that an expression is, or None where only running it would tell."""
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            return None
        return Text(node.value, self, node)


@dataclass(frozen=True)
class Text:
    """A text between quotes."""

    text: str
    source: Source
    node: ast.Constant

    def place(self, span: Span | None) -> Place:
        """Where a part of the text stands; where the text begins if it is spread over several lines."""
        column = self._begins
        inside = 0 if span is None or self._first is None else self._first + span.start
        return Place(self.source.name, self.node.lineno, column + inside + 1)

    def mark(self, span: Span, label: str) -> Mark:
        """The line with carets below a part of the text; the text alone where it is not on one line."""
        if self._first is None:
            return Mark(self.text, span, label)
        shifted = span.shifted(self._begins + self._first)
        return Mark(self._line, shifted, label, self.node.lineno)

    @property
    def _line(self) -> str:
        return self.source.lines[self.node.lineno - 1]

    @property
    def _begins(self) -> int:
        """The column of the first quote, counted in characters; the syntax tree counts bytes."""
        return len(self._line.encode()[: self.node.col_offset].decode())

    @property
    def _first(self) -> int | None:
        """How far behind the column of the literal its text begins; None where it is not written as it is."""
        opening = _OPENING.match(self._line, self._begins)
        if opening is None or not self._line.startswith(self.text, opening.end()):
            return None
        return opening.end() - self._begins
