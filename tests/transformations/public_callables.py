"""The rows of the matrix: what the library gives to call, each beside the same in plain torch.

Everything is defined at module level, since other processes import it from here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from support import reference_nn as reference
from torch import Tensor, nn

from typed_einsum import (
    einsum,
    mean,
    normalize,
    rearrange,
    shape_checked,
    shaped,
    softmax,
    typed_einsum,
)
from typed_einsum.attention import late_interaction, scaled_dot_product
from typed_einsum.nn import (
    BNContrastiveHead,
    Bottleneck,
    C2fAttn,
    ContrastiveHead,
    Conv,
    ImagePoolingAttn,
    MaxSigmoidAttnBlock,
)

State = Mapping[str, Tensor]
Shape = tuple[int, ...]
HEADS = 2


@dataclass(frozen=True)
class Row:
    """One public callable.

    `plain` computes the same from a module's state and the same tensors. `batched` are the arguments whose
    first axis is the batch. `wrong` are shapes that `code` refuses.
    """

    name: str
    make: Callable[[], Callable[..., Tensor]]
    plain: Callable[..., Tensor]
    shapes: tuple[Shape, ...]
    wrong: tuple[Shape, ...]
    code: str = "TE201"
    batched: tuple[int, ...] = (0, 1)

    def state(self, made: Callable[..., Tensor]) -> dict[str, Tensor]:
        """The parameters and buffers of what was made; none of a function."""
        return {k: v.detach() for k, v in made.state_dict().items()} if isinstance(made, nn.Module) else {}

    def expected(self, made: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
        """What plain torch computes."""
        return self.plain(self.state(made), *tensors)

    def tensors(self, batch: int = 2, seed: int = 0) -> tuple[Tensor, ...]:
        """Arguments, with this many samples in a batch."""
        given = [(batch, *s[1:]) if i in self.batched else s for i, s in enumerate(self.shapes)]
        return random(given, seed)

    def wrong_tensors(self) -> tuple[Tensor, ...]:
        """Arguments that must be refused."""
        return random(self.wrong)


def random(shapes: list[Shape] | tuple[Shape, ...], seed: int = 0) -> tuple[Tensor, ...]:
    """One tensor for each shape."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(shape, generator=generator) for shape in shapes)


@typed_einsum
def scores(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]: ...


@typed_einsum(max="k")
def best(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q"]: ...


def inline(query: Tensor, key: Tensor) -> Tensor:
    return einsum("batch query dim, batch key dim -> batch query key", query, key)


def inline_best(query: Tensor, key: Tensor) -> Tensor:
    return einsum("b q d, b k d -> b q", query, key, max="k")


@shape_checked
def checked(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]:
    return torch.tanh(query) @ key.mT


@shape_checked
def with_local(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k e"]) -> Float[Tensor, "b q k"]:
    return query.tanh() @ shaped(2 * key, "b k d").mT


def weights(x: Tensor) -> Tensor:
    return softmax(x, "b q k", over="k")


def average(x: Tensor) -> Tensor:
    return mean(x, "b n c", over="n")


def unit(x: Tensor) -> Tensor:
    return normalize(x, "b n c", over="c")


def turned(x: Tensor) -> Tensor:
    return rearrange(2 * x, "b n (h c) -> b h n c", h=HEADS)  # a view alone keeps `requires_grad`


class TwoLevels(nn.Module):
    """An image in two levels as two arguments, where the module takes a list."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = reference.randomised(ImagePoolingAttn(ec=16, ch=(12, 10), ct=18, nh=HEADS)).eval()

    def forward(self, fine: Tensor, coarse: Tensor, text: Tensor) -> Tensor:
        attended: Tensor = self.inner([fine, coarse], text)
        return attended


def module(kind: type[nn.Module], *settings: Any, **more: Any) -> Callable[[], nn.Module]:
    """Makes a module with parameters that are neither zero nor one, in evaluation mode."""
    return lambda: reference.randomised(kind(*settings, **more)).eval()


def plain_scores(_: State, query: Tensor, key: Tensor) -> Tensor:
    return torch.einsum("bqd,bkd->bqk", query, key)


def plain_best(_: State, query: Tensor, key: Tensor) -> Tensor:
    return torch.einsum("bqd,bkd->bqk", query, key).amax(2)


def plain_attention(_: State, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    raw = torch.einsum("bmqc,bmkc->bmqk", query, key) / math.sqrt(query.size(3))
    return torch.einsum("bmqk,bmkd->bmqd", raw.softmax(3), value)


def plain_late(_: State, query: Tensor, document: Tensor) -> Tensor:
    return torch.einsum("bqc,nkc->bnqk", query, document).amax(3).sum(2)


def plain_block(state: State, x: Tensor, guide: Tensor) -> Tensor:
    return reference.max_sigmoid_attention(state, x, guide, HEADS)


def plain_stage(state: State, x: Tensor, guide: Tensor) -> Tensor:
    return reference.c2f_attention(state, x, guide, HEADS, shortcut=False, training=False)


def plain_pooling(state: State, fine: Tensor, coarse: Tensor, text: Tensor) -> Tensor:
    inner = reference.part(state, "inner")
    return reference.image_pooling_attention(inner, [fine, coarse], text, HEADS, 3)


def plain_head(state: State, x: Tensor, texts: Tensor) -> Tensor:
    return reference.contrastive_scores(state, x, texts, training=False)


def plain_conv(state: State, x: Tensor) -> Tensor:
    return reference.conv(state, x, act=True, training=False)


def plain_bottleneck(state: State, x: Tensor) -> Tensor:
    return reference.bottleneck(state, x, shortcut=True, training=False)


PAIR = ((2, 3, 5), (2, 4, 5))
WRONG_PAIR = ((2, 3, 5), (2, 4, 7))
IMAGE = (2, 12, 6, 7)

ROWS = (
    Row("@typed_einsum", lambda: scores, plain_scores, PAIR, WRONG_PAIR),
    Row("@typed_einsum(max=)", lambda: best, plain_best, PAIR, WRONG_PAIR),
    Row("einsum", lambda: inline, plain_scores, PAIR, WRONG_PAIR),
    Row("einsum(max=)", lambda: inline_best, plain_best, PAIR, WRONG_PAIR),
    Row("@shape_checked", lambda: checked, lambda _, q, k: plain_scores(_, q.tanh(), k), PAIR, WRONG_PAIR),
    Row("shaped", lambda: with_local, lambda _, q, k: plain_scores(_, q.tanh(), 2 * k), PAIR, WRONG_PAIR),
    Row("softmax", lambda: weights, lambda _, x: x.softmax(2), ((2, 3, 4),), ((3, 4),), "TE202", (0,)),
    Row("mean", lambda: average, lambda _, x: x.mean(1), ((2, 3, 4),), ((3, 4),), "TE202", (0,)),
    Row(
        "normalize",
        lambda: unit,
        lambda _, x: x / x.square().sum(2, keepdim=True).sqrt(),
        ((2, 3, 4),),
        ((3, 4),),
        "TE202",
        (0,),
    ),
    Row(
        "rearrange",
        lambda: turned,
        lambda _, x: (2 * x).unflatten(2, (HEADS, -1)).transpose(1, 2),
        ((2, 3, 4),),
        ((3, 4),),
        "TE202",
        (0,),
    ),
    Row(
        "scaled_dot_product",
        lambda: scaled_dot_product,
        plain_attention,
        ((2, 3, 4, 6), (2, 3, 5, 6), (2, 3, 5, 7)),
        ((2, 3, 4, 6), (2, 3, 5, 6), (2, 3, 8, 7)),
        batched=(0, 1, 2),
    ),
    Row(
        "late_interaction",
        lambda: late_interaction,
        plain_late,
        ((2, 4, 6), (3, 5, 6)),
        ((2, 4, 6), (3, 5, 7)),
        batched=(0,),
    ),
    Row(
        "MaxSigmoidAttnBlock",
        module(MaxSigmoidAttnBlock, 12, 16, nh=HEADS, ec=10, gc=18, scale=True),
        plain_block,
        (IMAGE, (2, 5, 18)),
        (IMAGE, (3, 5, 18)),
    ),
    Row(
        "C2fAttn",
        module(C2fAttn, 12, 20, ec=8, nh=HEADS, gc=18),
        plain_stage,
        (IMAGE, (2, 5, 18)),
        (IMAGE, (2, 5, 17)),
    ),
    Row(
        "ImagePoolingAttn",
        TwoLevels,
        plain_pooling,
        (IMAGE, (2, 10, 4, 5), (2, 5, 18)),
        (IMAGE, (3, 10, 4, 5), (2, 5, 18)),
        batched=(0, 1, 2),
    ),
    Row("ContrastiveHead", module(ContrastiveHead), plain_head, (IMAGE, (2, 5, 12)), (IMAGE, (2, 5, 11))),
    Row(
        "BNContrastiveHead",
        module(BNContrastiveHead, 12),
        plain_head,
        (IMAGE, (2, 5, 12)),
        (IMAGE, (2, 5, 11)),
    ),
    Row("Bottleneck", module(Bottleneck, 12, 12), plain_bottleneck, (IMAGE,), ((2, 11, 6, 7),), batched=(0,)),
    Row("Conv", module(Conv, 12, 9, 3), plain_conv, (IMAGE,), ((2, 11, 6, 7),), batched=(0,)),
)
