"""Importing a user's file, in a process that has imported others, as Python would in one of its own."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import ModuleType

import torch

_INSTALLED = {"site-packages", "dist-packages"}


@contextmanager
def as_if_alone(file: Path) -> Iterator[None]:
    """For the length of a block the process is as `python FILE` has it; then, as it was."""
    working, path, argv = os.getcwd(), list(sys.path), list(sys.argv)
    dtype = torch.get_default_dtype()
    sys.path.insert(0, str(_dotted(file)[0]))
    sys.argv = [str(file)]
    try:
        yield
    finally:
        os.chdir(working)
        sys.path[:], sys.argv = path, argv
        torch.set_default_dtype(dtype)
        torch.set_default_device(None)


def import_file(file: Path) -> ModuleType:
    """The module of a file: by its dotted name in a package, else by its stem.

    A file that another one has imported already is not run again, as Python itself would not.
    """
    root, name = _dotted(file)
    _forget_other_roots(root)
    importlib.invalidate_caches()
    known = sys.modules.get(name)
    if known is not None and _is_from(known, file):
        return known
    working = os.getcwd()
    try:
        if known is None and (found := _find(name)) is not None and _is_at(found, file):
            return importlib.import_module(name)
        return _import_as(_free(name), file)
    finally:
        os.chdir(working)


def _dotted(file: Path) -> tuple[Path, str]:
    """The folder that a file is imported from, and its name there."""
    root, parts = file.parent, [file.stem]
    while (root / "__init__.py").exists():
        parts.insert(0, root.name)
        root = root.parent
    return root, ".".join(parts[:-1] if len(parts) > 1 and file.stem == "__init__" else parts)


def _find(name: str) -> str | None:
    """The file that Python would import for a name. It imports the packages around it."""
    spec = None if "-" in name else importlib.util.find_spec(name)
    return None if spec is None else spec.origin


def _is_from(module: ModuleType, file: Path) -> bool:
    origin = getattr(module, "__file__", None)
    return isinstance(origin, str) and _is_at(origin, file)


def _is_at(origin: str, file: Path) -> bool:
    return os.path.exists(origin) and os.path.samefile(origin, file)


def _free(name: str) -> str:
    """A name for a file whose own is taken, such as that of a module of the standard library."""
    return next(f"{name}_{n}" for n in count(1) if f"{name}_{n}" not in sys.modules)


def _import_as(name: str, file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


_kept = set(sys.modules)
"""Modules that were there before any file of the user's."""

_roots: list[Path] = []


def _forget_other_roots(root: Path) -> None:
    """Unload the user's modules of another root: this one may have modules of the same names."""
    if _roots and _roots[-1] != root:
        for name in set(sys.modules) - _kept:
            at = _path(sys.modules[name])
            if at is not None and at.is_relative_to(_roots[-1]) and not _INSTALLED & set(at.parts):
                del sys.modules[name]
    _roots[:] = [root]


def _path(module: ModuleType) -> Path | None:
    """Where a module lies; a package without `__init__.py` has no file, but a path."""
    origin = getattr(module, "__file__", None)
    if not isinstance(origin, str):
        origin = next(iter(getattr(module, "__path__", ())), None)
    return None if origin is None else Path(origin)
