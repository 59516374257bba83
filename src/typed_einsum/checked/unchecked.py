"""Checked functions while checks are off: the views in their bodies still need the sizes of names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import CodeType, ModuleType
from typing import Any

from typed_einsum.scopes.body import code_of

HOME = "typed_einsum"
VIEWS = frozenset({"rearrange", "repeat"})


def uses_views(function: Callable[..., Any]) -> bool:
    """Whether the body names a view of this library, by itself or by the package, or imports the package."""
    names = {name for code in code_of(function) for name in _names_in(code)}
    outer = {name for code in code_of(function) for name in code.co_freevars}
    if HOME in names or not VIEWS.isdisjoint(outer):
        return True
    known = getattr(function, "__globals__", {})
    values = [known[name] for name in names if name in known]
    if not VIEWS.isdisjoint(names) and any(isinstance(v, ModuleType) and v.__name__ == HOME for v in values):
        return True
    return any(getattr(value, "__module__", None) == "typed_einsum.operations.views" for value in values)


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)
