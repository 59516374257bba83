"""A fence on its page: the HTML of its derivation, or an error with the page and the line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typed_einsum.derivation.html import once
from typed_einsum.diagnostics import Place
from typed_einsum.errors import TypedEinsumError
from typed_einsum.markdown.block import read_block

if TYPE_CHECKING:
    from markdown import Markdown

SEEN = "typed_einsum_fences"
"""The attribute of a converter that remembers what the page already holds."""


def derived(source: str, md: Markdown | None = None) -> str:
    """The text inside a fence as HTML, with style sheet and script unless the page has them already.

    `md` is the converter of the page. Raises `TypedEinsumError` with page and line where they are known.
    """
    try:
        block = read_block(source)
        derivation, level = block.derivation(), block.level
    except TypedEinsumError as error:
        raise _located(error, source, None if md is None else _page_of(md)) from None
    labels = [index.label for index in derivation.subject.indices]
    seen = _seen(md)
    number = seen.setdefault("fences", 0)
    seen["fences"] += 1
    # Ids come from the text and a count, so that every build and both site builders make the same.
    prefix = f"einsum-{sha256(source.encode()).hexdigest()[:8]}-{number}"
    steps = block.steps
    body = derivation.to_html(steps, level if steps is None or len(steps) > 1 else None, False, prefix)
    return _style(labels, seen) + body


def _seen(md: Markdown | None) -> dict[str, Any]:
    """What this conversion of a page has already written.

    A converter may convert many pages and does not report when a page begins. But each page is a new list of
    lines.
    """
    if md is None:
        return {}
    lines = getattr(md, "lines", None)
    kept = getattr(md, SEEN, None)
    if kept is None or kept[0] is not lines:
        kept = (lines, {})
        setattr(md, SEEN, kept)
    seen: dict[str, Any] = kept[1]
    return seen


def _style(labels: Sequence[str], seen: dict[str, Any]) -> str:
    styled = seen.setdefault("styled", set())
    head = once([label for label in labels if label not in styled], base=not styled)
    styled.update(labels, {""})
    return head


def _page_of(md: Markdown) -> Path | None:
    """The file of the page, which MkDocs and Zensical store on their own processors."""
    if "relpath" in md.treeprocessors:  # MkDocs
        path: str | None = md.treeprocessors["relpath"].file.abs_src_path
        return None if path is None else Path(path)
    if "rendering_context" in md.preprocessors:  # Zensical
        context = md.preprocessors["rendering_context"]
        return Path(context.config["docs_dir"], context.page.path)
    return None


def _located(error: TypedEinsumError, source: str, page: Path | None) -> TypedEinsumError:
    """The same error with line numbers of the page, if the text of the fence is found in the page."""
    diagnostic = error.diagnostic
    if page is None or not page.is_file():
        return error
    shown = os.path.relpath(page)
    shown = str(page) if shown.startswith("..") else shown
    first = _first_line(source, page.read_text(encoding="utf-8"))
    if first is None:  # assembled from parts, for example by snippets
        return type(error)(replace(diagnostic, notes=(f"in {shown}", *diagnostic.notes)))
    marks = tuple(replace(mark, line=first + (mark.line or 1) - 1) for mark in diagnostic.marks)
    line = first if not marks else marks[0].line or first
    return type(error)(replace(diagnostic, place=Place(shown, line), marks=marks))


def _first_line(source: str, page: str) -> int | None:
    """The number of the line in the page where the text of a fence begins, however it is indented."""

    def bare(line: str) -> str:
        return line.lstrip("> \t").rstrip()

    wanted = [bare(line) for line in source.splitlines()] or [""]
    lines = [bare(line) for line in page.splitlines()]
    for above, line in enumerate(lines):
        opens = line.startswith(("```", "~~~")) and "einsum" in line
        if opens and lines[above + 1 : above + 1 + len(wanted)] == wanted:
            return above + 2
    return None
