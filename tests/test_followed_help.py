"""Help, taken at its word: a call that a message refuses, and the same call as the message's help says.

Proposed equations and reorderings are followed in the tests of messages, and proposed views in those of
view repairs.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from jaxtyping import Float, Int
from support.written_messages import raised
from torch import Tensor

import typed_einsum
from typed_einsum import errors

NAMES: dict[str, Any] = {
    **{name: getattr(typed_einsum, name) for name in typed_einsum.__all__},
    "Float": Float,
    "Int": Int,
    "Tensor": Tensor,
    "ones": torch.ones,
    "torch": torch,
    "__name__": "model",
}

HEADS = """
@shape_checked
def split(query: Float[Tensor, "b h t d"], x: Float[Tensor, "b t c"], heads: int) -> Float[Tensor, "b h t d"]:
    return rearrange(x, "b t (h d) -> b h t d", h=heads)

split(ones(2, 4, 3, 5), ones(2, 3, 20), 5)
"""
POOLED = """
@shape_checked
def pooled(x: Float[Tensor, "b t c"], weight: Float[Tensor, "b t"]) -> Float[Tensor, "b c"]:
    return (x * weight[:, :, None]).sum(1)

pooled(ones(2, 3, 5), ones(1, 3))
"""

# A source, the words of the help that are followed, and what they replace by what.
FOLLOWED: dict[str, tuple[str, str, str, str]] = {
    "the sum is named": (
        'einsum("b q d, b k v -> b q d", ones(2, 3, 5), ones(2, 4, 7), sum="v")',
        'write sum="k"',
        'sum="v"',
        'sum="v k"',
    ),
    "an output that is near": (
        'einsum("batch keys, batch -> key", ones(2, 3), ones(2))',
        "did you mean `keys`?",
        "-> key",
        "-> keys",
    ),
    "an axis of size 1 is expanded": (
        POOLED,
        "pass weight.expand(2, -1)",
        "ones(1, 3)",
        "ones(1, 3).expand(2, -1)",
    ),
    "an axis of size 1 is marked": (
        POOLED,
        "or mark the axis `#b`",
        'weight: Float[Tensor, "b t"]',
        'weight: Float[Tensor, "#b t"]',
    ),
    "ellipses of two ranks": (
        'einsum("...ij,...jk->...ik", ones(3, 4, 5), ones(5, 6))',
        "write `*#batch` for both `...`, and `*batch` in the output, with spaces between axes",
        "...ij,...jk->...ik",
        "*#batch i j, *#batch j k -> *batch i k",
    ),
    "an ellipsis with a sign": (
        'einsum("... i j, #... j k -> ... i k", ones(3, 4, 5), ones(5, 6))',
        "write `*#batch` in the operands, and `*batch` in the output",
        "... i j, #... j k -> ... i k",
        "*#batch i j, *#batch j k -> *batch i k",
    ),
    "operands in a list": (
        'einsum("bij,jk->bik", [ones(2, 3, 4), ones(4, 5)])',
        "a star before the list",
        "[ones",
        "*[ones",
    ),
    "a bare size": ('einsum("b 3 -> b", ones(2, 3))', "name it, as in `xyz=3`", "b 3 ->", "b xyz=3 ->"),
    "a bare size without an arrow": (
        'einsum("1", ones(1))',
        "name it, as in `xyz=1`",
        '"1"',
        '"xyz=1 -> xyz"',
    ),
    "words in one operand alone": (
        'einsum("time, freq -> time", ones(3), ones(5))',
        'write sum="freq"',
        "ones(5))",
        'ones(5), sum="freq")',
    ),
    "another dtype": (
        'einsum("b d, b d -> b", ones(2, 3), ones(2, 3).double())',
        "convert operand 2 with tensor.to(torch.float32)",
        "double()",
        "double().to(torch.float32)",
    ),
    "a mask that is longer than the scores": (
        'softmax(ones(2, 3, 4), "b q k", over="k", mask=(ones(2, 6) > 0), mask_axes="b k")',
        "mask[:, :4]",
        "(ones(2, 6) > 0)",
        "(ones(2, 6) > 0)[:, :4]",
    ),
    "a mask of some axes": (
        'softmax(ones(2, 3, 4), "b q k", over="k", mask=(ones(3, 4) > 0))',
        'mask_axes="q k"',
        "> 0))",
        '> 0), mask_axes="q k")',
    ),
    "an integer mask": (
        'softmax(ones(2, 3), "b k", over="k", mask=ones(2, 3).long())',
        "mask.bool()",
        "long()",
        "long().bool()",
    ),
    "a reduced axis that is named": (
        'mean(ones(2, 3), "b n", over="m")',
        "name one of `b`, `n`",
        'over="m"',
        'over="n"',
    ),
    "a size that is known": (HEADS, "drop `h=5`", ", h=heads", ""),
    "a size that nothing says": (
        'rearrange(ones(2, 3, 20), "b t (h d) -> b h t d")',
        "pass h=…",
        'd")',
        'd", h=4)',
    ),
    "a size that divides": (
        'rearrange(ones(2, 20), "b (h d) -> b h d", h=6)',
        "pass a multiple of 6",
        "20)",
        "24)",
    ),
    "a size that the tensor has": ('rearrange(ones(2, 3), "b t -> t b", t=4)', "drop `t=4`", ", t=4", ""),
    "a negative size": ('rearrange(ones(2, 20), "b (h d) -> b h d", h=4, d=-1)', "drop `d=-1`", ", d=-1", ""),
    "a new axis": ('repeat(ones(2, 3), "b g -> b (g r)")', "pass its size: r=…", 'r)")', 'r)", r=2)'),
    "an axis that a pattern lacks": ('rearrange(ones(2, 3), "b t -> t b", m=4)', "drop `m=`", ", m=4", ""),
    "a product in a pattern": (
        'rearrange(ones(2, 20), "b h*d -> b h d", h=4)',
        "in parentheses, such as `(h w)`",
        "b h*d",
        "b (h d)",
    ),
    "a new axis of rearrange": (
        'rearrange(ones(2, 3), "b t -> b t n=4")',
        "add one with `repeat`",
        "rearrange(",
        "repeat(",
    ),
    "a dtype that is annotated too narrow": (
        '@shape_checked\ndef rows(x: Int[Tensor, "a"]) -> None: ...\nrows(ones(2))',
        "pass x.long()",
        "ones(2)",
        "ones(2).long()",
    ),
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_help_that_is_followed_is_accepted(name: str) -> None:
    source, said, old, new = FOLLOWED[name]
    told = raised(source, NAMES).diagnostic.help
    assert told is not None
    assert said in told
    assert old in source
    exec(compile(source.replace(old, new), "followed.py", "exec", dont_inherit=True), dict(NAMES))


def test_help_that_is_not_followed_is_noticed() -> None:
    with pytest.raises(errors.TypedEinsumError):
        exec(compile(POOLED, "followed.py", "exec", dont_inherit=True), dict(NAMES))


# Integers, as other tools' own tests have them.


def of_nines(*shape: int) -> Tensor:
    return torch.full(shape, 9, dtype=torch.uint8)


def test_small_integers_are_widened_before_they_are_multiplied() -> None:
    operands = of_nines(2), of_nines(4), of_nines(2, 3)
    found = typed_einsum.einsum("a, c, a b -> a", *operands, sum="b c")
    assert (found.dtype, found.tolist()) == (torch.int64, [8748, 8748])


@pytest.mark.parametrize("sizes", [(2, 2, 2, 2), (2, 9, 9, 3), (9, 2, 2, 2), (3, 2, 2, 9)])
def test_three_integer_operands_at_any_size(sizes: tuple[int, int, int, int]) -> None:
    a, b, c, f = sizes
    operands = [torch.ones(shape, dtype=torch.int32) for shape in ((a, f), (b,), (c, f))]
    found = typed_einsum.einsum("a f, b, c f -> a", *operands, sum="b c")
    assert (found.dtype, found.tolist()) == (torch.int64, [b * c * f] * a)
