"""From generated source to a function whose source tracebacks can show."""

from __future__ import annotations

import keyword
import linecache
import weakref
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

_serial = count(1)
_free: list[tuple[int, str]] = []
"""Numbers whose functions are gone, with the file names that they had."""

GENERATED = "__typed_einsum__"
"""Marks the globals of generated functions. They have no `__name__`: torch.compile would import it."""


def definable(name: str, otherwise: str) -> str:
    """A name that a `def` may have: the user's, if it is an identifier; that of a lambda is not."""
    return name if name.isidentifier() and not keyword.iskeyword(name) else otherwise


def build(name: str, lines: Sequence[str], namespace: dict[str, Any]) -> tuple[Callable[..., Any], str]:
    """Compile the source of one function.

    Its text lives in `linecache` as long as the function does, and then until its number is used again: a
    function may end while `linecache`, which a traceback calls, goes through all texts that it has.
    """
    source = "\n".join(lines) + "\n"
    number = _free_number()
    filename = f"<typed_einsum {name} #{number}>"
    namespace[GENERATED] = True
    made: dict[str, Callable[..., Any]] = {}  # apart, since the name may be one of the namespace's
    exec(compile(source, filename, "exec"), namespace, made)
    (function,) = made.values()
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    weakref.finalize(function, _forget, filename, number)
    return function, source


def _free_number() -> int:
    """A number that no living source has. CPython keeps the file name of each compiled code for ever, so
    names are used again."""
    try:
        number, filename = _free.pop()
    except IndexError:
        return next(_serial)
    linecache.cache.pop(filename, None)
    return number


def _forget(filename: str, number: int) -> None:
    _free.append((number, filename))
