"""Rewritten code, kept in `__pycache__` beside Python's own: what has not changed is not rewritten again."""

from __future__ import annotations

import marshal
import os
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path
from types import CodeType

KIND = "typedeinsum"
"""What Python puts into the name of the file: `model.cpython-311.opt-typedeinsum.pyc`."""


@dataclass(frozen=True)
class Rewritten:
    """The code of a module, and the functions that were left alone: line, name and reason."""

    code: CodeType
    left_alone: Sequence[tuple[int, str, str]]


def kept(file: str, source: bytes) -> Rewritten | None:
    """What an earlier run has made of a source; None where there is nothing, or the source has changed."""
    try:
        data = Path(_place(file)).read_bytes()
        head = _head(file, source)
        return Rewritten(*marshal.loads(data[len(head) :])) if data.startswith(head) else None
    except (OSError, ValueError, EOFError, TypeError, NotImplementedError):
        return None


def keep(file: str, source: bytes, rewritten: Rewritten) -> None:
    """Write down what was made of a source, where Python writes down what it compiles."""
    if sys.dont_write_bytecode:
        return
    try:
        place = Path(_place(file))
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_name(f"{place.name}.{os.getpid()}-{secrets.token_hex(4)}")
        draft.write_bytes(_head(file, source) + marshal.dumps((rewritten.code, tuple(rewritten.left_alone))))
        os.replace(draft, place)  # so that no other process ever reads half a file
    except (OSError, ValueError, NotImplementedError):  # as where the folder is not to be written to
        pass


def _place(file: str) -> str:
    return cache_from_source(file, optimization=KIND)


def _head(file: str, source: bytes) -> bytes:
    """What the file begins with: it holds for a source at its place, a Python and a way of rewriting."""
    return MAGIC_NUMBER + sha256(b"\0".join((_way(), os.fsencode(file), source))).digest()


@lru_cache(maxsize=1)
def _way() -> bytes:
    """A digest of the code that rewrites."""
    return sha256(Path(__file__).with_name("rewriting.py").read_bytes()).digest()
