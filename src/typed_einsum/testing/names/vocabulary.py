"""The words of a file's own equations and patterns: what its author calls axes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from typed_einsum.testing.names.equations import axes_written

PATTERNED = {
    "rearrange", "repeat", "reduce", "einsum", "pack", "unpack", "parse_shape", "Rearrange", "Reduce",
}  # fmt: skip
"""Functions that are passed a pattern, also one without an arrow."""

PATTERN = re.compile(r"[\w\s,.()\[\]>*\u2026-]+")


def equations_of(tree: ast.AST) -> tuple[frozenset[str], ...]:
    """The names of axes in each equation and pattern of a file."""
    return tuple(_names(text) for text in _patterns(tree))


def _patterns(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        func = node.func
        name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
        for each in node.args:
            text = each.value if isinstance(each, ast.Constant) else None
            if isinstance(text, str) and PATTERN.fullmatch(text) and ("->" in text or name in PATTERNED):
                yield text


def _names(text: str) -> frozenset[str]:
    axes = [axis for side in re.split(r",|->", text) for axis in axes_written(re.sub(r"[\[\]]", " ", side))]
    return frozenset(name for axis in axes for name in re.findall(r"[A-Za-z]\w*", axis))
