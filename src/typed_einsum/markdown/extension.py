"""The fence for Python-Markdown without superfences. With superfences, use `typed_einsum.markdown.fence`.

A fence may stand in a list item, an admonition or a quotation. Only the parser of blocks knows whether
indented lines do, or whether they are code. So a placeholder takes the place of each fence: in code the
parser puts the lines back, and all others are derived at the end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element

from markdown import Extension, Markdown
from markdown.blockprocessors import BlockProcessor
from markdown.postprocessors import Postprocessor
from markdown.preprocessors import Preprocessor

from typed_einsum.markdown.page import derived

BEFORE_OTHER_FENCES = 27
"""`fenced_code` and superfences have priority 25."""
BEFORE_CODE = 85
"""Indented code has priority 80; lists, admonitions and quotations take their lines before."""
BEFORE_STORED_HTML = 31
"""What was stored is put into the page with priority 30."""

_OPENING = re.compile(r"(?P<before>[ >]*)(?P<fence>`{3,}|~{3,})[ ]*(?P<info>.*)$")


@dataclass
class Fences:
    """The einsum fences of a page that are still to be derived: source and lines, by their placeholders."""

    sources: dict[str, str] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)


class EinsumExtension(Extension):
    """Derives ```` ```einsum ```` blocks."""

    def extendMarkdown(self, md: Markdown) -> None:  # Python-Markdown's name
        """Register what finds fences, what leaves those in code alone, and what derives the rest."""
        fences = Fences()
        md.preprocessors.register(EinsumPreprocessor(md, fences), "typed_einsum", BEFORE_OTHER_FENCES)
        md.parser.blockprocessors.register(FencesInCode(md.parser, fences), "typed_einsum", BEFORE_CODE)
        md.postprocessors.register(EinsumPostprocessor(md, fences), "typed_einsum", BEFORE_STORED_HTML)


class EinsumPreprocessor(Preprocessor):
    """Replaces the lines of each einsum fence by a placeholder, in the same list item or quotation."""

    def __init__(self, md: Markdown, fences: Fences) -> None:
        super().__init__(md)
        self.fences = fences

    def run(self, lines: list[str]) -> list[str]:
        """The lines of the page with placeholders."""
        result: list[str] = []
        at = 0
        while at < len(lines):
            opening = _OPENING.match(lines[at])
            closing = None if opening is None else _closing(lines, at, opening["before"], opening["fence"])
            if opening is None or closing is None:
                result.append(lines[at])
                at += 1
                continue
            whole = lines[at : closing + 1]
            if opening["info"].strip() == "einsum":
                before = opening["before"]
                blank, after = before.rstrip(), lines[closing + 1 : closing + 2]
                result += [blank] if result and result[-1].strip() != blank.strip() else []
                result.append(f"{before}{self._placeholder(whole, len(before))}")
                result += [blank] if after and after[0].strip() != blank.strip() else []
            else:  # a fence inside another fence is shown as it is
                result += whole
            at = closing + 1
        return result

    def _placeholder(self, whole: list[str], before: int) -> str:
        stash: Any = self.md.htmlStash
        number = stash.html_counter
        placeholder: str = stash.store("")
        bare = [line[before:] for line in whole]
        self.fences.sources[placeholder] = "\n".join(bare[1:-1])
        self.fences.lines[placeholder] = bare
        self.fences.numbers[placeholder] = number
        return placeholder


class FencesInCode(BlockProcessor):
    """Puts the lines of fences back that turn out to be indented code."""

    def __init__(self, parser: Any, fences: Fences) -> None:
        super().__init__(parser)
        self.fences = fences

    def test(self, parent: Element, block: str) -> bool:
        """Whether the block is code with a placeholder in it."""
        return block.startswith(" " * self.tab_length) and any(each in block for each in self.fences.sources)

    def run(self, parent: Element, blocks: list[str]) -> bool:
        """Put the lines back, and leave the block to others."""
        for placeholder in [each for each in self.fences.sources if each in blocks[0]]:
            (line,) = [line for line in blocks[0].splitlines() if placeholder in line]
            before = line.partition(placeholder)[0]
            lines = [f"{before}{each}" for each in self.fences.lines[placeholder]]
            blocks[0] = blocks[0].replace(line, "\n".join(lines))
            del self.fences.sources[placeholder]
        return False


class EinsumPostprocessor(Postprocessor):
    """Derives the fences that are left, in their order."""

    def __init__(self, md: Markdown, fences: Fences) -> None:
        super().__init__(md)
        self.fences = fences

    def run(self, text: str) -> str:
        """Store each derivation where the page finds it. Raises what is wrong with a fence."""
        stash: Any = self.md.htmlStash
        sources, self.fences.sources = self.fences.sources, {}
        for placeholder, source in sources.items():
            stash.rawHtmlBlocks[self.fences.numbers[placeholder]] = derived(source, self.md)
        return text


def _closing(lines: list[str], opening: int, before: str, fence: str) -> int | None:
    """The line that closes a fence; None where a line before it leaves the list item or the quotation."""
    end = re.compile(rf"{re.escape(fence[0])}{{{len(fence)},}}[ ]*$")
    for at in range(opening + 1, len(lines)):
        line = lines[at]
        if not line.startswith(before) and line.strip() != before.strip():
            return None
        if end.match(line[len(before) :]):
            return at
    return None
