"""Every kind of place in which a function with shape annotations stands."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, overload

import torch
from jaxtyping import Float
from torch import Tensor, nn

Row = Float[Tensor, "b c"]


def unannotated(x):
    return x


def alias(x: Row) -> Row:
    return x


def only_result() -> Float[Tensor, "3"]:
    return torch.zeros(3)


@functools.lru_cache
def cached(n: int) -> Float[Tensor, "n"]:
    return torch.zeros(n)


def logged(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


@logged
def wrapped(x: Float[Tensor, "b c"]) -> Float[Tensor, "c b"]:
    return x.T


def outer():
    def inner(x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
        return x

    return inner


class Source(Protocol):
    def rows(self, x: Row) -> Row: ...


class Base(ABC):
    @abstractmethod
    def rows(self, x: Row) -> Row: ...

    def twice(self, x: Row) -> Row:
        return 2 * self.rows(x)


class Derived(Base):
    def rows(self, x: Row) -> Row:
        return x

    class Inner:
        def half(self, x: Row) -> Row:
            return x / 2


@dataclass
class Batch:
    x: Float[Tensor, "b c"]

    def total(self) -> Float[Tensor, "b"]:
        return self.x.sum(1)

    @functools.cached_property
    def turned(self) -> Float[Tensor, "c b"]:
        return self.x.T


class Module(nn.Module):
    def __init__(self, weight: Float[Tensor, "a b"]) -> None:
        super().__init__()
        self.kept = weight

    def unfinished(self, x: Row) -> Row:
        """Nothing yet."""
        raise NotImplementedError

    @staticmethod
    def static(x: Row) -> Row:
        return x

    @classmethod
    def of_class(cls, x: Row) -> Row:
        return x

    @property
    def weight(self) -> Float[Tensor, "a b"]:
        return self.kept

    async def waits(self, x: Row) -> Row:
        return x

    @contextmanager
    def held(self, x: Row):
        yield x


@overload
def either(x: Row) -> Row: ...
@overload
def either(x: int) -> int: ...
def either(x):
    return x


if TYPE_CHECKING:

    def never(x: Row) -> Row: ...


def replaced(x: Row) -> Row:
    return x


replaced = 3
