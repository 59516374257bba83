"""The functions that take values: inline contractions, local checks, reductions, the switch."""

from typing import assert_type

import torch
from jaxtyping import Float
from torch import Tensor, nn

from typed_einsum import (
    checks_off,
    einsum,
    errors,
    mean,
    normalize,
    rearrange,
    repeat,
    shape_checked,
    shaped,
    softmax,
)


def contractions(query: Tensor, key: nn.Parameter, operands: list[Tensor]) -> None:
    assert_type(einsum("b q d, b k d -> b q k", query, key), Tensor)
    assert_type(einsum("bqd,bkd->b", query, key, sum="q k"), Tensor)
    assert_type(einsum("bqd,bkd->bq", query, key, max="k"), Tensor)
    assert_type(einsum("b q d, b k d -> b q k", *operands), Tensor)


@shape_checked
def local_values(x: Float[Tensor, "b c"], weight: nn.Parameter) -> Float[Tensor, "b c"]:
    assert_type(shaped(x, "b c"), Tensor)
    assert_type(shaped(x, Float[Tensor, "b c"]), Tensor)
    assert_type(shaped(weight, "c d"), nn.Parameter)
    return shaped(x @ weight, "b c")


def reductions(scores: Tensor, keep: Tensor) -> None:
    assert_type(softmax(scores, "b q k", over="k"), Tensor)
    assert_type(softmax(scores, "b q k", over="k", mask=keep, mask_axes="b k"), Tensor)
    assert_type(mean(scores, "b q k", over="q k"), Tensor)
    assert_type(normalize(scores, "b q k", over="k", eps=1e-6), Tensor)


def views(x: Tensor, heads: int) -> None:
    assert_type(rearrange(x, "b t (h d) -> b h t d", h=heads), Tensor)
    assert_type(repeat(x, "b g -> b (g r)", r=4), Tensor)


@checks_off()
def unchecked(x: Tensor, times: int = 2) -> Tensor:
    return x * times


def switched(x: Tensor) -> None:
    with checks_off():
        assert_type(einsum("b c, b c -> b", x, torch.ones(1, 3)), Tensor)
    assert_type(unchecked(x, times=3), Tensor)


def exceptions(x: Tensor) -> str:
    try:
        einsum("b c, b c -> b", x, x)
    except errors.ShapeError as error:
        base: ValueError = error
        assert_type(error.code, str)
        assert_type(error.diagnostic.summary, str)
        return str(base)
    except (errors.DtypeError, errors.ArgumentError) as error:
        both: TypeError = error
        return str(both)
    except errors.TypedEinsumError as error:
        return error.code
    return ""
