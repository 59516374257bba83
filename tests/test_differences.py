"""Where `shape_checked` decides otherwise than jaxtyping and beartype: a table in docs/howto/migrate.md."""

from __future__ import annotations

import abc
import asyncio
import gc
import re
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, no_type_check

import pytest
import torch
from beartype import beartype
from jaxtyping import Float, jaxtyped
from torch import Tensor, nn

from typed_einsum import shape_checked

PAGE = Path(__file__).parents[1] / "docs" / "howto" / "migrate.md"
ROW = re.compile(r"^\| (.+) \| (accepted|refused|by chance) \| (accepted|refused) \| .*\|$", re.MULTILINE)

Decorate = Callable[[Any], Any]


def f32(*sizes: int) -> Tensor:
    return torch.zeros(sizes)


def theirs(function: Any) -> Any:
    return jaxtyped(function, typechecker=beartype)


def expression_before_its_names(decorate: Decorate) -> None:
    @decorate
    def function(x: Float[Tensor, "h*d"], y: Float[Tensor, "h d"]) -> None: ...

    function(f32(15), f32(3, 5))


def product_with_an_unknown_factor(decorate: Decorate) -> None:
    @decorate
    def function(x: Float[Tensor, "h*d"], y: Float[Tensor, "h"]) -> None: ...

    function(f32(15), f32(3))


def union_before_what_decides_it(decorate: Decorate) -> None:
    @decorate
    def function(x: Float[Tensor, "b c"] | Float[Tensor, "c b"], y: Float[Tensor, "b"]) -> None: ...

    function(f32(3, 2), f32(2))


def item_of_a_list(decorate: Decorate) -> None:
    @decorate
    def function(x: Float[Tensor, "b"], levels: list[Float[Tensor, "b"]]) -> None: ...

    function(f32(2), [f32(2), f32(3)])


def item_of_a_generator(decorate: Decorate) -> None:
    @decorate
    def function(x: Float[Tensor, "b"]) -> Iterator[Float[Tensor, "b"]]:
        yield x[:1]

    list(function(f32(3)))


def field_of_a_record(decorate: Decorate) -> None:
    class Pair(NamedTuple):
        k: Any

    Pair.__annotations__ = {"k": Float[Tensor, "b"]}

    def function(x: Any, pair: Any) -> None: ...

    function.__annotations__ = {"x": Float[Tensor, "b"], "pair": Pair}
    decorate(function)(f32(2), Pair(f32(3)))


def field_set_by_hand(decorate: Decorate) -> None:
    @decorate
    @dataclass(init=False)
    class Pair:
        k: Float[Tensor, "b"]
        v: Float[Tensor, "b"]

        def __init__(self, k: Float[Tensor, "b"]) -> None:
            self.k, self.v = k, k[:1]

    Pair(f32(3))


def default_passed_by_hand(decorate: Decorate) -> None:
    @decorate
    @dataclass
    class Pair:
        k: Float[Tensor, "b"]
        v: Float[Tensor, "b"] = None  # type: ignore[assignment]

    Pair(f32(3), None)  # type: ignore[arg-type]


def parameter_of_a_module(decorate: Decorate) -> None:
    class Linear(nn.Module):
        weight: Float[Tensor, "d"]

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(f32(3))

        @decorate
        def forward(self, x: Float[Tensor, "d"]) -> None: ...

    Linear()(f32(2))


def axis_sizes_of_an_object(decorate: Decorate) -> None:
    class Heads:
        def __init__(self) -> None:
            self.axis_sizes = {"h": 3}

        @decorate
        def split(self, x: Float[Tensor, "h"]) -> None: ...

    Heads().split(f32(2))


def awaited_result(decorate: Decorate) -> None:
    @decorate
    async def function(x: Float[Tensor, "b"]) -> Float[Tensor, "b"]:
        return x

    asyncio.run(function(f32(2)))


def argument_that_changes(decorate: Decorate) -> None:
    @decorate
    def function(x: Float[Tensor, "b c"]) -> Float[Tensor, "c b"]:
        return x.t_().clone()

    function(f32(2, 3))


def text_that_does_not_resolve(decorate: Decorate) -> None:
    def function(x: Any) -> None: ...

    function.__annotations__ = {"x": 'Float[Nowhere, "b"]'}
    decorate(function)(f32(2))


def a_lambda(decorate: Decorate) -> None:
    assert decorate(lambda x: x)(3) == 3


DIFFERENCES: dict[str, Callable[[Decorate], None]] = {
    "an expression such as `h*d` stands before the arguments that set its names": expression_before_its_names,
    "one factor of a product is unknown": product_with_an_unknown_factor,
    "a union of tensors stands before the argument that decides it": union_before_what_decides_it,
    "a wrong item in a list, a tuple of any length or a dict": item_of_a_list,
    "a wrong item that a generator yields": item_of_a_generator,
    "a wrong tensor in a field of a dataclass, named tuple or typed dict": field_of_a_record,
    "a field that a hand-written `__init__` sets wrong": field_set_by_hand,
    "the default of a dataclass's field is passed by hand, as `None` for a tensor": default_passed_by_hand,
    "a parameter of a module does not fit its class-level annotation": parameter_of_a_module,
    "a size is not that of the object's `axis_sizes`": axis_sizes_of_an_object,
    "the result of an `async` function": awaited_result,
    "an argument changes its shape in the call": argument_that_changes,
    "a text with a shape does not resolve": text_that_does_not_resolve,
    "a `lambda`": a_lambda,
}


def verdict(difference: Callable[[Decorate], None], decorate: Decorate) -> str:
    try:
        difference(decorate)
    except Exception:  # each of them has its own
        return "refused"
    return "accepted"


def test_the_table_has_every_difference() -> None:
    assert [row[1] for row in ROW.finditer(PAGE.read_text(encoding="utf-8"))] == list(DIFFERENCES)


@pytest.mark.parametrize("case", DIFFERENCES)
def test_a_row_of_the_table_is_true(case: str) -> None:
    rows = {row[1]: row for row in ROW.finditer(PAGE.read_text(encoding="utf-8"))}
    _, wanted, ours = rows[case][1], rows[case][2], rows[case][3]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a coroutine of a refused call is never awaited
        found = {verdict(DIFFERENCES[case], theirs) for _ in range(20 if wanted == "by chance" else 1)}
        gc.collect()
    assert found == ({"accepted", "refused"} if wanted == "by chance" else {wanted})
    assert verdict(DIFFERENCES[case], shape_checked) == ours


# What both do alike around decorators, threads and messages.


@pytest.mark.parametrize("decorate", [theirs, shape_checked])
@pytest.mark.parametrize("order", ["above", "below"])
def test_no_type_check_is_honoured(decorate: Decorate, order: str) -> None:
    def function(x: Float[Tensor, "b"]) -> Float[Tensor, "b"]:
        return x

    @dataclass
    class Pair:
        k: Float[Tensor, "b"]

    for target in (function, Pair):
        both = no_type_check(decorate(target)) if order == "above" else decorate(no_type_check(target))
        assert both("no tensor") is not None


@pytest.mark.parametrize("decorate", [theirs, shape_checked])
def test_abstract_methods_stay_abstract(decorate: Decorate) -> None:
    class Base(abc.ABC):
        @decorate
        @abc.abstractmethod
        def above(self, x: Float[Tensor, "b"]) -> None: ...

        @abc.abstractmethod
        @decorate
        def below(self, x: Float[Tensor, "b"]) -> None: ...

    assert Base.__abstractmethods__ == {"above", "below"}


@pytest.mark.parametrize("decorate", [theirs, shape_checked])
def test_threads_have_names_of_their_own(decorate: Decorate) -> None:
    @decorate
    def added(x: Float[Tensor, "a b"], y: Float[Tensor, "a b"]) -> Float[Tensor, "a b"]:
        return x + y

    def run(size: int) -> int:
        return sum(added(f32(size, 3), f32(size, 3)).shape[0] for _ in range(50))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, range(1, 9))) == [50 * size for size in range(1, 9)]
