"""Evidence for the name of an axis: who says it, and where."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from typed_einsum.testing.listing.values import Size

if TYPE_CHECKING:
    from typed_einsum.testing.listing.source import Source


class Kind(IntEnum):
    """What names an axis, the most telling first. `READ` is an attribute that makes no shape."""

    ANNOTATION = 0
    LOCAL = 1
    EQUATION = 2
    COMMENT = 3
    ATTRIBUTE = 4
    READ = 5
    GLOSSARY = 6
    PLACE = 7

    @property
    def word(self) -> str:
        """The kind as a reader calls it."""
        words = {"READ": "attribute", "PLACE": "its place in the argument", "GLOSSARY": "the glossary"}
        return words.get(self.name, self.name.lower())


@dataclass(frozen=True)
class Evidence:
    """That an axis of this size has a name. `source` is the function that says it, in the line.

    A `note` says better than the kind what names it. `is_role`: an equation has two letters for the axis.
    """

    size: Size
    name: str
    kind: Kind
    source: Source | None = None
    line: int = 0
    note: str = ""
    is_role: bool = False

    @property
    def text(self) -> str:
        """Where the name comes from."""
        if self.source is None:
            return self.kind.word
        if self.note:
            return f"{self.note}, line {self.line}"
        return f"{self.kind.word} in {self.source.name}, line {self.line}"
