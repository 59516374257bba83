"""The Python files that the command is given."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from typed_einsum.cli.listing import Listing
from typed_einsum.testing.process.outcome import Outcome
from typed_einsum.testing.targets.installed import INSTALLED

SKIPPED_FOLDERS = {"__pycache__", "node_modules", *INSTALLED}


def files_at(paths: Sequence[Path], listing: Listing) -> dict[Path, str]:
    """The Python files at some paths, each with its path as it is shown; the rest is listed with a reason."""
    files: dict[Path, str] = {}
    for path in paths:
        try:
            found = list(python_files(path))
            reason = "" if found else _why_none(path)
        except OSError as error:
            found, reason = [], str(error)
        if reason:
            listing.add(Outcome("failed", str(path), text=reason))
        files |= {Path(os.path.abspath(file)): str(file) for file in found}
    return files


def _why_none(path: Path) -> str:
    if path.is_dir():
        return "there is no Python file in it"
    if not path.exists():
        return "there is no such file or folder"
    if path.suffix == ".py":
        return "it is no regular file"
    return "it is no Python file (its name does not end in .py)"


def python_files(path: Path) -> Iterator[Path]:
    """The Python files at a path, sorted; hidden folders, environments and linked folders are left out."""
    if path.is_dir():
        for entry in sorted(path.iterdir()):
            if entry.suffix == ".py" and entry.is_file() and not entry.name.startswith("."):
                yield entry
            elif entry.is_dir() and not _is_left_out(entry):
                yield from python_files(entry)
    elif path.suffix == ".py" and path.is_file():
        yield path


def _is_left_out(folder: Path) -> bool:
    named = folder.name.startswith(".") or folder.name in SKIPPED_FOLDERS
    return named or folder.is_symlink() or (folder / "pyvenv.cfg").exists()
