"""Generators: every item is checked against the names of the call, which the body knows whenever it runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterable, Iterator
from typing import Any, NamedTuple

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from typed_einsum import checks_off, errors, shape_checked, shaped


def f32(*sizes: int) -> Tensor:
    return torch.zeros(sizes)


def refused(code: str, function: Callable[..., Any], *arguments: Any) -> str:
    """The message of a call that must be refused with a code."""
    with pytest.raises(errors.TypedEinsumError) as caught:
        function(*arguments)
    assert caught.value.code == code, str(caught.value)
    return str(caught.value)


class Pair(NamedTuple):
    k: Float[Tensor, "b s"]
    v: Float[Tensor, "b s"]


@pytest.mark.parametrize("kind", [Iterator, Iterable, Generator])
def test_each_item_is_checked(kind: Any) -> None:
    def split(x: Tensor, items: list[Tensor]) -> Any:
        yield from items

    item = Float[Tensor, "b c"]
    hint = kind[item, None, None] if kind is Generator else kind[item]
    split.__annotations__ = {"x": Float[Tensor, "b t c"], "items": list, "return": hint}
    checked = shape_checked(split)
    x = f32(2, 7, 3)
    assert len(list(checked(x, [f32(2, 3), f32(2, 3)]))) == 2
    items = checked(x, [f32(2, 3), f32(2, 5), f32(2, 3)])
    assert next(items).shape == (2, 3)
    assert "`c` is 3 in `x` but 5 in the result's item 1" in refused("TE201", next, items)
    assert list(items) == []  # it is closed
    refused("TE407", next, checked(x, [3]))  # type: ignore[list-item]
    refused("TE305", next, checked(x, [f32(2, 3).long()]))
    refused("TE202", checked, f32(2, 3), [])
    with checks_off():
        assert len(list(checked(x, [f32(2, 5)]))) == 1


def test_a_name_that_no_argument_has_may_differ_from_item_to_item() -> None:
    @shape_checked
    def batches(x: Float[Tensor, "n d"], size: int) -> Iterator[Float[Tensor, "b d"]]:
        yield from x.split(size)

    assert [batch.shape[0] for batch in batches(f32(7, 3), 3)] == [3, 3, 1]


def test_items_may_be_records_and_containers() -> None:
    @shape_checked
    def pairs(x: Float[Tensor, "b s"], items: list[Any]) -> Iterator[tuple[Pair, list[Float[Tensor, "b"]]]]:
        yield from items

    right = (Pair(f32(2, 3), f32(2, 3)), [f32(2)])
    wrong = (Pair(f32(2, 3), f32(2, 4)), [f32(2)])
    assert list(pairs(f32(2, 3), [right, right]))
    assert "the result's item 1, item 0, field `v`" in refused(
        "TE201", list, pairs(f32(2, 3), [right, wrong])
    )


def test_the_body_knows_the_names_of_the_call_alone() -> None:
    @shape_checked
    def doubled(x: Float[Tensor, "b c"], local: Tensor) -> Iterator[Float[Tensor, "b"]]:
        for _ in range(2):
            shaped(local, "b")
            yield f32(len(x))

    one, other = doubled(f32(2, 3), f32(2)), doubled(f32(5, 3), f32(5))
    assert [next(each).shape[0] for each in (one, other, one, other)] == [2, 5, 2, 5]
    refused("TE201", next, doubled(f32(2, 3), f32(4)))
    with pytest.raises(errors.ArgumentError, match="TE405"):
        shaped(f32(2), "b")


def test_a_generator_takes_and_returns_as_before() -> None:
    seen: list[Any] = []

    @shape_checked
    def echo(x: Float[Tensor, "b"]) -> Generator[Float[Tensor, "b"], str, int]:
        try:
            seen.append((yield x))
            try:
                yield x
            except KeyError as error:
                seen.append(error.args[0])
            yield x
        finally:
            seen.append("closed")
        return 7

    echoing = echo(f32(2))
    next(echoing)
    assert echoing.send("sent").shape == (2,)
    assert echoing.throw(KeyError("thrown")).shape == (2,)
    with pytest.raises(StopIteration) as stop:
        next(echoing)
    assert stop.value.value == 7
    assert seen == ["sent", "thrown", "closed"]
    closing = echo(f32(2))
    next(closing)
    closing.close()
    assert seen[3:] == ["closed"]


def test_a_generator_may_manage_a_context() -> None:
    @contextlib.contextmanager
    @shape_checked
    def managed(x: Float[Tensor, "b c"], y: Tensor) -> Iterator[Float[Tensor, "b"]]:
        yield y

    with managed(f32(2, 3), f32(2)) as y:
        assert y.shape == (2,)
    refused("TE201", managed(f32(2, 3), f32(4)).__enter__)
    with pytest.raises(KeyError), managed(f32(2, 3), f32(2)):
        raise KeyError


@pytest.mark.parametrize("kind", [AsyncIterator, AsyncGenerator])
def test_async_generators_are_checked(kind: Any) -> None:
    closed = []

    async def split(x: Tensor, items: list[Tensor]) -> Any:
        try:
            for item in items:
                await asyncio.sleep(0)
                shaped(item[:, :1], "b _")
                yield item
        finally:
            closed.append(True)

    item = Float[Tensor, "b c"]
    hint = kind[item, None] if kind is AsyncGenerator else kind[item]
    split.__annotations__ = {"x": Float[Tensor, "b t c"], "items": list, "return": hint}
    checked = shape_checked(split)

    async def count(items: list[Tensor]) -> int:
        return len([each async for each in checked(f32(2, 7, 3), items)])

    assert asyncio.run(count([f32(2, 3), f32(2, 3)])) == 2
    assert "the result's item 1" in refused("TE201", asyncio.run, count([f32(2, 3), f32(2, 5)]))
    refused("TE201", asyncio.run, count([f32(4, 3)]))
    assert closed == [True] * 3


def test_a_product_that_an_item_solves_is_checked() -> None:
    @shape_checked
    def heads(x: Float[Tensor, "b h*d"], h: int) -> Iterator[Float[Tensor, "b h d"]]:
        yield x.unflatten(1, (h, -1))

    assert next(heads(f32(2, 15), 3)).shape == (2, 3, 5)


def test_a_generator_still_compiles() -> None:
    @shape_checked
    def rows(x: Float[Tensor, "b c"]) -> Iterator[Float[Tensor, "c"]]:
        yield from x

    def total(x: Tensor) -> Tensor:
        return torch.stack([row.sum() for row in rows(x)])

    for fullgraph in (False, True):
        torch._dynamo.reset()
        assert torch.compile(total, backend="eager", fullgraph=fullgraph)(f32(2, 3)).shape == (2,)
