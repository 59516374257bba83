"""Modules that another import hook loads, as those of jaxtyping and beartype do: rewritten before it."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from types import CodeType
from typing import Any, SupportsIndex


class First(list[Any]):
    """`sys.meta_path` with a finder that stays before those which other hooks put first later."""

    def insert(self, index: SupportsIndex, finder: Any) -> None:
        """Put a finder behind the first one, or where it is wanted."""
        super().insert(index if int(index) < 0 else max(int(index), 1), finder)


Rewrite = Callable[[ast.AST, bytes], None]
"""Rewrites the tree of a module in place; the bytes are its source."""


def rewrite_before(loader: SourceFileLoader, rewrite: Rewrite) -> None:
    """Have the functions of a module rewritten before another hook does with them what it does.

    What the hook keeps as bytecode is neither read, since it may be of a run without us, nor written.
    """
    original = loader.get_code

    def get_code(fullname: str) -> CodeType | None:
        with _rewritten(loader.path, loader.get_data(loader.path), rewrite):
            return original(fullname)

    loader.get_code = get_code  # type: ignore[method-assign]
    loader.path_stats = _unknown  # type: ignore[method-assign]


def _unknown(path: str) -> Any:
    """Python takes bytecode only for a source whose age is known, and keeps none otherwise."""
    raise OSError(f"the age of {path} is not looked at")


@contextmanager
def _rewritten(path: str, data: bytes, rewrite: Rewrite) -> Iterator[None]:
    """Rewrite what is parsed of one file. A hook may call `compile` itself or `ast.parse`: both end there."""
    original = builtins.compile

    def compile(source: Any, filename: Any, mode: str, flags: int = 0, *rest: Any, **named: Any) -> Any:
        if filename != path or mode != "exec" or isinstance(source, ast.AST):
            return original(source, filename, mode, flags, *rest, **named)
        tree = original(source, filename, mode, flags | ast.PyCF_ONLY_AST, *rest, **named)
        rewrite(tree, data)
        if flags & ast.PyCF_ONLY_AST:
            return tree
        return original(tree, filename, mode, flags, *rest, **named)

    builtins.compile = compile
    try:
        yield
    finally:
        builtins.compile = original
