"""Which files are of one project: those whose functions a listing shows."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from typed_einsum.testing.observe.sources import LIBRARY
from typed_einsum.testing.targets.installed import INSTALLED

TORCH = Path(os.path.realpath(torch.__file__)).parent
STANDARD = Path(os.path.realpath(os.__file__)).parent
"""Where the standard library is."""


def sources_near(function: Callable[..., Any]) -> Callable[[str], bool]:
    """Says whether a file is of the project of a function: its package, or what is not installed."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    own = "" if code is None else code.co_filename
    package = _package_of(own)
    known: dict[str, bool] = {own: True}

    def holds(file: str) -> bool:
        if file not in known:
            path = Path(os.path.realpath(file))
            is_near = package is not None and path.is_relative_to(package)
            is_own = path.is_relative_to(LIBRARY)
            is_code = file.endswith(".py") or file.startswith(("<ipython", "/tmp/ipykernel"))
            known[file] = is_near or (is_code and not is_own and not _is_installed(path))
        return known[file]

    return holds


def _package_of(file: str) -> Path | None:
    """The folder of the outermost package that holds a file."""
    folder = Path(os.path.realpath(file)).parent
    if not (folder / "__init__.py").exists() or folder.is_relative_to(TORCH):
        return None
    while (folder.parent / "__init__.py").exists():
        folder = folder.parent
    return folder


def _is_installed(path: Path) -> bool:
    return bool(INSTALLED.intersection(path.parts)) or path.is_relative_to(STANDARD)
