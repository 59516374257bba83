"""Importing a user's file as the project's own programs and tests do, for the command and for pytest."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import ModuleType

import torch

from typed_einsum.testing.targets.installed import INSTALLED
from typed_einsum.testing.targets.names import ModuleName, module_names


class _NameTaken(ImportError):
    """Python knows another file by the name."""


@contextmanager
def as_if_alone(file: Path) -> Iterator[None]:
    """For the length of a block the process is as `python FILE` has it; then, as it was."""
    working, path, argv = os.getcwd(), list(sys.path), list(sys.argv)
    dtype = torch.get_default_dtype()
    sys.argv = [str(file)]
    try:
        yield
    finally:
        os.chdir(working)
        sys.path[:], sys.argv = path, argv
        torch.set_default_dtype(dtype)
        torch.set_default_device(None)


def import_file(file: Path, working: Path, asked: ModuleName | None = None) -> ModuleType:
    """The module of a file, under the first of its possible names that can be imported.

    A file that is imported already is not run again, whatever its name. The folder that the name starts from
    stays on `sys.path`, for imports inside functions; so does the working directory, as its last entry.
    `asked` is the name by which the user asked for it. Raises what the file raises.
    """
    if (known := _imported(file)) is not None:
        return known
    names = list(dict.fromkeys([*([asked] if asked else []), *module_names(file, working)]))
    first: ImportError | None = None
    for name in names:
        path = list(sys.path)
        try:
            return _import(name, file, working)
        except ImportError as error:
            sys.path[:] = path
            if not _may_be_the_name(error, names, working):
                raise  # under another name before, it was not even found what it needs
            first = first or error
    assert first is not None
    raise first


def _imported(file: Path) -> ModuleType | None:
    """The module that has run a file already, if any; not the program itself, whose functions are copies."""
    for name, module in list(sys.modules.items()):
        origin = getattr(module, "__dict__", {}).get("__file__")
        if name != "__main__" and isinstance(origin, str) and _is_at(origin, file):
            return module
    return None


def _may_be_the_name(error: ImportError, names: Sequence[ModuleName], working: Path) -> bool:
    """Whether another name for the file may help: it imports what lies beside it, or goes up too far."""
    if not isinstance(error, ModuleNotFoundError):
        return isinstance(error, _NameTaken) or "relative import" in str(error)
    return _is_near(error, names, working)


def is_missing_library(error: BaseException, file: Path, working: Path) -> bool:
    """Whether a file could not be imported because a library that is not the project's is not installed."""
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return False
    return not _is_near(error, module_names(file, working), working)


def _is_near(error: ModuleNotFoundError, names: Sequence[ModuleName], working: Path) -> bool:
    """Whether the module that was not found lies in a folder that a name of the file starts from."""
    missing = (error.name or "").partition(".")[0]
    folders = {name.root for name in names} | {working}
    return any((folder / missing).is_dir() or (folder / f"{missing}.py").is_file() for folder in folders)


def _import(name: ModuleName, file: Path, working: Path) -> ModuleType:
    if not _has(sys.path, name.root):
        sys.path.insert(0, str(name.root))
    if not _has(sys.path, working):
        sys.path.append(str(working))
    importlib.invalidate_caches()
    folder = os.getcwd()
    try:
        if all(part.isidentifier() for part in name.name.split(".")) and _finds(name.name, file):
            return importlib.import_module(name.name)
        if name.packages:
            raise _NameTaken(f"`{name.name}` is another module than {file}")
        return _import_as(_free(name.name), file)
    finally:
        os.chdir(folder)


def _has(path: Sequence[str], folder: Path) -> bool:
    return str(folder) in path


def _finds(name: str, file: Path) -> bool:
    """Whether Python would import this file under a name. It imports the packages around it."""
    if name in sys.modules:  # another file, or `_imported` would have found it
        return False
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin is not None and _is_at(spec.origin, file)


def _is_at(origin: str, file: Path) -> bool:
    return os.path.basename(origin) == file.name and os.path.realpath(origin) == os.path.realpath(file)


def _free(name: str) -> str:
    """A name for a file whose own is taken, such as that of a module of the standard library."""
    if name not in sys.modules:
        return name
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


def forget_other_roots(file: Path, working: Path) -> None:
    """Unload the user's modules of another root than a file's: it may have modules of the same names."""
    root = module_names(file, working)[0].root
    if _roots and _roots[-1] != root:
        # A namespace package asks `sys.modules` for its parent to say where it is: first look, then unload.
        located = {name: _path(sys.modules[name]) for name in set(sys.modules) - _kept}
        for name, at in located.items():
            if at is not None and at.is_relative_to(_roots[-1]) and not INSTALLED.intersection(at.parts):
                del sys.modules[name]
    _roots[:] = [root]


def _path(module: ModuleType) -> Path | None:
    """Where a module lies; a package without `__init__.py` has no file, but a path."""
    origin = getattr(module, "__file__", None)
    if not isinstance(origin, str):
        origin = next(iter(getattr(module, "__path__", ())), None)
    return None if origin is None else Path(origin)
