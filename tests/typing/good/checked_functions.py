"""`shape_checked` gives back the very type that it was given."""

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import ParamSpec, TypeVar, assert_type, overload

from jaxtyping import Bool, Float
from torch import Tensor, nn

from typed_einsum import shape_checked

P = ParamSpec("P")
T = TypeVar("T")


@shape_checked
def project(
    x: Float[Tensor, "b c"], weight: Float[Tensor, "c d"], *more: int, scale: float = 1.0, **names: str
) -> Float[Tensor, "b d"]:
    return x @ weight * scale


@shape_checked
def several(
    x: Float[Tensor, "b c"], mask: Bool[Tensor, "b"] | None = None
) -> tuple[Float[Tensor, "b c"], dict[str, Float[Tensor, "b"]], int]:
    return x, {"sum": x.sum(1)}, x.numel()


@shape_checked
async def fetched(x: Float[Tensor, "b c"], times: int = 2) -> Float[Tensor, "b c"]:
    return x * times


@shape_checked
def rows(x: Float[Tensor, "b c"]) -> Iterator[Float[Tensor, "c"]]:
    yield from x


@shape_checked
async def arriving(x: Float[Tensor, "b c"]) -> AsyncIterator[Float[Tensor, "c"]]:
    for row in x:
        yield row


@contextmanager
@shape_checked
def opened(x: Float[Tensor, "b c"]) -> Generator[Float[Tensor, "b c"], None, None]:
    yield x


@shape_checked
def same(x: T, times: int) -> list[T]:
    return [x] * times


@overload
def flipped(x: Float[Tensor, "b c"]) -> Float[Tensor, "c b"]: ...
@overload
def flipped(x: list[int]) -> list[int]: ...
@shape_checked
def flipped(x: Tensor | list[int]) -> Tensor | list[int]:
    return x.mT if isinstance(x, Tensor) else x[::-1]


@shape_checked
def applied(
    function: Callable[P, Float[Tensor, "b c"]], *args: P.args, **kwargs: P.kwargs
) -> Float[Tensor, "b c"]:
    return function(*args, **kwargs)


@dataclass(frozen=True)
class Head:
    weight: Float[Tensor, "c d"]

    @shape_checked
    def __call__(self, x: Float[Tensor, "b c"]) -> Float[Tensor, "b d"]:
        return x @ self.weight

    @classmethod
    @shape_checked
    def of(cls, weight: Float[Tensor, "c d"]) -> "Head":
        return cls(weight)

    @staticmethod
    @shape_checked
    def halved(x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
        return x / 2

    @shape_checked
    @staticmethod
    def doubled(x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
        return x * 2

    @shape_checked
    @classmethod
    def renamed(cls, weight: Float[Tensor, "c d"]) -> "Head":
        return cls(weight)

    @property
    @shape_checked
    def flat(self) -> Float[Tensor, "e"]:
        return self.weight.flatten()

    @cached_property
    @shape_checked
    def transposed(self) -> Float[Tensor, "d c"]:
        return self.weight.mT


class Layer(nn.Module):
    @shape_checked
    def forward(self, x: Float[Tensor, "b c"], *, scale: float = 1.0) -> Float[Tensor, "b c"]:
        return x * scale


def functions(x: Tensor) -> None:
    assert_type(project(x, weight=x, scale=2.0), Tensor)
    assert_type(project(x, x, 1, 2, unit="cm"), Tensor)
    assert_type(several(x), tuple[Tensor, dict[str, Tensor], int])
    assert_type(several(x, mask=None)[2], int)
    assert_type(same("a", times=2), list[str])
    assert_type(flipped(x), Tensor)
    assert_type(flipped([1, 2]), list[int])
    assert_type(applied(project, x, x, scale=2.0), Tensor)
    awaitable: Callable[[Tensor], Awaitable[Tensor]] = fetched
    waiting: list[Callable[[Tensor], Awaitable[Tensor]]] = [awaitable]
    assert_type(len(waiting), int)


def generators(x: Tensor) -> None:
    assert_type(rows(x), Iterator[Tensor])
    for row in rows(x):
        assert_type(row, Tensor)
    with opened(x) as value:
        assert_type(value, Tensor)


async def asynchronous(x: Tensor) -> None:
    assert_type(await fetched(x, times=3), Tensor)
    async for row in arriving(x):
        assert_type(row, Tensor)


def classes(x: Tensor, head: Head, layer: Layer) -> None:
    assert_type(Head(x), Head)
    assert_type(head(x), Tensor)
    assert_type(Head.of(weight=x), Head)
    assert_type(Head.halved(x), Tensor)
    assert_type(head.doubled(x), Tensor)
    assert_type(Head.renamed(x), Head)
    assert_type(head.flat, Tensor)
    assert_type(head.transposed, Tensor)
    assert_type(layer.forward(x, scale=2.0), Tensor)
