"""What was compiled from the texts of a call, kept for the next call and for traces.

While Dynamo traces, a new text must be compiled outside the trace. The result is a function, and Dynamo can
only trace a function that it can look up: so the function becomes an attribute of `traced`, and the traced
code gets the name of the attribute, a constant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from torch.compiler import is_dynamo_compiling

from typed_einsum.tracing import constant_while_tracing

T = TypeVar("T")

MOST_KEPT = 4096
"""Values that a cache keeps; beyond that the oldest is dropped."""


class Traced:
    """Holds what was compiled while tracing, one attribute each. These are never dropped: graphs use them."""


traced = Traced()


class Cache(Generic[T]):
    """Values that `make` makes from texts, each once."""

    def __init__(self, make: Callable[..., T]) -> None:
        self._make = make
        self._names: dict[Any, str] = {}
        self.kept: dict[Any, T] = {}
        # No method: Dynamo knows the mark of a constant on a function.
        self._name_while_tracing = constant_while_tracing(self._kept_for_traces)

    def find(self, *key: Any) -> T:
        """The value of a key, made if it is new. Raises what `make` raises."""
        if is_dynamo_compiling():
            value: T = getattr(traced, self._name_while_tracing(*key))
            return value
        try:
            return self.kept[key]
        except (KeyError, TypeError):  # a key without a hash is not a text: `make` refuses it
            return self._made(key)

    def _made(self, key: tuple[Any, ...]) -> T:
        made = self.kept[key] = self._make(*key)
        if len(self.kept) > MOST_KEPT:
            del self.kept[next(iter(self.kept))]
        return made

    def _kept_for_traces(self, *key: Any) -> str:
        if key not in self._names:
            name = f"value_{len(vars(traced))}"
            setattr(traced, name, self._make(*key))
            self._names[key] = name
        return self._names[key]
