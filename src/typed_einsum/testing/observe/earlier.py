"""What an earlier run has said of functions: it still holds where no file that they depend on has changed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from typed_einsum.testing.observe.places import below
from typed_einsum.testing.observe.records import Function, Pattern
from typed_einsum.testing.observe.seen import Seen
from typed_einsum.testing.observe.store import digest_of, earlier


class Earlier:
    """What is known from earlier runs, of the calls of this one. `holds_file` tells files of the project."""

    def __init__(self, folder: Path, root: Path, holds_file: Callable[[str], bool]) -> None:
        found = earlier(folder)
        self._functions: Mapping[tuple[str, int, str], Function] = {
            each.key: each for each in found.functions
        }
        self._digests = found.digests
        self._root = root
        self._holds_file = holds_file
        self._is_as_it_was = cache(self._compared)
        self._imported = cache(self._read_imports)

    def of(self, seen: Seen, key: str, arguments: Mapping[str, Any]) -> tuple[Pattern, Function] | None:
        """What is known of calls of a pattern, by its digest, and of the function."""
        file, line = seen.place
        function = self._functions.get((below(self._root, file), line, seen.name))
        known = next((each for each in function.patterns if each.key == key), None) if function else None
        if function is None or known is None:
            return None
        modules = {seen.module, *(name for value in arguments.values() for name in _modules_of(value))}
        return (known, function) if self._are_as_they_were(modules) else None

    def _are_as_they_were(self, modules: set[str]) -> bool:
        """Whether no file of these modules, or of those that they import, has changed."""
        seen, waiting = set(modules), list(modules)
        while waiting:
            name = waiting.pop()
            if not self._is_as_it_was(name):
                return False
            fresh = self._imported(name) - seen
            seen |= fresh
            waiting += fresh
        return True

    def _file_of(self, name: str) -> str | None:
        """The file of a module of the project; None of any other."""
        file = getattr(sys.modules.get(name), "__file__", None)
        return file if isinstance(file, str) and self._holds_file(file) else None

    def _compared(self, name: str) -> bool:
        file = self._file_of(name)
        return file is None or self._digests.get(below(self._root, file)) == digest_of(Path(file))

    def _read_imports(self, name: str) -> frozenset[str]:
        """The modules of the project from which a module has something."""
        if self._file_of(name) is None:
            return frozenset()
        values = list(vars(sys.modules[name]).values())
        owners = {
            each.__name__ if isinstance(each, ModuleType) else getattr(each, "__module__", None)
            for each in values
        }
        return frozenset(each for each in owners if isinstance(each, str) and self._file_of(each) is not None)


def _modules_of(value: Any) -> Iterator[str]:
    """The modules of the classes of an argument, and of what it is composed of."""
    yield type(value).__module__
    if isinstance(value, type):
        yield value.__module__
    if isinstance(value, nn.Module):
        yield from {type(each).__module__ for each in value.modules()}
