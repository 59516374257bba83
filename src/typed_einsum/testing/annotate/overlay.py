"""Lets a program import files with another text than they have, so that nothing is written to try it.

The texts lie in a file whose path is in the environment. Two processes install them: the one in which
`cli.proving` runs the program, and the worker of `check`; those that the program starts by itself do not. It
imports no torch.
"""

from __future__ import annotations

import io
import json
import linecache
import os
from collections.abc import Mapping
from importlib.machinery import SourceFileLoader
from importlib.util import source_from_cache
from pathlib import Path
from types import CodeType, MappingProxyType
from typing import Any

VARIABLE = "TYPED_EINSUM_OVERLAY"
"""The variable of the environment that holds the path."""


Passed = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""What parameters that are no tensors get in every call, by the real path of a file and by function."""


class Overlay:
    """The texts of some files, by their real paths, and what their functions are `passed` in every call."""

    def __init__(self, texts: Mapping[str, str], passed: Passed = MappingProxyType({})) -> None:
        self.texts = {os.path.realpath(file): text for file, text in texts.items()}
        self.passed = passed

    def install(self) -> None:
        """From now on, loaders of source read these texts, and neither read nor leave compiled code."""
        loader: Any = SourceFileLoader
        get_data, set_data = loader.get_data, loader.set_data

        def read(self: Any, path: str) -> Any:
            text = overlay.text_of(path)
            if text is not None:
                return text.encode()
            if _is_compiled(path) and overlay.text_of(_source(path)) is not None:
                raise OSError(path)
            return get_data(self, path)

        def write(self: Any, path: str, data: Any, **options: Any) -> None:
            if overlay.text_of(_source(path)) is None:
                set_data(self, path, data, **options)

        overlay = self
        loader.get_data, loader.set_data = read, write
        for file, text in self.texts.items():  # what reads source finds these, and no time of a file
            linecache.cache[file] = (len(text), None, io.StringIO(text, newline=None).readlines(), file)

    def text_of(self, path: str) -> str | None:
        """The text of a file, if it has another one here."""
        return self.texts.get(os.path.realpath(path)) if path.endswith(".py") else None

    def compiled(self, source: bytes, file: str) -> CodeType:
        """The code of a file that is run as a program."""
        text = self.text_of(file)
        code: CodeType = compile(source if text is None else text, file, "exec", dont_inherit=True)
        return code


def _is_compiled(path: str) -> bool:
    return path.endswith(".pyc")


def _source(path: str) -> str:
    try:
        return source_from_cache(path)
    except ValueError:  # no name of compiled code
        return path


def told(texts: Mapping[str, str], passed: Passed = MappingProxyType({})) -> str:
    """An overlay as it lies in its file."""
    return json.dumps({"texts": dict(texts), "passed": dict(passed)})


_installed: list[Overlay] = []


def install_from_environment() -> Overlay:
    """The overlay that the environment asks for, installed once in a process; an empty one without it."""
    if not _installed:
        path = os.environ.get(VARIABLE)
        told = json.loads(Path(path).read_text(encoding="utf-8")) if path else {"texts": {}, "passed": {}}
        overlay = Overlay(told["texts"], told["passed"])
        _installed.append(overlay)
        if overlay.texts:
            overlay.install()
    return _installed[0]


def passed_to(code: CodeType) -> Mapping[str, Any]:
    """What a function's parameters that are no tensors get in every call, as far as an overlay says so."""
    of_file = install_from_environment().passed.get(os.path.realpath(code.co_filename), {})
    return of_file.get(code.co_qualname.replace("<locals>.", ""), {})
