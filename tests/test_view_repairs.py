"""A reshape that mixes axes is found with the named view that was meant, and that view is right."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from typed_einsum import rearrange
from typed_einsum.testing import check_contract

WRITTEN = re.compile(r'write rearrange\(tensor, "(?P<pattern>[^"]*)"(?P<sizes>[^)]*)\)')


def merged(x: Float[Tensor, "b h t d"]) -> Float[Tensor, "b t h*d"]:
    b, h, t, d = x.shape
    return x.reshape(b, t, h * d)


def split(x: Float[Tensor, "b t h*d"], h: int) -> Float[Tensor, "b h t d"]:
    return x.reshape(x.shape[0], h, x.shape[1], -1)


def turned(x: Float[Tensor, "b t c"]) -> Float[Tensor, "b c t"]:
    return x.reshape(x.shape[0], x.shape[2], x.shape[1])


def tokens(image: Float[Tensor, "b h w c"]) -> Float[Tensor, "b c h*w"]:
    b, h, w, c = image.shape
    return image.reshape(b, c, h * w)


def heads_first(x: Float[Tensor, "h b t d"]) -> Float[Tensor, "b t h*d"]:
    h, b, t, d = x.shape
    return x.reshape(b, t, h * d)


def in_two_halves(x: Float[Tensor, "b q e"]) -> Float[Tensor, "b q e"]:
    b, q, e = x.shape
    heads = x.reshape(b, q, 2, e // 2).transpose(1, 2)
    return heads.reshape(b, q, e)


def whole_split(x: Float[Tensor, "b t e"], count: int) -> Float[Tensor, "b h t d"]:
    b, t, e = x.shape
    return x.reshape(b, count, t, e // count)


CASES: dict[str, tuple[Callable[..., Any], str, str]] = {
    "heads that are merged": (merged, "b h t d -> b t (h d)", ""),
    "heads that are split off": (split, "b t (h d) -> b h t d", ", h=…"),
    "axes that are exchanged": (turned, "b t c -> b c t", ""),
    "pixels that become tokens": (tokens, "b h w c -> b c (h w)", ""),
    "heads that come first": (heads_first, "h b t d -> b t (h d)", ""),
    "heads of an axis that has one name": (whole_split, "b t (e1 e2) -> b e1 t e2", ", e1=…"),
    "two halves of an axis": (in_two_halves, "b e1 q e2 -> b q (e1 e2)", ""),
}


@pytest.mark.parametrize("name", CASES)
def test_the_view_that_was_meant_is_named(name: str) -> None:
    function, pattern, sizes = CASES[name]
    report = check_contract(function)
    told = [WRITTEN.search(found.message) for found in report.findings if found.code == "TE703"]
    assert [(each["pattern"], each["sizes"]) for each in told if each] == [(pattern, sizes)]


@pytest.mark.parametrize("length", [12, 13, 44])
def test_heads_are_found_to_mix_whether_or_not_they_divide_the_length_of_a_given_call(length: int) -> None:
    report = check_contract(whole_split, args=(torch.randn(11, length, 52), 4))
    assert [found.code for found in report.findings] == ["TE703"], str(report)


# The repair, taken at its word: the function with the view in place of the reshape.


def merged_by_names(x: Float[Tensor, "b h t d"]) -> Float[Tensor, "b t h*d"]:
    return rearrange(x, "b h t d -> b t (h d)")


def split_by_names(x: Float[Tensor, "b t h*d"], h: int) -> Float[Tensor, "b h t d"]:
    return rearrange(x, "b t (h d) -> b h t d", h=h)


def turned_by_names(x: Float[Tensor, "b t c"]) -> Float[Tensor, "b c t"]:
    return rearrange(x, "b t c -> b c t")


def tokens_by_names(image: Float[Tensor, "b h w c"]) -> Float[Tensor, "b c h*w"]:
    return rearrange(image, "b h w c -> b c (h w)")


def heads_first_by_names(x: Float[Tensor, "h b t d"]) -> Float[Tensor, "b t h*d"]:
    return rearrange(x, "h b t d -> b t (h d)")


def in_two_halves_by_names(x: Float[Tensor, "b q e"]) -> Float[Tensor, "b q e"]:
    b, q, e = x.shape
    heads = x.reshape(b, q, 2, e // 2).transpose(1, 2)
    return rearrange(heads, "b e1 q e2 -> b q (e1 e2)")


def whole_split_by_names(x: Float[Tensor, "b t e"], count: int) -> Float[Tensor, "b h t d"]:
    return rearrange(x, "b t (e1 e2) -> b e1 t e2", e1=count)


REPAIRED = (
    merged_by_names,
    split_by_names,
    turned_by_names,
    tokens_by_names,
    heads_first_by_names,
    in_two_halves_by_names,
    whole_split_by_names,
)


@pytest.mark.parametrize("function", REPAIRED)
def test_the_function_with_that_view_is_clean(function: Callable[..., Any]) -> None:
    report = check_contract(function)
    assert report.ok, str(report)


def test_that_view_is_what_a_permutation_and_a_merge_are() -> None:
    x = torch.randn(2, 4, 3, 5)
    assert torch.equal(merged_by_names(x), x.transpose(1, 2).flatten(2))
    assert torch.equal(split_by_names(x.flatten(2), 5), x.flatten(2).unflatten(2, (5, 3)).transpose(1, 2))
    assert torch.equal(whole_split_by_names(x.flatten(2), 5), split_by_names(x.flatten(2), 5))
    y = torch.randn(2, 3, 8)
    assert torch.equal(in_two_halves_by_names(y), y)
