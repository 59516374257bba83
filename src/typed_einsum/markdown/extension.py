"""The fence for Python-Markdown without superfences. With superfences, use `typed_einsum.markdown.fence`."""

from __future__ import annotations

import re
from typing import Any

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor

from typed_einsum.markdown.page import derived

BEFORE_OTHER_FENCES = 27
"""`fenced_code` and superfences have priority 25."""

_OPENING = re.compile(r"(?P<fence>`{3,}|~{3,})[ ]*(?P<info>.*)$")


class EinsumExtension(Extension):
    """Derives ```` ```einsum ```` blocks."""

    def extendMarkdown(self, md: Markdown) -> None:  # Python-Markdown's name
        """Register the preprocessor before those that show code."""
        md.preprocessors.register(EinsumPreprocessor(md), "typed_einsum", BEFORE_OTHER_FENCES)


class EinsumPreprocessor(Preprocessor):
    """Replaces the lines of each einsum fence by their derivation."""

    def run(self, lines: list[str]) -> list[str]:
        """The lines of the page, with each fence replaced by its derivation."""
        result: list[str] = []
        at = 0
        while at < len(lines):
            opening = _OPENING.match(lines[at])
            closing = None if opening is None else _closing(lines, at, opening["fence"])
            if opening is None or closing is None:
                result.append(lines[at])
                at += 1
                continue
            if opening["info"].strip() == "einsum":
                result += ["", self._stored("\n".join(lines[at + 1 : closing])), ""]
            else:  # a fence inside another fence is shown as it is
                result += lines[at : closing + 1]
            at = closing + 1
        return result

    def _stored(self, source: str) -> str:
        stash: Any = self.md.htmlStash
        placeholder: str = stash.store(derived(source, self.md))
        return placeholder


def _closing(lines: list[str], opening: int, fence: str) -> int | None:
    end = re.compile(rf"{re.escape(fence[0])}{{{len(fence)},}}[ ]*$")
    return next((at for at in range(opening + 1, len(lines)) if end.match(lines[at])), None)
