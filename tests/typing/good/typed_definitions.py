"""A typed einsum keeps the types of its parameters and of its result."""

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar, assert_type

import torch
from jaxtyping import Float, Int
from torch import Tensor

from typed_einsum import typed_einsum

P = ParamSpec("P")
T = TypeVar("T")


@typed_einsum
def scores(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]: ...


@typed_einsum("bqd,bkd->bqk")
def letters(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]: ...


@typed_einsum(max="n")
def best(embed: Float[Tensor, "b c"], guide: Float[Tensor, "b n c"]) -> Float[Tensor, "b"]: ...


@typed_einsum("bnc->b", sum="n c")
def total(x: Int[Tensor, "b n c"]) -> Int[Tensor, "b"]: ...


@typed_einsum()
def product(x: Float[Tensor, "b c"], /, *, weight: Float[Tensor, "c d"]) -> Float[Tensor, "b d"]: ...


def results(query: Tensor, key: Tensor) -> None:
    assert_type(scores(query, key), Tensor)
    assert_type(scores(query, key=key), Tensor)
    assert_type(scores(key=key, query=query), Tensor)
    assert_type(letters(query, key), Tensor)
    assert_type(best(query, guide=key), Tensor)
    assert_type(total(query), Tensor)
    assert_type(product(query, weight=key), Tensor)


def subclasses_are_tensors(query: torch.nn.Parameter) -> Tensor:
    return scores(query, query.detach()).softmax(-1)


def attributes() -> None:
    assert_type(scores.equation, str)
    assert_type(scores.source, str)
    assert_type(scores.__name__, str)
    assert_type(letters.equation, str)


def is_a_function_for_others(names: list[str]) -> None:
    pair: Callable[[Tensor, Tensor], Tensor] = scores
    one: Callable[[Tensor], Tensor] = total
    anything: Callable[..., Any] = product
    names += [type(each).__name__ for each in (pair, one, anything)]


def timed(function: Callable[P, T]) -> Callable[P, tuple[T, float]]:
    def inner(*args: P.args, **kwargs: P.kwargs) -> tuple[T, float]:
        return function(*args, **kwargs), 0.0

    return inner


def given_query(function: Callable[Concatenate[Tensor, P], T], query: Tensor) -> Callable[P, T]:
    def inner(*args: P.args, **kwargs: P.kwargs) -> T:
        return function(query, *args, **kwargs)

    return inner


def other_decorators_see_the_parameters(query: Tensor, key: Tensor) -> None:
    assert_type(timed(scores)(query, key=key), tuple[Tensor, float])
    assert_type(given_query(scores, query)(key), Tensor)
