"""Where functions are, as it is kept: relative to the root of the project, at the line of the `def`."""

from __future__ import annotations

import linecache
import re
from pathlib import Path

_DEF = re.compile(r"\s*(async\s+)?def\b")


def below(root: Path, file: str) -> str:
    """A path relative to the root where it lies below, else as it is."""
    path = Path(file).absolute()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def line_of_def(file: str, first: int) -> int:
    """The line of the `def` of a function that begins at some line, perhaps with decorators."""
    lines = linecache.getlines(file)
    for number in range(first, len(lines) + 1):
        if _DEF.match(lines[number - 1]):
            return number
    return first
