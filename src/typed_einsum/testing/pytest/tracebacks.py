"""For the pytest plugin: tracebacks that end at the reader's own line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import typed_einsum
from typed_einsum.errors import TypedEinsumError

HIDE = "__tracebackhide__"
"""The global by which pytest leaves the frames of a module out of a traceback."""

LIBRARY = (os.path.join(str(Path(typed_einsum.__file__).parent), ""), "<typed_einsum")
"""How the path of a frame of this library begins, and of one that it has generated."""

MODULE_CALLS = os.path.join("torch", "nn", "modules", "module.py")
"""How the path of a frame between the call of a module and its `forward` ends."""


@contextmanager
def library_hidden(raised: pytest.ExceptionInfo[BaseException]) -> Iterator[None]:
    """For the length of a block, pytest shows no frames of the library, unless it is asked for all."""
    hidden = list(_hidden_globals(raised))
    for names in hidden:
        names[HIDE] = True
    try:
        yield
    finally:
        for names in hidden:
            del names[HIDE]


def _hidden_globals(raised: pytest.ExceptionInfo[BaseException]) -> Iterator[dict[str, Any]]:
    """The globals of the frames that do not concern the reader, each once.

    There are none where the library raises another exception than its own: that is a defect of it.
    """
    refused = isinstance(raised.value, TypedEinsumError)
    if not refused and str(raised.traceback[-1].path).startswith(LIBRARY):
        return
    seen = set()
    for entry in raised.traceback:
        path, names = str(entry.path), entry.frame.f_globals
        is_hidden = path.startswith(LIBRARY) or (refused and path.endswith(MODULE_CALLS))
        if is_hidden and HIDE not in names and id(names) not in seen:
            seen.add(id(names))
            yield names
