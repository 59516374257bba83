"""Compiled equations under torch.compile.

While Dynamo traces, an equation that it meets for the first time must be compiled outside the trace. What
comes out is a function, which Dynamo can only follow if it can also find it again: so it becomes an
attribute of `traced`, and the traced code receives the attribute's name, a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def constant_while_tracing(function: F) -> F:
    """Let Dynamo call a function while it traces, and take what it returns as a constant.

    `torch.compiler.assume_constant_result` sets the same mark, but imports Dynamo, which takes a second.
    """
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function


class Traced:
    """Holds what was compiled while tracing, one attribute each."""


traced = Traced()

_names: dict[Hashable, str] = {}


def keep_for_tracing(key: Hashable, make: Callable[[], Any]) -> str:
    """The name of the attribute of `traced` for a key; its value is made the first time."""
    if key not in _names:
        name = f"compiled_{len(_names)}"
        setattr(traced, name, make())
        _names[key] = name
    return _names[key]
