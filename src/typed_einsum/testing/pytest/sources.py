"""For the pytest plugin: the files that its options name. Nothing is imported to find them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

import pytest

TIME_LIMIT: pytest.StashKey[float] = pytest.StashKey()
"""Where a run keeps how many seconds a call may take."""


@dataclass(frozen=True)
class Source:
    """Files whose functions are to be checked; `package` is the name if a package was asked for by name."""

    path: Path
    package: str | None = None


def source(text: str, base: Path, config: pytest.Config) -> Source:
    """The files that a text means: a path if there is one, else a package."""
    path = Path(os.path.abspath(base / text))
    if text and os.path.isfile(path):  # unlike the method of a path, False for a name that is too long
        if path.suffix != ".py":
            raise pytest.UsageError(f"--shape-contracts: {text} is no Python file")
        return Source(path)
    if text and os.path.isdir(path):
        if next(path.rglob("*.py"), None) is None:
            raise pytest.UsageError(f"--shape-contracts: there is no Python file in {text}")
        return Source(path)
    spec = found(text, config)
    if spec is None:
        raise pytest.UsageError(f"--shape-contracts: expected a file, folder or package, got {text!r}")
    folder = next(iter(spec.submodule_search_locations or ()), None)
    return Source(Path(folder or spec.origin or "").absolute(), text)


def found(package: str, config: pytest.Config) -> ModuleSpec | None:
    """Where a package is, without importing it or those around it; None where there is none."""
    root = config.rootpath
    places: list[str] | None = [*sys.path, *map(str, (config.invocation_params.dir, root, root / "src"))]
    name, spec = "", None
    for part in package.split("."):
        if places is None or not part.isidentifier():
            return None
        name = f"{name}.{part}" if name else part
        spec = PathFinder.find_spec(name, places)
        if spec is None:
            return None
        places = None if spec.submodule_search_locations is None else list(spec.submodule_search_locations)
    return spec


def files_of(source: Source, config: pytest.Config) -> Iterator[tuple[Path, str | None]]:
    """The files of a source, each with its module's name where that is known."""
    if source.path.is_file():
        yield source.path, source.package
        return
    for file in _below(source.path, config):
        below = file.relative_to(source.path).with_suffix("").parts
        parts = below[:-1] if below[-1] == "__init__" else below
        yield file, None if source.package is None else ".".join((source.package, *parts))


def _below(folder: Path, config: pytest.Config) -> Iterator[Path]:
    """The Python files below a folder, without tests and what pytest ignores."""
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name == "__pycache__":
            continue
        if config.hook.pytest_ignore_collect(collection_path=entry, config=config):
            continue
        if entry.is_dir():
            yield from _below(entry, config)
        elif entry.suffix == ".py" and not _is_test(entry, config):
            yield entry


def _is_test(file: Path, config: pytest.Config) -> bool:
    names = ["conftest.py", *config.getini("python_files")]
    return any(fnmatch(file.name, name) for name in names)


def contract_files(sources: Sequence[Source], config: pytest.Config) -> dict[Path, str | None]:
    """The files of all sources, each with its module's name where that is known."""
    return dict(each for source in sources for each in files_of(source, config))
