"""A typed einsum as type checkers see it: a function with its equation, that binds as a method does.

Nothing here runs: a decorated function is an ordinary function with attributes, which no type expression
can say. `tests/typing` holds these declarations to what mypy, pyright, Pyrefly and ty make of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

P = ParamSpec("P")
Q = ParamSpec("Q")
R_co = TypeVar("R_co", covariant=True)
Owner = TypeVar("Owner")


# A class and no protocol: pyright does not bind the methods of a protocol by their `self`.
class TypedEinsum(ABC, Generic[P, R_co]):
    """A typed einsum as type checkers see it: a function with its equation and its generated source."""

    equation: str
    source: str
    __name__: str
    __wrapped__: Callable[..., Any]

    @abstractmethod
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...

    @overload
    def __get__(self, instance: None, owner: type, /) -> TypedEinsum[P, R_co]: ...
    # `self` as a mere callable: Pyrefly and mypy do not take a parameter off the class itself.
    @overload
    def __get__(
        self: Callable[Concatenate[Owner, Q], R_co], instance: Owner, owner: type | None = None, /
    ) -> Callable[Q, R_co]: ...
    # In a static method the first parameter is an operand and not the object: nothing is bound.
    @overload
    def __get__(self, instance: object, owner: type | None = None, /) -> TypedEinsum[P, R_co]: ...
    @abstractmethod
    def __get__(self, instance: Any, owner: Any = None, /) -> Any: ...


class ClassEinsum(Protocol[P, R_co]):
    """A typed einsum below `@classmethod`: its first parameter is the class, and always bound."""

    equation: str
    source: str
    __name__: str
    __wrapped__: Callable[..., Any]

    def __call__(self, cls: type[Any], /, *args: P.args, **kwargs: P.kwargs) -> R_co: ...

    def __get__(self, instance: object, owner: type | None = None, /) -> TypedEinsum[P, R_co]: ...


class Decorator(Protocol):
    """`typed_einsum` with an equation or options, before it is given its function."""

    @overload
    def __call__(  # pyright: ignore[reportOverlappingOverload]
        self, function: Callable[Concatenate[type[Owner], P], R_co], /
    ) -> ClassEinsum[P, R_co]: ...
    @overload
    def __call__(self, function: Callable[P, R_co], /) -> TypedEinsum[P, R_co]: ...
