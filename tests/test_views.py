"""`rearrange` and `repeat`: einops' numbers, on the names of the call around them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import einops
import pytest
import torch
from jaxtyping import Float
from torch import Tensor, nn

from typed_einsum import (
    checks_off,
    einsum,
    errors,
    rearrange,
    repeat,
    scope,
    shape_checked,
    shaped,
)
from typed_einsum.testing import check_contract

X = torch.arange(2 * 3 * 20).reshape(2, 3, 20).float()
HEADS = X.unflatten(2, (4, 5)).transpose(1, 2)

PATTERNS: dict[str, tuple[str, tuple[int, ...], dict[str, int]]] = {
    "heads are split off": ("b t (h d) -> b h t d", (2, 3, 20), {"h": 4}),
    "the inner factor is given": ("b t (h d) -> b h t d", (2, 3, 20), {"d": 4}),
    "both are given": ("b t (h d) -> b h t d", (2, 3, 20), {"h": 4, "d": 5}),
    "heads are merged": ("b h t d -> b t (h d)", (2, 4, 3, 5), {}),
    "pixels become patches": ("b c (i p) (j q) -> b (i j) (p q c)", (2, 3, 8, 15), {"p": 4, "q": 5}),
    "three factors": ("(b i j) c -> b c i j", (24, 5), {"b": 2, "i": 3}),
    "any axes in between": ("b ... c -> c ... b", (2, 3, 4, 5), {}),
    "any axes merged": ("b ... c -> b (c ...)", (2, 3, 4, 5), {}),
    "axes of size 1": ("b 1 c () -> 1 c b", (2, 1, 5, 1), {}),
    "a group of one": ("b (c) -> (c) b", (2, 5), {}),
    "a 1 in a group": ("b (1 c) -> c (b 1)", (2, 5), {}),
    "a scalar": (" -> 1 ()", (), {}),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_the_numbers_are_those_of_einops(name: str) -> None:
    pattern, shape, sizes = PATTERNS[name]
    x = torch.randn(shape)
    assert torch.equal(rearrange(x, pattern, **sizes), einops.rearrange(x, pattern, **sizes))


def test_words_of_the_grammar_that_einops_lacks() -> None:
    x = torch.randn(2, 3, 4, 15)
    merged = einops.rearrange(x, "... t (h d) -> h ... (t d)", h=5)
    assert torch.equal(rearrange(x, "*batch t (h=5 d) -> h *batch (t d)"), merged)
    assert torch.equal(rearrange(x, "a_ b=3 axis class -> class b axis a_"), x.permute(3, 1, 2, 0))


def test_what_was_split_is_merged_again() -> None:
    assert torch.equal(rearrange(HEADS, "b h t d -> b t (h d)"), X)


def test_repeat_says_which_of_two_orders() -> None:
    x = torch.randn(2, 3)
    assert torch.equal(repeat(x, "b g -> b (g r)", r=4), x.repeat_interleave(4, 1))
    assert torch.equal(repeat(x, "b g -> b (r g)", r=4), x.repeat(1, 4))
    assert torch.equal(repeat(x, "b g -> r=4 b g"), x.expand(4, 2, 3))


# The names of the call around.


@shape_checked
def split_as(query: Float[Tensor, "b h t d"], x: Float[Tensor, "b t c"]) -> Float[Tensor, "b h t d"]:
    return rearrange(x, "b t (h d) -> b h t d")


@shape_checked
def split_by(x: Float[Tensor, "b t c"], h: int = 4) -> Float[Tensor, "b h t d"]:
    return rearrange(x, "b t (h d) -> b h t d")


class Heads(nn.Module):
    def __init__(self, heads: int) -> None:
        super().__init__()
        self.axis_sizes = {"h": heads}

    @shape_checked
    def forward(self, x: Float[Tensor, "b t c"]) -> Float[Tensor, "b h t d"]:
        return rearrange(x, "b t (h d) -> b h t d")


@shape_checked
async def split_later(x: Float[Tensor, "b t c"], h: int) -> Float[Tensor, "b h t d"]:
    await asyncio.sleep(0)
    return rearrange(x, "b t (h d) -> b h t d")


@shape_checked
def grouped(
    keys: Float[Tensor, "b g s"], query: Float[Tensor, "b g*r s"], r: int
) -> Float[Tensor, "b g*r s"]:
    return query * repeat(keys, "b g s -> b (g r) s")


KNOWN: dict[str, Callable[[Tensor], Tensor]] = {
    "from the annotation of another argument": lambda x: split_as(HEADS, x),
    "from an argument that is an integer": lambda x: split_by(x, 4),
    "from its default": lambda x: split_by(x),
    "from axis_sizes": Heads(4),
    "in a coroutine": lambda x: asyncio.run(split_later(x, h=4)),
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_name_is_known(name: str) -> None:
    assert torch.equal(KNOWN[name](X), HEADS)


@pytest.mark.parametrize("name", KNOWN)
def test_a_name_is_known_while_checks_are_off(name: str) -> None:
    with checks_off():
        assert torch.equal(KNOWN[name](X), HEADS)


def test_a_new_axis_has_a_known_size() -> None:
    keys, query = torch.randn(2, 3, 5), torch.randn(2, 12, 5)
    assert torch.equal(grouped(keys, query, 4), query * keys.repeat_interleave(4, 1))


def test_what_a_view_binds_is_known_after_it() -> None:
    @shape_checked
    def attended(x: Float[Tensor, "b t c"], h: int) -> Float[Tensor, "b t c"]:
        heads = rearrange(x, "b t (h d) -> b h t d")
        weights = einsum("b h q d, b h t d -> b h q t", heads, heads)
        shaped(weights, "b h t t")
        return rearrange(einsum("b h q t, b h t d -> b h q d", weights, heads), "b h t d -> b t (h d)")

    assert attended(X, 4).shape == (2, 3, 20)
    with pytest.raises(errors.ShapeError, match="`d` has no size here, and 20 is not a multiple of 3"):
        attended(X, 3)


def test_a_view_that_fails_binds_nothing() -> None:
    @shape_checked
    def tried(x: Float[Tensor, "b t c"]) -> Float[Tensor, "b h t d"]:
        with pytest.raises(errors.ShapeError):
            rearrange(x, "b t (h d) -> b h t d", h=6)
        return rearrange(x, "b t (h d) -> b h t d", h=4)

    assert torch.equal(tried(X), HEADS)


def test_names_are_those_of_the_block() -> None:
    for heads in (4, 5):
        with scope():
            shaped(rearrange(X, "b t (h d) -> b h t d", h=heads), "b h t d")
            with pytest.raises(
                errors.ShapeError, match=rf"axis `h` is {heads} in rearrange .* but 10 in `h=10`"
            ):
                rearrange(X, "b t (h d) -> b h t d", h=10)


def test_a_size_of_another_kind_of_integer_is_no_argument() -> None:
    @shape_checked
    def split(x: Float[Tensor, "b t c"], h: bool) -> Tensor:
        return rearrange(x, "b t (h d) -> b h t d")

    with pytest.raises(errors.ShapeError, match="`h` has no size here"):
        split(X, True)


OFF = """
import torch
from jaxtyping import Float
from torch import Tensor
from typed_einsum import rearrange as view, shape_checked

@shape_checked
def split(x: Float[Tensor, "b t c"], h: int) -> Float[Tensor, "b h t d"]:
    return view(x, "b t (h d) -> b h t d")

@shape_checked
def doubled(x: Float[Tensor, "b t c"]) -> Float[Tensor, "b t c"]:
    return 2 * x

print(split(torch.ones(2, 3, 20), 4).shape, hasattr(doubled, "source"))
"""


@pytest.mark.thorough
def test_names_are_known_where_checks_are_off_for_good() -> None:
    report = subprocess.run(
        [sys.executable, "-c", OFF],
        env={**os.environ, "TYPED_EINSUM_CHECKS": "off"},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert report.stdout == "torch.Size([2, 4, 3, 5]) False\n"


def test_with_checks_off_arguments_that_are_wrong_are_left_to_einops() -> None:
    with checks_off(), pytest.raises(einops.EinopsError):
        split_as(HEADS[:, :, :2], X)


# Under transformations; the whole table is in tests/transformations.


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("name", ["from the annotation of another argument", "from axis_sizes"])
def test_compiled_it_is_one_graph(name: str, dynamic: bool) -> None:
    compiled: Any = torch.compile(KNOWN[name], fullgraph=True, backend="eager", dynamic=dynamic)
    assert torch.equal(compiled(X), HEADS)


def test_sizes_of_a_trace_are_passed_on() -> None:
    def split(x: Tensor, like: Tensor) -> Tensor:
        return rearrange(x, "b t (h d) -> b h t d", h=like.shape[0])

    compiled: Any = torch.compile(split, fullgraph=True, backend="eager", dynamic=True)
    for heads in (4, 5, 10):
        assert torch.equal(
            compiled(X, torch.ones(heads)), einops.rearrange(X, "b t (h d) -> b h t d", h=heads)
        )


def test_a_wrong_size_in_a_trace_is_refused() -> None:
    torch._dynamo.reset()
    compiled: Any = torch.compile(split_as, backend="eager")
    with pytest.raises(errors.ShapeError) as caught:
        compiled(HEADS, torch.ones(2, 3, 24))
    assert caught.value.code == "TE205"


# What the checker knows of views.


def test_a_contract_says_what_must_divide() -> None:
    def four_heads(x: Float[Tensor, "b t c"]) -> Float[Tensor, "b h t d"]:
        return rearrange(x, "b t (h d) -> b h t d", h=4)

    report = check_contract(four_heads)
    assert report.ok
    assert "ok for all sizes with c % 4 == 0" in str(report)


def test_a_contract_finds_a_name_that_disagrees() -> None:
    def turned(x: Float[Tensor, "b t c"]) -> Float[Tensor, "b t c"]:
        return rearrange(x, "b t c -> b c t")

    (finding,) = check_contract(turned).findings
    assert finding.code == "TE201"
    assert "axis `t` is 13 in `x` but 17 in the result" in finding.message
