"""Docstrings of public names, taken apart: the summary, the paragraphs, the parameters, the example."""

from __future__ import annotations

import doctest
import inspect
import re
from dataclasses import dataclass
from typing import Any

LABELS = ("Returns", "Raises", "Cost", "Source")
"""Paragraphs that are sections of a page."""

WIDEST = 88
"""The longest line of code that a page shows beside both sidebars."""


@dataclass(frozen=True)
class Docstring:
    """A docstring: `paragraphs` have their label or none, `named` are those with one of `LABELS`."""

    summary: str
    paragraphs: tuple[tuple[str, str], ...]
    arguments: dict[str, str]
    named: dict[str, str]
    example: str


def read_docstring(value: Any) -> Docstring:
    """Take the docstring of a function, class or module apart."""
    first, *rest = re.split(r"\n\s*\n", inspect.getdoc(value) or "")
    paragraphs: list[tuple[str, str]] = []
    arguments: dict[str, str] = {}
    named: dict[str, str] = {}
    example: list[str] = []
    for part in rest:
        label, _, text = part.partition(":")
        if label == "Examples" or example:
            example.append(part)
        elif label in ("Args", "Attributes") and text.startswith("\n"):
            arguments = described(text)
        elif label in LABELS:
            named[label] = joined(text)
        elif re.fullmatch(r"[A-Z]\w+", label):
            paragraphs.append((label, joined(text)))
        elif part.startswith("    "):
            paragraphs.append(("", f"```pyi\n{inspect.cleandoc(part)}\n```"))
        else:
            paragraphs.append(("", joined(part)))
    return Docstring(joined(first), tuple(paragraphs), arguments, named, "\n\n".join(example))


def joined(text: str) -> str:
    """A paragraph on one line, as the pages wrap none."""
    return " ".join(text.split())


def described(text: str) -> dict[str, str]:
    """What is said of each parameter, without the full stop at its end."""
    rows = re.split(r"\n(?=\S)", inspect.cleandoc(text))
    pairs = [joined(row).split(": ", 1) for row in rows]
    return {name: meaning.removesuffix(".") for name, meaning in pairs}


def doctest_block(example: str) -> str:
    """An example as code to copy: what a line shows stands behind it, or below it, as a comment."""
    lines: list[str] = []
    before = ""
    for each in doctest.DocTestParser().get_examples(example):
        lines += [""] * lines_between(before, each.source)
        before = each.source
        lines += each.source.rstrip("\n").splitlines()
        shown = each.want.rstrip("\n").splitlines()
        if (
            len(shown) == 1
            and len(lines[-1]) + len(shown[0]) + 4 <= WIDEST
            and "\n" not in each.source.strip()
        ):
            lines[-1] += f"  # {shown[0]}"
        else:
            lines += [f"# {line}".rstrip() if line != "<BLANKLINE>" else "#" for line in shown]
    return "```python\n" + "\n".join(lines) + "\n```" if lines else ""


def lines_between(before: str, after: str) -> int:
    """How many empty lines stand between two statements: as in a file, two around a definition."""
    definition, block, imported = ("@", "def ", "class "), ("with ", "for ", "try:"), ("import ", "from ")
    if not before:
        return 0
    if any(source.startswith(definition) for source in (before, after)):
        return 2
    beside_imports = before.startswith(imported) != after.startswith(imported)
    return int(beside_imports or any(source.startswith(block) for source in (before, after)))
