"""Functions whose annotations name things that are defined later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from typed_einsum.decorate.definition import Definition
from typed_einsum.decorate.functions import dressed


def deferred(function: Callable[..., Any], make: Callable[[], Callable[..., Any]]) -> Any:
    """A function that `make` makes at the first call; until then its annotations are not read."""
    ready: list[Callable[..., Any]] = []

    def resolve() -> Callable[..., Any]:
        if not ready:
            made = make()
            late.__dict__.update({**made.__dict__, "__wrapped__": function})
            ready.append(made)
        return ready[0]

    def late(*args: Any, **kwargs: Any) -> Any:
        return resolve()(*args, **kwargs)

    return dressed(late, function, Definition(resolve))
