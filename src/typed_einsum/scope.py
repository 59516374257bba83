"""The axis names of the checked function that is running, shared by `einsum` and `shaped` inside it.

A scope is a plain tuple, since one is made on every checked call. Each thread has its own stack of them;
a nested checked call pushes its own, so its names are its own.
"""

from __future__ import annotations

import threading
import types
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from typed_einsum.messages import AXIS_SIZES, Locate
from typed_einsum.solver import Bindings, Origin

Names = dict[str, Any]
"""Sizes by name; under `*name` the list of sizes, under `*#name` the same where size 1 may still grow."""


class Source(Protocol):
    """What can say where it bound a name: a signature, an inline equation, a `shaped` text."""

    def origin_of(self, name: str) -> Origin | None:
        """The origin of a name that this source binds."""


class Signature(Source, Protocol):
    """What a scope needs to know of the checked function that runs in it."""

    locate: Locate

    def named(self, arguments: tuple[Any, ...]) -> dict[str, Any]:
        """The arguments of a call under the names of their parameters."""

    def sizes_of_owner(self, arguments: tuple[Any, ...]) -> Mapping[str, int]:
        """The names that the object of a method knows by itself."""


class Scope(NamedTuple):
    """One running call. Generated code builds it as a bare tuple in this order."""

    names: Names
    signature: Signature
    arguments: tuple[Any, ...]
    later: list[Source]


class _Stacks(threading.local):
    def __init__(self) -> None:
        self.stack: list[tuple[Any, ...]] = []


scopes = _Stacks()


@contextmanager
def running(scope: tuple[Any, ...]) -> Iterator[None]:
    """The scope is the innermost one for the length of a block."""
    stack = scopes.stack
    stack.append(scope)
    try:
        yield
    finally:
        stack.pop()


@types.coroutine
def running_async(scope: tuple[Any, ...], coroutine: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Await a coroutine so that the scope is the innermost one whenever it runs, and only then."""
    resume: Callable[[Any], Any] = coroutine.send
    value: Any = None
    while True:
        try:
            with running(scope):
                awaited = resume(value)
        except StopIteration as stop:
            return stop.value
        try:
            value = yield awaited
            resume = coroutine.send
        except BaseException as error:
            value, resume = error, coroutine.throw


def current() -> Scope | None:
    """The scope of the innermost checked function that is running in this thread."""
    stack = scopes.stack
    return Scope(*stack[-1]) if stack else None


def names_of(bindings: Bindings) -> Names:
    """Bindings as the names of a scope."""
    names: Names = dict(bindings.sizes)
    for name, (broadcast, shape) in bindings.variadics.items():
        names[f"*#{name[1:]}" if broadcast else name] = list(shape)
    return names


def bindings_of(scope: Scope) -> Bindings:
    """The names of a scope as bindings, each with its origin."""
    bindings = Bindings(arguments=scope.signature.named(scope.arguments))
    for name, value in scope.names.items():
        if name.startswith("*"):
            plain = name.replace("#", "")
            bindings.variadics[plain] = ("#" in name, tuple(value))
        else:
            plain, bindings.sizes[name] = name, value
        origin = _origin(scope, plain)
        if origin is not None:
            bindings.origins[plain] = origin
    return bindings


def forget_strangers(scope: Scope) -> None:
    """Drop names that nobody vouches for: what a failed check bound before it failed."""
    for name in list(scope.names):
        if _origin(scope, name.replace("#", "")) is None:
            del scope.names[name]


def rebind(scope: Scope, bindings: Bindings, source: Source) -> None:
    """Write names back to a scope; `source` answers for the new ones."""
    scope.names.clear()
    scope.names.update(names_of(bindings))
    scope.later.append(source)


def _origin(scope: Scope, name: str) -> Origin | None:
    for source in (scope.signature, *scope.later):
        origin = source.origin_of(name)
        if origin is not None:
            return origin
    if name in scope.signature.sizes_of_owner(scope.arguments):
        return Origin(AXIS_SIZES)
    return None
