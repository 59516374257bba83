"""The line of the checked code that an operation stands in, and the equation that its author wrote there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import FrameType

import torch

import typed_einsum
from typed_einsum.testing.audit.findings import SourceLine

FOLDERS = tuple(
    str(Path(found).parent) for found in (torch.__file__, typed_einsum.__file__) if found is not None
)
EINSUM_PACKAGES = ("einops", "einx", "opt_einsum", "fancy_einsum")
"""Packages that call `torch.einsum` in other letters than those of their callers."""


def calling_line() -> SourceLine:
    """The innermost line outside torch, this library, and packages that only rewrite equations."""
    last = sys._getframe(1)
    for frame in _frames():
        last = frame
        if not _is_passed_over(frame.f_code.co_filename):
            break
    return SourceLine(last.f_code.co_filename, last.f_lineno)


def written_equation() -> str | None:
    """The equation that was given to a package that rewrites it in letters; None outside of one."""
    found = None
    for frame in _frames():
        file = frame.f_code.co_filename
        if not _is_passed_over(file):
            break
        if _is_rewriter(file):
            found = max(_equations(frame), key=len, default=found)
    return found


def _equations(frame: FrameType) -> Iterator[str]:
    for value in frame.f_locals.values():
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, str) and "->" in each:
                yield each


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_passed_over(file: str) -> bool:
    return _is_in(file, (*FOLDERS, "<typed_einsum")) or _is_rewriter(file)


def _is_rewriter(file: str) -> bool:
    return _is_of(file, tuple(name for name in EINSUM_PACKAGES if name in sys.modules))


@lru_cache(maxsize=4096)
def _is_in(file: str, folders: tuple[str, ...]) -> bool:
    return file.startswith(folders)


@lru_cache(maxsize=4096)
def _is_of(file: str, packages: tuple[str, ...]) -> bool:
    files = (getattr(sys.modules.get(name), "__file__", None) for name in packages)
    return any(found is not None and file.startswith(os.path.dirname(found) + os.sep) for found in files)
