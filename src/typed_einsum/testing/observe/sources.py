"""Which code is observed: the functions in a project's files, except tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import lru_cache
from importlib.machinery import ModuleSpec, PathFinder
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import CodeType

from typed_einsum.testing.targets.installed import INSTALLED

TEST_FOLDERS = {"tests", "test"}
TEST_FILES = ("test_*.py", "*_test.py", "conftest.py")

WHOLE = "."
"""Stands for the whole project where names of packages are given."""

LIBRARY = Path(__file__).resolve().parents[2]


class NoSuchPackage(Exception):
    """A package, folder or file that was asked for is not there; the text is its name."""


@dataclass(frozen=True)
class Sources:
    """Some files, and the files below some folders, except tests. `root` is the project's folder."""

    root: Path
    folders: tuple[Path, ...]
    files: frozenset[Path] = frozenset()
    test_files: tuple[str, ...] = TEST_FILES
    _known: dict[str, bool] = field(default_factory=dict, repr=False, compare=False)

    def holds(self, code: CodeType) -> bool:
        """Whether code is that of a function with a name, in one of the files."""
        if code.co_name.startswith("<") or not code.co_flags & CO_OPTIMIZED:  # a lambda, the body of a class
            return False
        return self.holds_file(code.co_filename)

    def holds_file(self, name: str) -> bool:
        """Whether a file, as code names it, is observed."""
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = self._holds(name)
        return found

    def is_beside(self, name: str) -> bool:
        """Whether a file is in the project's folder, installed in no environment, and not observed."""
        start = f"{self.root}{os.sep}"
        if not name.startswith(start) or INSTALLED.intersection(Path(name[len(start) :]).parts):
            return False
        return not self.holds_file(name)

    def _holds(self, name: str) -> bool:
        path = Path(_real(name))
        if name.startswith("<") or not name.endswith(".py"):
            return path in self.files
        if path in self.files:
            return True
        below = [path.relative_to(folder) for folder in self.folders if folder in path.parents]
        is_own = path.is_relative_to(LIBRARY) and LIBRARY not in self.folders
        return not is_own and any(self._is_of_project(each) for each in below)

    def _is_of_project(self, path: Path) -> bool:
        folders = path.parts[:-1]
        left_out = INSTALLED | TEST_FOLDERS
        if any(part in left_out or part.startswith(".") for part in folders):
            return False
        return not any(fnmatch(path.name, pattern) for pattern in self.test_files)


def _real(name: str) -> str:
    """A path without links. Most files share their folder with others, so it is resolved once."""
    folder, file = os.path.split(name)
    if not os.path.isabs(folder):
        return os.path.realpath(name)
    path = os.path.join(_real_folder(folder), file)
    return os.path.realpath(path) if os.path.islink(path) else path


@lru_cache(maxsize=4096)
def _real_folder(name: str) -> str:
    return os.path.realpath(name)


def sources(
    names: Sequence[str],
    root: Path,
    *,
    scripts: Iterable[Path] = (),
    test_files: Sequence[str] = TEST_FILES,
) -> Sources:
    """The files of packages, folders and files, or of the whole project. Raises `NoSuchPackage`."""
    root = root.resolve()
    places = [root, root / "src"]
    folders: list[Path] = []
    files = {script.resolve() for script in scripts}
    for name in names or [WHOLE]:
        if name == WHOLE:
            folders += [root, *_installed_copies(places)]
            continue
        spec = find_package(name, places)
        if spec is None:
            place = (root / name).resolve()
            if not name or not place.exists():
                raise NoSuchPackage(name)
            folders += [place] if place.is_dir() else []
            files |= {place} if place.is_file() else set()
            continue
        folders += [Path(place).resolve() for place in spec.submodule_search_locations or ()]
        if spec.submodule_search_locations is None and spec.origin is not None:
            files.add(Path(spec.origin).resolve())
    return Sources(root, tuple(dict.fromkeys(folders)), frozenset(files), tuple(test_files))


def _installed_copies(places: Sequence[Path]) -> list[Path]:
    """Where the project's packages are imported from, if not from here: tests may run an installed copy."""
    names = {each.parent.name for place in places for each in place.glob("*/__init__.py")}
    specs = (find_package(name, ()) for name in sorted(names - TEST_FOLDERS))
    found = [Path(p).resolve() for spec in specs if spec for p in spec.submodule_search_locations or ()]
    return [folder for folder in found if INSTALLED.intersection(folder.parts)]


def find_package(name: str, places: Iterable[Path]) -> ModuleSpec | None:
    """Where a package or module is, without importing it or those around it; None where there is none."""
    where: list[str] | None = [*sys.path, *map(str, places)]
    dotted, spec = "", None
    for part in name.split("."):
        if where is None or not part.isidentifier():
            return None
        dotted = f"{dotted}.{part}" if dotted else part
        spec = PathFinder.find_spec(dotted, where)
        if spec is None:
            return None
        where = None if spec.submodule_search_locations is None else list(spec.submodule_search_locations)
    return spec
