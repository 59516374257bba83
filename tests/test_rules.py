"""Each rule of the audit on single operations, without a contract: what it sees, and what it leaves alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter

from typed_einsum.testing.audit import Watch
from typed_einsum.testing.audit.dimensions import WRITTEN_ONE, Dimension, Factor, TrackedAxes
from typed_einsum.testing.audit.findings import Flaw
from typed_einsum.testing.audit.rules import registry

SIZES = {"b": 11, "t": 13, "d": 17, "n": 19, "c": 23, "h": 29, "w": 31, "e": 37, "s": 41, "v": 43, "m": 47}
SIZES |= {"even": 14, "heads": 53, "experts": 50}


def seen(function: Callable[..., object], shapes: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """What the rules say while a function runs on tensors whose axes have these names: `b*t`, `1`."""
    watch = Watch(TrackedAxes(SIZES))
    tensors = {}
    for name, text in shapes.items():
        axes, _, dtype = text.partition(":")
        parts = [axis.split("*") for axis in axes.split()]
        sizes = [[size_named(part) for part in axis] for axis in parts]
        tensor = torch.empty(
            [math.prod(each) for each in sizes], dtype=getattr(torch, dtype or "float32"), device="meta"
        )
        watch.tracked.remember(tensor, map(dimension_of, parts))
        tensors[name] = tensor
    with torch.device("meta"), watch:
        function(**tensors)
    return [(found.code, found.severity, found.message) for found in watch.findings]


def size_named(name: str) -> int:
    """The size of an axis, of its twin `n'`, or of one that is a number."""
    return SIZES.get(name.removesuffix("'")) or int(name)


def dimension_of(names: list[str]) -> Dimension:
    factors = tuple(Factor(name, size_named(name)) for name in names)
    return WRITTEN_ONE if names == ["1"] else factors


def set_to(x: Tensor, key: object, value: object = 1.0) -> None:
    x[key] = value  # type: ignore[index, assignment]


def turned(x: Tensor, *, by_halves: bool, in_halves: bool) -> Tensor:
    angles = torch.arange(x.shape[1])[:, None] / torch.arange(1, 7)
    spread = torch.cat([angles, angles], -1) if in_halves else angles.repeat_interleave(2, -1)
    if by_halves:
        return x * spread.cos() + torch.cat((-x[..., 6:], x[..., :6]), -1) * spread.sin()
    return x * spread.cos() + torch.stack([-x[..., 1::2], x[..., ::2]], -1).flatten(-2) * spread.sin()


def turned_chunks(x: Tensor, *chunk: int, count: int, **options: int) -> Tensor:
    """Two chunks, exchanged along the last axis, times angles that are repeated for neighbours."""
    one, two, *_ = x.chunk(*chunk, **options)
    back = torch.cat((-two, one), dim=-1) if count else torch.cat((-two, one))
    angles = torch.arange(back.shape[-1] // 2).repeat_interleave(2, -1)
    return back * angles.cos()


def exchanged(x: Tensor, dim: int = -1) -> Tensor:
    half = x.shape[-1] // 2
    return torch.cat((-x[..., half:], x[..., :half]), dim)


def talking(q: Tensor, k: Tensor, mix: Tensor, v: Tensor) -> Tensor:
    """Weights that are mixed over the heads before the sum over the keys."""
    weights = torch.einsum("bthd,bshd->btsh", q, k).softmax(2)
    return torch.einsum("btsg,bsge->btge", weights @ mix, v)


def beside(size: int) -> Tensor:
    return torch.arange(size // 2).repeat_interleave(2, -1)


def causal(x: Tensor) -> Tensor:
    return torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()


def hidden(scores: Tensor, mask: Tensor) -> Tensor:
    return scores.masked_fill(mask, -math.inf)


def delayed(mask: Tensor) -> Tensor:
    """A mask moved by one entry along the last axis."""
    return torch.cat([mask[:, :1], mask[:, :-1]], -1)


def attended(x: Tensor, mask: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(x, x, x, attn_mask=mask)


def warped(image: Tensor, grid: Tensor, *, is_right: bool) -> Tensor:
    h, w = grid.shape[:2]
    ys, xs = (torch.arange(h) + 0.5) / h * 2 - 1, (torch.arange(w) + 0.5) / w * 2 - 1
    gy, gx = torch.meshgrid(ys, xs, indexing="ij")
    places = torch.stack([gx, gy] if is_right else [gy, gx], -1)
    return F.grid_sample(image[None], places[None], align_corners=False)


def refused(equation: str, *tensors: Tensor) -> None:
    """An einsum that torch refuses, so that a rule must have looked before."""
    with pytest.raises(RuntimeError):
        torch.einsum(equation, *tensors)


def grid() -> Tensor:
    """The row and the column of every place."""
    return torch.stack(torch.meshgrid(torch.arange(29), torch.arange(31), indexing="ij"), -1)


Case = tuple[str, Callable[..., object], dict[str, str]]

QKV = {"q": "b t d", "k": "b s d", "v": "b s e"}
"""Queries, keys and values."""

SEEN: list[Case] = [
    # TE734
    ("TE734", lambda x: set_to(x, (slice(None), slice(None, -4))), {"x": "t 1 d"}),
    ("TE734", lambda x: set_to(x, (slice(None), slice(-4, -2))), {"x": "t 1 d"}),
    ("TE734", lambda x: set_to(x, slice(-4, -2)), {"x": "1 d"}),
    # TE708
    ("TE708", lambda x, y: x + y, {"x": "t d", "y": "t d:bool"}),
    ("TE708", lambda x, y: y - x, {"x": "t d:bool", "y": "t d"}),
    # TE735
    ("TE735", lambda x: x[..., :17], {"x": "b d*2"}),
    ("TE735", lambda x: x[:, 17:], {"x": "b d*2"}),
    ("TE735", lambda x: x[:17], {"x": "d*2"}),
    ("TE735", lambda x: x[..., 17:34], {"x": "b d*2"}),
    # TE715
    ("TE715", lambda x, y: torch.einsum("ii,ij->j", x, y), {"x": "n n", "y": "n d"}),
    ("TE715", lambda x, y: torch.einsum("ij,jj->i", x, y), {"x": "n d", "y": "d d"}),
    # TE705
    ("TE705", F.mse_loss, {"input": "b 1", "target": "b"}),
    ("TE705", lambda x, y: (x - y).pow(2).mean(), {"x": "b 1", "y": "b"}),
    ("TE705", lambda x, y: (x - y).abs().sum(), {"x": "b n", "y": "b 1"}),
    ("TE705", lambda x, y: torch.square(x - y).mean(), {"x": "b 1", "y": "b n"}),
    ("TE705", lambda x, y: (x - y).pow(2).mean(), {"x": "b 1", "y": "b 2"}),
    # TE732
    ("TE732", lambda x, y: (x[:, None] * y).sum(), {"x": "n", "y": "d"}),
    ("TE732", lambda x, y: (x * y[:, None]).mean(), {"x": "n", "y": "d"}),
    ("TE732", lambda x, y: (x[:, :, None] * y[:, None]).sum((1, 2)), {"x": "b n", "y": "b d"}),
    # TE714
    ("TE714", lambda x, y: x[:, y.shape[1]], {"x": "m d", "y": "b t"}),
    ("TE714", lambda x, y: x[None, :, y.shape[1]], {"x": "m d", "y": "b t"}),
    # TE739
    ("TE739", lambda x: torch.roll(x, 1, 1), {"x": "b c h w"}),
    ("TE739", lambda x: torch.roll(x, shifts=(1, 2), dims=(2, -3)), {"x": "b c h w"}),
    ("TE739", lambda x: x.roll(-1, -1), {"x": "t d"}),
    ("TE739", lambda x: torch.fft.ifftshift(x), {"x": "n c h w"}),
    ("TE739", lambda x: torch.fft.fftshift(x, dim=1), {"x": "n c h w"}),
    ("TE739", lambda x: torch.fft.fftshift(x, (1, 2)), {"x": "n c h w"}),
    # TE741
    ("TE741", lambda x: x * x.sort(-1).values, {"x": "n v"}),
    ("TE741", lambda x: x * torch.sort(x, 0).values, {"x": "n v"}),
    ("TE741", lambda x: x.masked_fill(x.softmax(-1).sort().values.cumsum(-1) > 0.5, 0), {"x": "n v"}),
    ("TE741", lambda x: torch.where(x.sort(-1)[0] > 1, x, 0.0), {"x": "n v"}),
    ("TE741", lambda x: (x * 2).masked_fill((x * 3).sort(-1)[0] > 1, 0.0), {"x": "n v"}),
    # TE706
    ("TE706", lambda q, k, v: (q @ k.mT).softmax(1) @ v, {"q": "b t d", "k": "b s d", "v": "b s e"}),
    ("TE706", lambda a, x: a / a.sum(0, keepdim=True) @ x, {"a": "n m", "x": "m d"}),
    ("TE706", lambda a, x: a / a.sum(0, keepdim=True).clamp(min=1) @ x, {"a": "n m", "x": "m d"}),
    (
        "TE706",
        lambda p, q: F.kl_div(p.log_softmax(1), q.softmax(0)),
        {"p": "b c", "q": "b c"},
    ),
    ("TE706", lambda p, q: q.softmax(0) * p.log_softmax(1), {"p": "b c", "q": "b c"}),
    ("TE706", lambda x, y: F.normalize(x, dim=0) @ F.normalize(y, dim=0).mT, {"x": "n d", "y": "m d"}),
    # TE717
    ("TE717", lambda x: x.softmax(1), {"x": "b 1 t"}),
    ("TE717", lambda x: x.argmax(1), {"x": "b 1 t"}),
    ("TE717", lambda x: x.sum().mean(0), {"x": "b t"}),
    # TE704
    ("TE704", lambda x, y: x * y, {"x": "b 1", "y": "b"}),
    ("TE704", lambda x: x / x.sum(1), {"x": "n n"}),
    ("TE704", lambda x, y: x.mean(1, keepdim=True) * y, {"x": "b d", "y": "b"}),
    ("TE704", lambda x, y: y - x.amax(-1, keepdim=True).exp(), {"x": "b d", "y": "b"}),
    # TE703
    ("TE703", lambda x: x.reshape(11, 17, 29 * 13), {"x": "b h t d"}),
    # TE733
    ("TE733", partial(warped, is_right=False), {"image": "c e s", "grid": "h w"}),
    # TE716
    ("TE716", lambda x: x.flatten(1).argmax(1) // 29, {"x": "b h w"}),
    ("TE716", lambda x: x.flatten(1).argmax(1) % 29, {"x": "b h w"}),
    ("TE716", lambda x: x.flatten(1).argmax(1)[:, None].expand(11, 3) // 29, {"x": "b h w"}),
    # TE742
    ("TE742", lambda x: x.roll(1, 1)[:, :, 1:], {"x": "b t d"}),
    ("TE742", lambda x: x.roll(1, 1)[:, :, 1::1], {"x": "b t d"}),
    ("TE742", lambda x: (torch.roll(x, -1, 1) - torch.roll(x, 1, 1))[..., 1:-1], {"x": "b d t"}),
    ("TE742", lambda x: x.roll(-2, dims=-2)[..., :-2], {"x": "b t d"}),
    ("TE742", lambda x: x.roll(1, 2)[1:], {"x": "b t d"}),
    ("TE742", lambda x: torch.cat([torch.ones_like(x[:1]), 1 - x[:-1]]).cumprod(-1), {"x": "n s"}),
    ("TE742", lambda x: torch.cat([x[:, 1:], x[:, :1] * 0], 1).cumsum(0), {"x": "n s"}),
    ("TE742", lambda x: (lambda y: (set_to(x, ..., y), y[:, :, 1:]))(x.roll(1, 1)), {"x": "b t d"}),
    # TE743
    ("TE743", lambda q, k: q @ k.mT / math.sqrt(q.shape[1]), {"q": "b t d", "k": "b s d"}),
    ("TE743", lambda q, k: q @ k.mT * k.shape[1] ** -0.5, {"q": "b t d", "k": "b s d"}),
    (
        "TE743",
        lambda q, k, m: torch.einsum("btd,bsd->bts", q, k).masked_fill(m, -1e9) / math.sqrt(q.shape[1]),
        {"q": "b t d", "k": "b s d", "m": "t s:bool"},
    ),
    (
        "TE743",
        lambda q, k, b: (b + q @ k.mT) / math.sqrt(q.shape[1]),
        {"q": "b t d", "k": "b s d", "b": "t s"},
    ),
    # TE744
    ("TE744", F.cosine_similarity, {"x1": "b t d", "x2": "b t d"}),
    ("TE744", lambda x: F.softmax(x), {"x": "b t d"}),
    ("TE744", lambda x: F.log_softmax(x), {"x": "b t d"}),
    # TE739, of positions
    ("TE739", lambda x: x * torch.arange(x.shape[1])[:, None, None].cos(), {"x": "b heads t d"}),
    ("TE739", lambda x: torch.outer(torch.arange(float(len(x))), x[0]).sin(), {"x": "heads d"}),
    ("TE739", lambda x: (torch.arange(53).float() / 3 + 1).sin(), {"x": "b t heads d"}),
    # TE716, of positions in merged axes
    (
        "TE716",
        lambda x, y, z: x.flatten(0, 1)[y * x.shape[0] + z],
        {"x": "h w d", "y": "n:long", "z": "n:long"},
    ),
    (
        "TE716",
        lambda x, y: x.flatten(1).gather(1, (y * x.shape[1]).clamp(max=9)),
        {"x": "b h w", "y": "b n:long"},
    ),
    ("TE716", lambda x, y: F.embedding(y * 29, x.flatten(0, 1)), {"x": "h w d", "y": "n:long"}),
    (
        "TE716",
        lambda x, y, z: x.flatten(0, 1).index_add(0, y * 29, z),
        {"x": "h w d", "y": "n:long", "z": "n d"},
    ),
    # TE717, of masks that are joined
    ("TE717", lambda q, p: attended(q, causal(q) | p[:, :, None]), {"q": "b t d", "p": "b t:bool"}),
    ("TE717", lambda q, p: attended(q, p[:, :, None].expand(11, 13, 13)), {"q": "b t d", "p": "b t:bool"}),
    (
        "TE717",
        lambda q, p: (q @ q.mT).masked_fill(~(causal(q) & p[:, :, None]), -1e9).softmax(-1),
        {"q": "b t d", "p": "b t:bool"},
    ),
    # TE706, of fractions
    ("TE706", lambda x, m: (x * m[..., None]).sum(1) / m.sum(0).mean(), {"x": "b t d", "m": "b t"}),
    ("TE706", lambda x, m: (x * m).sum((1, 2)) / m.sum(0).sum().clamp(min=1), {"x": "b t d", "m": "b t d"}),
    ("TE706", lambda q, k: q @ k.mT / k.sum(0).sum(), {"q": "b t d", "k": "b s d"}),
    # TE745
    ("TE745", lambda x, m: (x * m[:, None]).softmax(-1), {"x": "b t s", "m": "b s:bool"}),
    ("TE745", lambda x, m: (m[:, None] * x).softmax(2), {"x": "b t s", "m": "b s:bool"}),
    ("TE745", lambda x, m: (x * m).softmax(-1), {"x": "b 2", "m": "b 2:bool"}),
    ("TE745", lambda x, m: (x * m).softmax(0), {"x": "b t", "m": "b 1:bool"}),
    ("TE745", lambda x, m: (x * m).topk(3, 0), {"x": "b t", "m": "b 1:bool"}),
    ("TE745", lambda x, m: (x * m).topk(3), {"x": "b t", "m": "t:bool"}),
    ("TE745", lambda x, m, k: (x * k * m[:, None]).mean(), {"x": "b t", "m": "b:bool", "k": "b t:bool"}),
    ("TE745", lambda x, m: (x * m.float()[:, None, :]).logsumexp(-1), {"x": "b t s", "m": "b s:bool"}),
    ("TE745", lambda x, m: F.log_softmax(x.masked_fill(m[:, None], 0), -1), {"x": "b t s", "m": "b s:bool"}),
    ("TE745", lambda x, m: torch.where(m[:, None], x, 0.0).softmax(-1), {"x": "b t s", "m": "b s:bool"}),
    ("TE745", lambda x: (x * causal(x) / 3).softmax(-1), {"x": "b t t"}),
    ("TE745", lambda x: (x * torch.ones(13, 13, dtype=torch.bool).triu()).softmax(-1), {"x": "b t t"}),
    ("TE745", lambda x, m: (x * (1 - m.float())).softmax(-1), {"x": "b s", "m": "b s:bool"}),
    ("TE745", lambda x, m: (x * (~m & m)).softmax(-1), {"x": "b s", "m": "b s:bool"}),
    ("TE745", lambda x, n: (x * (torch.arange(41) < n[:, None])).softmax(-1), {"x": "b s", "n": "b:long"}),
    ("TE745", lambda x, n: (x * (n[:, None] > torch.arange(41))).amax(-1), {"x": "b s", "n": "b:long"}),
    ("TE745", lambda x, w: (x * (w != 0)[..., None]).amax(1), {"x": "b t d", "w": "b t:long"}),
    ("TE745", lambda x, m: (x * m).max(), {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m).topk(3).values, {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m).argmax(1), {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x.relu() * m).amin(1), {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m).mean(), {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m[..., None]).mean(1), {"x": "b t d", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m[..., None]).sum(-1).mean(1), {"x": "b t d", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m[..., None]).sum(1) / x.shape[1], {"x": "b t d", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m[..., None]).sum((0, 1)) / (11 * 13), {"x": "b t d", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m[..., None]).sum(1).abs() / x.shape[1], {"x": "b t d", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m).mean() / x.mean(), {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m).mean() * 2 + m.float().mean(), {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m).softmax(-1) * x, {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x.square().sum(-1) * m).amin(1), {"x": "b t d", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x.clamp(min=-1) * m).amax(1), {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x.pow(3) * m).amax(1), {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: ((x.abs() - 1) * m).amax(1), {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x.abs() * x * m).amax(1), {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m / 3).mean(1), {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m * 0.5).mean(1), {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m).mean(1) * 10, {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m).mean(1) / 2, {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m / 0.9).softmax(1), {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m).softmax(1) / 0.9, {"x": "b t", "m": "b t:bool"}),
    # TE733, one way alone
    ("TE733", lambda x: torch.arange(x.shape[1]) / x.shape[2], {"x": "b h w"}),
    ("TE733", lambda x: torch.arange(0, x.shape[1]) / x.shape[2], {"x": "b h w"}),
    ("TE733", lambda x: torch.arange(1, x.shape[1] + 1) / x.shape[2], {"x": "b h w"}),
    ("TE733", lambda x: torch.arange(x.shape[1]) * 2 / (x.shape[2] - 1), {"x": "b h w"}),
    ("TE733", lambda x, y: x[y.argmax(1)], {"x": "n d", "y": "b c"}),
    ("TE733", lambda x, y: x[torch.arange(11), y.max(1).indices.clamp(max=3)], {"x": "b n", "y": "b c"}),
    ("TE733", lambda x, y: x.gather(1, y.argmax(1, keepdim=True)), {"x": "b n", "y": "b c"}),
    ("TE733", lambda x, y: x.index_select(0, y.argmin(0)), {"x": "n d", "y": "c b"}),
    ("TE733", lambda x, y: x.gather(1, y.topk(2).indices), {"x": "b n", "y": "b c"}),
    (
        "TE733",
        lambda x: (torch.arange(29) / x.shape[2], torch.arange(31) / x.shape[1]),
        {"x": "b h w"},
    ),
    # TE743, of sums
    ("TE743", lambda x: x.sum(1) / x.shape[0], {"x": "b c"}),
    ("TE743", lambda x: (x.sum(1) / x.shape[0]).mean(), {"x": "b c"}),
    ("TE743", lambda x: (-x.sum(1) / x.shape[0] + 1).mean(0), {"x": "b c"}),
    ("TE743", lambda x: x.T @ x / (x.shape[1] - 1), {"x": "n d"}),
    ("TE743", lambda x: (lambda y: y.T @ y / (y.shape[1] - 1))(x - x.mean(0)), {"x": "n d"}),
    ("TE743", lambda x: torch.einsum("nd,ne->de", x, x) / x.shape[1], {"x": "n d"}),
    ("TE743", lambda x: x.mean((0, 1)).sum() / x.shape[1], {"x": "b t s"}),
    ("TE743", lambda x: (x.sum(1) / x.shape[0]).exp().sum(), {"x": "b c"}),
    ("TE743", lambda x: (x.sum(2) / x.shape[0]).sum(1), {"x": "b c t"}),
    # TE704, of squares
    ("TE704", lambda x: x - x.masked_fill(x > 0, 0).logsumexp(1), {"x": "n n"}),
    ("TE704", lambda x: x / x.sum(1).clamp(min=1), {"x": "n n"}),
    ("TE704", lambda x: x / x.sum(0)[:, None], {"x": "n n"}),
    ("TE704", lambda x: x / x.sum(0).unsqueeze(1), {"x": "n n"}),
    ("TE704", lambda x: x / x.sum(1).unsqueeze(-2), {"x": "n n"}),
    ("TE704", lambda x: x / x.sum(1), {"x": "2 2"}),
    ("TE704", lambda x: x / x.sum(0)[:, None], {"x": "2 2"}),
    ("TE704", lambda x: x / x.sum(0).unsqueeze(-1).clamp(min=1), {"x": "n n"}),
    ("TE704", lambda x: x / x.sum(1)[None], {"x": "n n"}),
    ("TE704", lambda x: x * x.sum(1).rsqrt() * x.sum(1).rsqrt(), {"x": "n n"}),
    ("TE704", lambda x: x.sum(1) * x, {"x": "n n"}),
    ("TE704", lambda x: x / x.sum(2)[:, None], {"x": "b n n"}),
    ("TE704", lambda x: x.exp() / x.exp().sum(2), {"x": "n n n"}),
    (
        "TE706",
        lambda x, m: torch.einsum("btd,bt->bd", x, m) / m.sum(0).mean(),
        {"x": "b t d", "m": "b t"},
    ),
    # TE731
    ("TE731", lambda x, y: (x.view(2, 7, 17) + 1, y.view(7, 2, 17) + 1), {"x": "even d", "y": "even d"}),
    ("TE731", partial(turned, by_halves=True, in_halves=False), {"x": "n t 12"}),
    ("TE731", partial(turned, by_halves=False, in_halves=True), {"x": "n t 12"}),
    ("TE731", lambda x: turned_chunks(x, 2, -1, count=1), {"x": "n t 12"}),
    ("TE731", lambda x: exchanged(x, 2) * beside(12), {"x": "n t 12"}),
    ("TE731", lambda x: exchanged(x) * beside(10), {"x": "n t 10"}),
    ("TE731", lambda x: turned_chunks(x, 2, count=1, dim=2), {"x": "n t 12"}),
    ("TE731", lambda x: turned_chunks(x, 2, count=0), {"x": "12"}),
    ("TE731", lambda x: (x.view(2, 7, 17) + 1).view(14, 17).view(7, 2, 17) + 1, {"x": "even d"}),
    # TE704, of all pairs that an index takes
    ("TE704", lambda q, a: q[:, a].mean(), {"q": "b c", "a": "b:long"}),
    ("TE704", lambda q, a: q[:, a].sum(), {"q": "b c d", "a": "b:long"}),
    ("TE704", lambda x, y: x * y, {"x": "2 1", "y": "2"}),
    (
        "TE704",
        lambda x, y: x.amax(1, keepdim=True) * y.max(1).indices,
        {"x": "b d", "y": "b c"},
    ),
    # TE707
    ("TE707", lambda x: x.bfloat16().float(), {"x": "b t"}),
    ("TE707", lambda x: (x.half() * 2).double(), {"x": "b t"}),
    ("TE707", lambda: torch.arange(9, dtype=torch.bfloat16).float(), {}),
    ("TE707", lambda x: torch.cat([x.sin(), x.cos()]).int(), {"x": "b t"}),
    ("TE707", lambda x: x.sin().squeeze(1).int(), {"x": "b 1"}),
    # TE703, of axes that are merged in two orders
    ("TE703", lambda x, y: x + y, {"x": "b*t", "y": "t*b"}),
    ("TE703", lambda x, y: x * y, {"x": "d b*t", "y": "t*b"}),
    ("TE703", lambda x, y: torch.where(x > 0, x, y), {"x": "b*t", "y": "t*b"}),
    ("TE703", lambda x, y: torch.stack([x, x, x, y]), {"x": "b*t", "y": "t*b"}),
    ("TE703", F.cross_entropy, {"input": "b*t c", "target": "t*b:long"}),
    ("TE703", F.cross_entropy, {"input": "b c h*w", "target": "b w*h:long"}),
    ("TE703", F.cross_entropy, {"input": "b*t c", "target": "t*b c"}),
    ("TE703", lambda x, y: x @ y, {"x": "b h*w", "y": "w*h d"}),
    ("TE703", lambda x, y: x @ y, {"x": "b h*w", "y": "w*h"}),
    ("TE703", lambda x, y: x @ y, {"x": "b*t n d", "y": "t*b d m"}),
    ("TE703", lambda x, y: torch.cat([x, y]), {"x": "n h*w", "y": "m w*h"}),
    ("TE703", lambda x, y: torch.cat([x, y], 1), {"x": "h*w n", "y": "w*h m"}),
    ("TE703", lambda x, y: torch.cat([x, y], dim=-1), {"x": "h*w n", "y": "w*h m"}),
    ("TE703", lambda x, y: torch.einsum("na,ad->nd", x, y), {"x": "n h*w", "y": "w*h d"}),
    # Equations
    ("TE108", lambda x, y: torch.einsum("ab,ac->b", x, y), {"x": "n d", "y": "n e"}),
    ("TE201", lambda x, y: torch.einsum("ab,bc->ac", x, y), {"x": "n d", "y": "1 e"}),
    ("TE101", lambda x, y: refused("ba,cb", x, y), {"x": "n d", "y": "e h"}),
    ("TE108", lambda x, y: refused("ab,ac->b", x, y), {"x": "n d", "y": "e h"}),
    ("TE201", lambda x, y: refused("abe,bce->ac", x, y), {"x": "n d v", "y": "1 h m"}),
    # TE716, of indices that are paired with other entries
    ("TE716", lambda x, i: x.gather(1, i), {"x": "n c", "i": "b e:long"}),
    ("TE716", lambda x, i: x.gather(0, i), {"x": "n b", "i": "e 1:long"}),
    ("TE716", lambda x, i, y: x.scatter(1, i, y), {"x": "b n", "i": "1 c:long", "y": "b e"}),
    ("TE716", lambda x, i, y: x.scatter(1, i, src=y), {"x": "b n", "i": "1 c:long", "y": "b e"}),
    # TE716, of positions in merged axes that are taken apart
    ("TE716", lambda x: x.flatten(1).argmax(1).int() // 29, {"x": "b h w"}),
    ("TE716", lambda x: x.flatten(0, 1).topk(3, 0).indices // 29, {"x": "h w d"}),
    ("TE716", lambda x: x.flatten(1).sort().indices // 29, {"x": "b h w"}),
    ("TE716", lambda x: x.flatten(1).argmax(1) // 31 // 23, {"x": "b c h w"}),
    ("TE716", lambda x: x.flatten(1).argmax(1) % (29 * 31) % 29, {"x": "b c h w"}),
    ("TE716", lambda x, y, z: x.flatten(0, 1)[y * 2 + z], {"x": "2 w d", "y": "n:long", "z": "n:long"}),
    ("TE716", lambda x, y, z: x.flatten(0, 1)[y * 29 + z * 1], {"x": "h w d", "y": "n:long", "z": "n:long"}),
    (
        "TE706",
        lambda x, y: (x / x.norm(dim=0, keepdim=True)) @ (y / y.norm(dim=0, keepdim=True)).mT,
        {"x": "n d", "y": "m d"},
    ),
    # TE717, of masks
    ("TE717", lambda x: x.softmax(-1), {"x": "b 1"}),
    ("TE717", lambda x: x.argmax(), {"x": "1 1"}),
    ("TE717", lambda x, m: x.masked_fill(m[:, :, None], -1e3).softmax(-1), {"x": "b t t", "m": "b t:bool"}),
    ("TE717", lambda x, m: hidden(x, m[:, :, None]).softmax(-1), {"x": "b 2 2", "m": "b 2:bool"}),
    ("TE717", lambda x, m: (hidden(x, m[:, :, None]) / 3).softmax(2), {"x": "b t t", "m": "b t:bool"}),
    ("TE717", lambda x, m: hidden(x, m[:, None]).softmax(-1), {"x": "b t t", "m": "t:bool"}),
    (
        "TE717",
        lambda x, m: hidden(x, m[:, :, None].expand(-1, -1, 13)).softmax(-1),
        {"x": "b t t", "m": "b t:bool"},
    ),
    ("TE717", lambda x, m: (x + (m * -1e9)[:, :, None]).softmax(-1), {"x": "b t t", "m": "b t"}),
    ("TE717", lambda x, m: ((m * -1e9)[:, :, None] + x).softmax(-1), {"x": "b t t", "m": "b t"}),
    (
        "TE717",
        lambda x, m, p: hidden(hidden(x, m), p[:, :, None]).softmax(-1),
        {"x": "b t t", "m": "t:bool", "p": "b t:bool"},
    ),
    (
        "TE717",
        lambda x, m, p: hidden(hidden(hidden(x, m), m[:, None]), p[:, :, None]).softmax(-1),
        {"x": "b t t", "m": "t:bool", "p": "b t:bool"},
    ),
    (
        "TE717",
        lambda x, p: hidden(x, ~(causal(x) & p[:, :, None])).softmax(-1),
        {"x": "b t t", "p": "b t:bool"},
    ),
    ("TE717", lambda q, p: attended(q, causal(q) & p[:, :, None]), {"q": "b t d", "p": "b t:bool"}),
    ("TE717", lambda q, p: attended(q, ~(causal(q) & p[:, :, None])), {"q": "b t d", "p": "b t:bool"}),
    (
        "TE717",
        lambda q, v, p: F.scaled_dot_product_attention(q, q, v, p[:, :, None]),
        {"q": "b t d", "v": "b t e", "p": "b t:bool"},
    ),
    # TE739, of shifts
    ("TE739", lambda x: x.roll(24, 1), {"x": "t experts"}),
    # TE741, of masks and of few entries
    ("TE741", lambda x: x * x.sort(0).values, {"x": "n 1"}),
    ("TE741", lambda x: x * x.sort().values, {"x": "1 v"}),
    ("TE741", lambda x: x * x.sort().values, {"x": "n 2"}),
    ("TE741", lambda x, b: (b + x).sort(-1).values * x, {"x": "n v", "b": "v"}),
    ("TE741", lambda x, m: torch.where(m, x, 0.0).sort(-1).values * x, {"x": "n v", "m": "n v:bool"}),
    ("TE741", lambda x: x.masked_fill(delayed(x.sort(-1).values > 1), 0), {"x": "n v"}),
    # TE733, of parts of a grid
    ("TE733", lambda: grid()[..., 0] / 31, {}),
    ("TE733", lambda: grid()[..., -1] / 29, {}),
    ("TE733", lambda: grid()[None][..., 0] / 31, {}),
    ("TE733", lambda: grid()[:, None][..., 0] / 31, {}),
    ("TE733", lambda: grid()[...][..., 0] / 31, {}),
    ("TE733", lambda: torch.arange(29)[3:] / 31, {}),
    ("TE733", lambda: (torch.arange(29) / 31, torch.arange(23) / 23), {}),
    # TE706, of weights on their way to a sum
    ("TE706", lambda q, k, v: ((q @ k.mT).softmax(1) / 2) @ v, QKV),
    ("TE706", lambda q, k, v: (q @ k.mT * k[:, :13, 0, None].exp()).softmax(1) @ v, QKV),
    (
        "TE706",
        lambda q, k, v: torch.einsum("bts,bsd->btd", torch.einsum("btd,bsd->bts", q, k).softmax(1), v),
        QKV,
    ),
    (
        "TE706",
        lambda q, k, v: (q @ k.mT).softmax(1).transpose(0, 1) @ v,
        {"q": "b t d", "k": "b s d", "v": "s e"},
    ),
    ("TE706", lambda x, y: F.nll_loss(x.softmax(0).log(), y), {"x": "b c", "y": "b:long"}),
    ("TE706", lambda x, y: x.log_softmax(0).gather(1, y[:, None]), {"x": "b c", "y": "b:long"}),
    # TE706, of vectors of length one
    ("TE706", lambda x, y: F.normalize(x) @ F.normalize(y).mT, {"x": "b t d", "y": "b s d"}),
    ("TE706", lambda x, y: F.normalize(x, 2.0, 0) @ F.normalize(y, 2.0, 0).mT, {"x": "n d", "y": "m d"}),
    ("TE706", lambda x, y: F.normalize(x, dim=0)[:5] @ F.normalize(y, dim=0).mT, {"x": "n d", "y": "m d"}),
    (
        "TE706",
        lambda x, y: torch.cat([F.normalize(each, dim=0) for each in (x, x)]) @ F.normalize(y, dim=0).mT,
        {"x": "n d", "y": "m d"},
    ),
    (
        "TE706",
        lambda x, y: (x / x.norm(dim=0, keepdim=True).clamp(min=1)) @ F.normalize(y, dim=0).mT,
        {"x": "n d", "y": "m d"},
    ),
    ("TE706", lambda x, y: F.normalize(x, dim=0) / 2 @ F.normalize(y, dim=0).mT, {"x": "n d", "y": "m d"}),
    (
        "TE706",
        lambda x, y: torch.cat([F.normalize(x, dim=0)]) @ F.normalize(y, dim=0).mT,
        {"x": "n d", "y": "m d"},
    ),
]

LEFT: list[Case] = [
    ("TE201", lambda x, y: torch.einsum("ab,bc->ac", x, y), {"x": "n 1", "y": "0 e"}),
    ("TE733", partial(warped, is_right=True), {"image": "c e s", "grid": "h w"}),
    ("TE734", lambda x: set_to(x, (slice(None), slice(None, -4))), {"x": "t d"}),
    ("TE734", lambda x: set_to(x, (slice(None), slice(1, None))), {"x": "t 1 d"}),
    ("TE734", lambda x: set_to(x, (..., slice(None, -4))), {"x": "t 1"}),
    ("TE734", lambda x: set_to(x, (slice(None), slice(0, 1))), {"x": "t 1"}),
    ("TE734", lambda x: set_to(x, (slice(None), slice(0, 4))), {"x": "t 1"}),
    ("TE734", lambda x: set_to(x, (slice(None), 0, slice(None, -4))), {"x": "t 1 d"}),
    ("TE708", lambda x, y: x + y, {"x": "t d:bool", "y": "t d:bool"}),
    ("TE708", lambda x, y: x + y, {"x": "t d:int64", "y": "t d:bool"}),
    ("TE708", lambda x, y: x * y, {"x": "t d", "y": "t d:bool"}),
    ("TE735", lambda x: x[..., :2], {"x": "b d*2"}),
    ("TE735", lambda x: x[..., :16], {"x": "b d*2"}),
    ("TE735", lambda x: x[..., 17:20], {"x": "b d*2"}),
    ("TE735", lambda x: x[:, None, :17], {"x": "b d*2"}),
    ("TE735", lambda x: x[:17], {"x": "n d*2"}),
    ("TE735", lambda x: x[None, :17], {"x": "n d*2"}),
    ("TE735", lambda x: x[..., :14], {"x": "b even*2"}),
    ("TE735", lambda x: x[..., :17:2], {"x": "b d*2"}),
    ("TE715", lambda x, y: torch.einsum("ij,jk->i", x, y), {"x": "n d", "y": "d e"}),
    ("TE715", lambda x: torch.einsum("ii->i", x), {"x": "n n"}),
    ("TE705", F.mse_loss, {"input": "b n", "target": "b n"}),
    ("TE705", lambda x, y: (x - y).pow(2).mean(0), {"x": "b 1", "y": "b n"}),
    ("TE705", lambda x, y: (x - y).pow(2).mean(), {"x": "b 1", "y": "b 1"}),
    ("TE705", lambda x, y: (x - y).mean(), {"x": "b 1", "y": "b n"}),
    ("TE705", lambda x, y: (x - y).pow(2).mean(), {"x": "b n", "y": "n"}),
    ("TE705", lambda x, y: y.pow(x - y).mean(), {"x": "b 1", "y": "b n"}),
    ("TE732", lambda x, y: (x * y).sum(), {"x": "n d", "y": "d"}),
    ("TE732", lambda x, y: (x[:, None] * y).sum(0), {"x": "n", "y": "d"}),
    ("TE732", lambda x, y: (x[:, :, None] * y).sum((1, 2)), {"x": "m b", "y": "b d"}),
    ("TE732", lambda x: (x[:, None] * x).sum(), {"x": "n"}),
    ("TE732", lambda x, y: (x[:, None] * y).sum(), {"x": "n:bool", "y": "d"}),
    ("TE732", lambda x, y: (lambda z: (z.exp(), z.sum()))(x[:, None] * y), {"x": "n", "y": "d"}),
    ("TE714", lambda x, y: x[:, : y.shape[1]], {"x": "m d", "y": "b t"}),
    ("TE714", lambda x, y: x[..., y.shape[1]], {"x": "m d", "y": "b t"}),
    ("TE714", lambda x: x[:, 3], {"x": "m d"}),
    ("TE714", lambda x: x[:, 8], {"x": "m d"}),
    ("TE714", lambda x: [x[:, i] for i in range(x.shape[1])], {"x": "m d"}),
    ("TE739", lambda x: torch.roll(x, (1, 2), (2, 3)), {"x": "b c h w"}),
    ("TE739", lambda x: torch.roll(x, 8, 1), {"x": "t d"}),
    ("TE739", lambda x: torch.roll(x, 9, -1), {"x": "t d"}),
    ("TE739", lambda x: torch.roll(x, 3), {"x": "t d"}),
    ("TE739", lambda x: torch.fft.fftshift(x, dim=(-2, -1)), {"x": "n c h w"}),
    ("TE739", lambda x: torch.roll(x, 1, 1), {"x": "b c*t"}),
    ("TE741", lambda x: x * x.sort(-1).indices, {"x": "n v"}),
    ("TE741", lambda x, y: y * x.sort(-1).values, {"x": "n v", "y": "n v"}),
    ("TE741", lambda x, y: x.sort(-1).values - y.sort(-1).values, {"x": "n v", "y": "n v"}),
    ("TE741", lambda x: (lambda s: s * s.softmax(-1))(x.sort(-1).values), {"x": "n v"}),
    ("TE741", lambda x: torch.cat([x, x.sort(-1).values]), {"x": "n v"}),
    ("TE741", lambda x: x[:, :, None] * x.sort(-1).values[:, None], {"x": "n v"}),
    ("TE741", lambda x: x * x.sort(-1).values, {"x": "n 1"}),
    ("TE741", lambda x: x * x.sort(-1).values.sum(-1, keepdim=True), {"x": "n v"}),
    ("TE706", lambda q, k, v: (q @ k.mT).softmax(2) @ v, {"q": "b t d", "k": "b s d", "v": "b s e"}),
    ("TE706", lambda a, x: a / a.sum(1, keepdim=True) @ x, {"a": "n m", "x": "m d"}),
    ("TE706", lambda a, x: a / x.sum(0, keepdim=True) @ x, {"a": "n d", "x": "d d"}),
    ("TE706", lambda a, x: a / a.amax(0, keepdim=True) @ x, {"a": "n m", "x": "m d"}),
    ("TE706", lambda a, x: a / a.sum(1, keepdim=True) / 2 @ x, {"a": "n m", "x": "m d"}),
    ("TE706", lambda p, q: q.softmax(0) * p.softmax(1), {"p": "b c", "q": "b c"}),
    ("TE706", lambda p, q: q.log_softmax(0) * p.log_softmax(1), {"p": "b c", "q": "b c"}),
    ("TE706", lambda p, q: q.softmax(1) * p.log_softmax(1), {"p": "b c", "q": "b c"}),
    ("TE717", lambda x: x.softmax(2), {"x": "b 1 t"}),
    ("TE704", lambda x, y: x * y, {"x": "b 1", "y": "n"}),
    ("TE704", lambda x: x / x.sum(1, keepdim=True), {"x": "n n"}),
    ("TE704", lambda x: x.sum(1, keepdim=True) + x.sum(1), {"x": "n d"}),
    ("TE704", lambda x, y: x.sum(1, keepdim=True) + y, {"x": "n d", "y": "m"}),
    ("TE704", lambda x, y: x[:, None] * y, {"x": "n", "y": "n"}),
    ("TE704", lambda x: x / x.sum(0), {"x": "n n"}),
    ("TE703", lambda x: x.transpose(1, 2).reshape(11, 13, 29 * 17), {"x": "b h t d"}),
    ("TE716", lambda x: x.flatten(1).argmax(1) // 31, {"x": "b h w"}),
    ("TE742", lambda x: x.roll(1, 1)[:, 1:], {"x": "b t d"}),
    ("TE742", lambda x: x.roll(1, 1)[:, 1:, 1:], {"x": "b t d"}),
    ("TE742", lambda x: x.roll(1, 1)[:, :, :-1], {"x": "b t d"}),
    ("TE742", lambda x: x.roll(1, 1)[:, :, 2:], {"x": "b t d"}),
    ("TE742", lambda x: x.roll((1, 1), (1, 2))[1:], {"x": "b t d"}),
    ("TE742", lambda x: (lambda y: (set_to(y, (slice(None), 0)), y[..., 1:]))(x.roll(1, 1)), {"x": "b t d"}),
    ("TE742", lambda x: (lambda y: (y[:, 0], y[..., 1:]))(x.roll(1, 1)), {"x": "b t d"}),
    ("TE742", lambda x: torch.cat([torch.ones_like(x[:, :1]), x[:, :-1]], 1).cumprod(-1), {"x": "n s"}),
    ("TE742", lambda x: torch.cat([torch.ones_like(x[:2]), x[:-1]]).cumprod(-1), {"x": "n s"}),
    ("TE742", lambda x: torch.cat([torch.ones_like(x[:1]), x]).cumprod(-1), {"x": "n s"}),
    ("TE742", lambda x: torch.cat([x[:1], x[:-1], x]).cumsum(0), {"x": "n s"}),
    ("TE742", lambda x: (lambda y: (y.cumsum(1), y.cumsum(0)))(torch.cat([x[:1], x[:-1]])), {"x": "n s"}),
    ("TE742", lambda x: torch.cat([torch.ones(1, 40), x[:-1, 1:]]).cumprod(-1), {"x": "n s"}),
    ("TE742", lambda x: x.roll(1, 1)[None, :, 1:], {"x": "b t d"}),
    ("TE742", lambda x: x.roll(1, 1)[..., 0], {"x": "b t d"}),
    ("TE742", lambda x: x.roll(1, 1)[:, :, 1::2], {"x": "b t d"}),
    ("TE742", lambda x: x.roll(1, 2)[..., 1:], {"x": "b t d"}),
    ("TE742", lambda x: x.roll(1, 2)[:, ..., 1:], {"x": "b t d"}),
    ("TE742", lambda x: torch.cat([x[:1], x[:-1]]).cumsum(0).cumsum(1), {"x": "n s"}),
    ("TE743", lambda q, k: q @ k.mT / math.sqrt(q.shape[2]), {"q": "b t d", "k": "b s d"}),
    ("TE743", lambda q, k: q @ k.mT / 2, {"q": "b t d", "k": "b s d"}),
    ("TE743", lambda q, k: q @ k.mT / math.sqrt(7), {"q": "b t d", "k": "b s d"}),
    ("TE743", lambda x, w: x @ w / math.sqrt(w.shape[1]), {"x": "b d", "w": "d e"}),
    ("TE743", lambda q, k: (q @ k.mT).softmax(-1) / math.sqrt(q.shape[1]), {"q": "b t d", "k": "b s d"}),
    (
        "TE743",
        lambda q, k: torch.einsum("bthd,bshd->bts", q, k) / math.sqrt(q.shape[1]),
        {"q": "b t h d", "k": "b s h d"},
    ),
    ("TE743", lambda q, k: q @ k.mT + math.sqrt(q.shape[1]), {"q": "b t d", "k": "b s d"}),
    ("TE743", lambda q, k: q @ k.mT * 0.0, {"q": "b t d", "k": "b s d"}),
    ("TE744", lambda x: F.cosine_similarity(x, x, dim=1), {"x": "b t d"}),
    ("TE744", lambda x: F.cosine_similarity(x, x), {"x": "b t d*c"}),
    ("TE744", lambda x: torch.softmax(x, 1), {"x": "b t d"}),
    ("TE744", lambda x: F.cosine_similarity(x, x, 1), {"x": "b t d"}),
    ("TE744", lambda x: F.cosine_similarity(x, x), {"x": "b d"}),
    ("TE744", lambda x: F.cosine_similarity(x, x), {"x": "b c h w"}),
    ("TE744", lambda x: F.cosine_similarity(x, x), {"x": "b d t"}),
    ("TE744", lambda x: F.cosine_similarity(x, x), {"x": "b c d"}),
    ("TE744", lambda x: F.cosine_similarity(x, x), {"x": "b c*t d"}),
    ("TE744", lambda x: F.cosine_similarity(x, x), {"x": "b 5 d"}),
    ("TE744", lambda x: F.softmax(x), {"x": "b c h w"}),
    ("TE744", lambda x: F.softmax(x), {"x": "b c"}),
    ("TE744", lambda x: F.softmax(x, dim=0), {"x": "b t d"}),
    ("TE739", lambda x: x * torch.arange(x.shape[2])[:, None].cos(), {"x": "b heads t d"}),
    ("TE739", lambda x: x * torch.arange(x.shape[2])[:, None].cos(), {"x": "b c h w"}),
    ("TE739", lambda x: torch.arange(53).pow(2).sin(), {"x": "b t heads d"}),
    ("TE739", lambda x: torch.arange(2, 53).sin(), {"x": "b t heads d"}),
    ("TE739", lambda x: torch.arange(29).sin(), {"x": "b c h w"}),
    (
        "TE716",
        lambda x, y, z: x.flatten(0, 1)[y * x.shape[1] + z],
        {"x": "h w d", "y": "n:long", "z": "n:long"},
    ),
    ("TE716", lambda x, y: x[y * 29], {"x": "v d", "y": "n:long"}),
    ("TE716", lambda x, y: x.flatten(0, 1)[(y * 29) * 31], {"x": "h w d", "y": "n:long"}),
    ("TE717", lambda q, p: attended(q, causal(q) & p[:, None]), {"q": "b t d", "p": "b t:bool"}),
    (
        "TE717",
        lambda q, p: attended(q, causal(q) | (p[:, None] & p[:, :, None])),
        {"q": "b t d", "p": "b t:bool"},
    ),
    ("TE717", lambda q, p: attended(q, p[:, None] | p[:, :, None]), {"q": "b t d", "p": "b t:bool"}),
    ("TE717", lambda q: attended(q, causal(q)), {"q": "b t d"}),
    ("TE706", lambda x, m: (x * m).sum(1) * m.sum(0).mean(), {"x": "b t", "m": "b t"}),
    ("TE706", lambda x, m: x * m / m.sum(1, keepdim=True), {"x": "b t", "m": "b t"}),
    ("TE706", lambda x, m, y: (x * m).sum(1) / y.sum(0).mean(), {"x": "b t", "m": "b t", "y": "b t"}),
    ("TE706", lambda x, m: x.sum() / ((x * m).sum(1) + m.sum(0).mean()), {"x": "b t", "m": "b t"}),
    ("TE706", lambda x, m: (x + m).sum(1) / m.sum(0).mean(), {"x": "b t", "m": "b t"}),
    ("TE706", lambda x, m: (x * m[..., None]).sum(1) / m.sum(1, keepdim=True), {"x": "b t d", "m": "b t"}),
    ("TE706", lambda x, m: (x * m[..., None]).sum(1) / m.sum(), {"x": "b t d", "m": "b t"}),
    ("TE706", lambda x, m: x.sum(1) / m.sum(0).mean(), {"x": "b t d", "m": "b t"}),
    ("TE745", lambda x, m: (x * m[:, :, None]).softmax(-1), {"x": "b t s", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m[:, None]).softmax(1), {"x": "b t s", "m": "b s:bool"}),
    ("TE745", lambda x, m: (x * m + (1 - m.float()) * -1e9).softmax(-1), {"x": "b s", "m": "b s:bool"}),
    ("TE745", lambda x, m: (x * m).softmax(-1) * m, {"x": "b s", "m": "b s:bool"}),
    ("TE745", lambda x, m: (x * m).softmax(-1).clone().masked_fill(~m, 0), {"x": "b s", "m": "b s:bool"}),
    ("TE745", lambda x, m: torch.where(m, (x * m).softmax(-1), 0.0), {"x": "b s", "m": "b s:bool"}),
    ("TE745", lambda x, m: x.masked_fill(m, -1e9).softmax(-1), {"x": "b s", "m": "b s:bool"}),
    ("TE745", lambda x, m: x.masked_fill(m, 1).softmax(-1), {"x": "b s", "m": "b s:bool"}),
    ("TE745", lambda x, m: torch.where(m, x, 1.0).softmax(-1), {"x": "b s", "m": "b s:bool"}),
    ("TE745", lambda x, m: torch.where(m, 0.0, x).amax(-1), {"x": "b s", "m": "b s:bool"}),
    ("TE745", lambda x, m: (x * (m - 1.0)).softmax(-1), {"x": "b s", "m": "b s:float32"}),
    ("TE745", lambda x: (x * (x > 0)).softmax(-1), {"x": "b s"}),
    ("TE745", lambda x: (x * (torch.arange(41) < 3)).softmax(-1), {"x": "b s"}),
    ("TE745", lambda x, y: (x * (y == y.T)).softmax(-1), {"x": "n n", "y": "n 1:long"}),
    ("TE745", lambda x, y: (x * (y != 0)).softmax(-1), {"x": "b s", "y": "b s"}),
    ("TE745", lambda x, m: (x * ~(x > 0) * m[:, None]).softmax(-1), {"x": "b s", "m": "b:bool"}),
    ("TE745", lambda x, m: (x.relu() * m).amax(1), {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x.pow(2).sum(-1).sqrt() * m).amax(1), {"x": "b t d", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x.clamp(min=0) * m).amax(1), {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x.clamp(0) * m).amax(1), {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m).softmax(0), {"x": "b s", "m": "s:bool"}),
    ("TE745", lambda x, m: (x * m).sum(1).cumsum(0) / 13, {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m, y: (y + (x * m).sum(1)) / 13, {"x": "b t", "m": "b t:bool", "y": "b"}),
    ("TE745", lambda x, m: (x * m).abs(), {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x.pow(2) * m).amax(1), {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: ((x.abs() * x.exp())[:, :3] * m[:, :3]).amax(1), {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m).sum(1) / m.sum(1), {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m).sum(1) / 7, {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: x.sum(1) / x.shape[1] * m[:, 0], {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m[..., None]).sum(-1) / x.shape[2], {"x": "b t d", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m).mean() / m.float().mean().clamp(min=1e-6), {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m).sum() / x.numel() / m.float().mean(), {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m).mean(), {"x": "b", "m": "b:bool"}),
    ("TE745", lambda x, m: (x * m[:, None]).mean(), {"x": "b t", "m": "b:bool"}),
    ("TE745", lambda x, m: (x + m[:, None].float()).mean(), {"x": "b t", "m": "b:bool"}),
    ("TE745", lambda m: (m * ~m).float().mean(), {"m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m / 0.9).mean(1), {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (x * m * (1 / 0.9)).mean(1), {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x, m: (2 * (x * m)).sum(1) / 31, {"x": "b 31", "m": "b 31:bool"}),
    ("TE745", lambda x, m: (x * m).mean(1) / 0.9, {"x": "b t", "m": "b t:bool"}),
    ("TE745", lambda x: (x * (torch.randint(0, 9, x.shape) != 0)).mean(1), {"x": "b t"}),
    ("TE745", lambda x: (x * (torch.rand_like(x) > 0.1).tril()).mean(1), {"x": "b t"}),
    ("TE745", lambda x: (x * torch.bernoulli(torch.full_like(x, 0.9)).bool().tril()).mean(1), {"x": "b t"}),
    ("TE733", lambda x: torch.arange(x.shape[1]) / x.shape[1], {"x": "b h w"}),
    ("TE733", lambda x: torch.arange(2, x.shape[1] + 2) / x.shape[2], {"x": "b h w"}),
    ("TE733", lambda x: torch.arange(1, x.shape[1] + 1) / x.shape[1], {"x": "b h w"}),
    ("TE733", lambda x: (torch.arange(29) / 31, torch.arange(31) / 31), {"x": "b h w"}),
    ("TE733", lambda x: (torch.arange(31) / 31, torch.arange(29) / 31), {"x": "b h w"}),
    ("TE733", lambda x: torch.div(torch.arange(29), 31, rounding_mode="floor"), {"x": "b h w"}),
    ("TE733", lambda x: x[torch.arange(13)], {"x": "n d"}),
    ("TE733", lambda x, y: x[y.argmax(0)], {"x": "n d", "y": "n b"}),
    ("TE733", lambda x, y: x[None, y.argmax(1)], {"x": "n d", "y": "b c"}),
    ("TE733", lambda x, y: x[y.max(1).values.long()], {"x": "b d", "y": "b c"}),
    ("TE733", lambda x, y: x[y.argmax(1)], {"x": "5 d", "y": "b c"}),
    ("TE733", lambda x, y: x[y.argmax(1)], {"x": "n d", "y": "b 5"}),
    ("TE733", lambda x, y: x[y.flatten(1).argmax(1)], {"x": "n d", "y": "b h w"}),
    ("TE743", lambda x: x.sum(1) / x.shape[1], {"x": "b c"}),
    ("TE743", lambda x: (x.sum(1) / x.shape[0]).sum(), {"x": "b c"}),
    ("TE743", lambda x: x.sum(1).sum(0) / x.shape[0], {"x": "b c"}),
    ("TE743", lambda x: x.sum(1) * x.shape[0], {"x": "b c"}),
    ("TE743", lambda x: x.sum() / x.shape[0], {"x": "b c"}),
    ("TE743", lambda x: x.sum(1) / 7, {"x": "b c"}),
    ("TE743", lambda x: x.sum(1) / 2.0, {"x": "b c"}),
    ("TE743", lambda x: x / x.shape[0], {"x": "b c"}),
    ("TE743", lambda x: x.mean(1) / x.shape[0], {"x": "b c"}),
    ("TE743", lambda q, k, v: q @ k.mT / k.shape[1] @ v, {"q": "b t d", "k": "b s d", "v": "b s e"}),
    ("TE743", lambda x: x.T @ x / (x.shape[0] - 1), {"x": "n d"}),
    ("TE743", lambda x: (x.sum(1) / x.shape[0]).sum().exp().mean(), {"x": "b c"}),
    ("TE743", lambda x, w: torch.einsum("...d,de->...e", x, w) / x.shape[0], {"x": "b d", "w": "d e"}),
    ("TE743", lambda x, w: x @ torch.nn.Parameter(w) / x.shape[0], {"x": "b d", "w": "d e"}),
    ("TE704", lambda x: x / x.sum(1)[:, None], {"x": "n n"}),
    ("TE704", lambda x: x / x.sum(1).unsqueeze(-1), {"x": "n n"}),
    ("TE704", lambda x: x / x.sum(1)[:, None].clamp(min=1), {"x": "n n"}),
    ("TE704", lambda x: (lambda d: d[:, None] * x * d)(x.sum(1).rsqrt()), {"x": "n n"}),
    ("TE704", lambda x: (lambda d: d * x * d[:, None])(x.sum(1).rsqrt()), {"x": "n n"}),
    ("TE704", lambda x, y: x / y.sum(1), {"x": "n n", "y": "n n"}),
    ("TE704", lambda x: x + x.sum(1), {"x": "n n"}),
    ("TE704", lambda x: x / x.sum(1)[0], {"x": "n n"}),
    ("TE704", lambda x: x / x.sum(1), {"x": "1 1"}),
    ("TE704", lambda x: x / x.sum(0)[:, None], {"x": "1 1"}),
    ("TE704", lambda x: x - x.max(1)[1], {"x": "n n"}),
    ("TE704", lambda x, y: (x + y) / x.sum(1), {"x": "n n", "y": "b 1 1"}),
    ("TE704", lambda x, y: (x + y) / x.sum(0)[:, None], {"x": "n n", "y": "b 1 1"}),
    ("TE704", lambda x: x / x.sum(1).cumsum(0), {"x": "n n"}),
    ("TE704", lambda x: x / x.sum((0, 1)), {"x": "n n"}),
    ("TE704", lambda x: x[None] / x.sum(0)[:, None], {"x": "n n"}),
    ("TE731", lambda x: (x.view(2, 7, 17) + 1, x.view(2, 7, 17) + 1), {"x": "even d"}),
    ("TE731", partial(turned, by_halves=True, in_halves=True), {"x": "n t 12"}),
    ("TE731", lambda x: turned_chunks(x, 2, count=1), {"x": "even 12"}),
    ("TE731", lambda x: turned_chunks(x, 2, 0, count=1), {"x": "even 12"}),
    ("TE731", lambda x: turned_chunks(x, 3, -1, count=1), {"x": "n t 12"}),
    ("TE731", lambda x: turned_chunks(x, 2, -1, count=0), {"x": "even 12"}),
    ("TE731", lambda x, y: torch.cat((-x[..., 6:], y), -1) * beside(12), {"x": "n t 12", "y": "n t 6"}),
    (
        "TE731",
        lambda x: torch.stack((-x[..., 6:], x[..., :6]), -1).flatten(-2) * torch.arange(6).repeat(2),
        {"x": "n t 12"},
    ),
    ("TE731", lambda x, y: y.view_as(exchanged(x)) * beside(12), {"x": "n t 12", "y": "n t 12"}),
    ("TE731", lambda x: x[6:] * 2, {"x": "12"}),
    ("TE731", lambda x, y: exchanged(x) * y, {"x": "n t 12", "y": "12"}),
    ("TE731", lambda x: exchanged(x) * torch.arange(4).repeat_interleave(3, -1), {"x": "n t 12"}),
    ("TE731", lambda x: exchanged(x) * beside(4), {"x": "n t 4"}),
    ("TE731", lambda x: x[..., 6:] * beside(6), {"x": "n t 12"}),
    (
        "TE731",
        lambda x, s: torch.cat((s * x[..., 6:], x[..., :6]), -1) * beside(12),
        {"x": "n t 12", "s": "t 6"},
    ),
    ("TE731", lambda x: turned_chunks(x, 2, -1, count=0), {"x": "n even 12"}),
    ("TE731", partial(turned, by_halves=False, in_halves=False), {"x": "n t 12"}),
    ("TE731", lambda x: (x.view(2, 7, 17).mT + 1, x.view(7, 2, 17) + 1), {"x": "even d"}),
    ("TE704", lambda x, y: x.softmax(1) * y, {"x": "b d", "y": "d"}),
    ("TE704", lambda x, y: torch.max(x, y), {"x": "b d", "y": "b d"}),
    ("TE704", lambda q, a: q[:, a].mean(), {"q": "b c", "a": "n:long"}),
    ("TE704", lambda q, a: q[:, a].mean(0), {"q": "b c", "a": "b:long"}),
    ("TE704", lambda q, a: q[:, a].amax(), {"q": "b c", "a": "b:long"}),
    ("TE704", lambda q, a: q[:, a].mean(), {"q": "b c", "a": "b n:long"}),
    ("TE704", lambda q, a: q[None, :, a].mean(), {"q": "c b d", "a": "b:long"}),
    ("TE704", lambda q, a, i: q[:, a, i].mean(), {"q": "b c d", "a": "b:long", "i": "b:long"}),
    ("TE707", lambda x: (x * 1).float(), {"x": "b t:bfloat16"}),
    ("TE707", lambda x: x.bfloat16().float(), {"x": "b t:long"}),
    ("TE707", lambda x: x.half() * 2, {"x": "b t"}),
    ("TE707", lambda x: x.half().bfloat16(), {"x": "b t"}),
    ("TE707", lambda x: x.half().argmax(1), {"x": "b t"}),
    ("TE707", lambda x: x.long(), {"x": "b t"}),
    ("TE707", lambda x: (x.sin() * 5).long(), {"x": "b t"}),
    ("TE707", lambda x: x.sin().double(), {"x": "b t"}),
    ("TE707", lambda x: x.sin().to(torch.bool), {"x": "b t"}),
    ("TE707", lambda x: x.sin().to(torch.complex64), {"x": "b t"}),
    ("TE703", lambda x, y: x + y, {"x": "b*t", "y": "b*t"}),
    ("TE703", lambda x, y: x + y, {"x": "b*t*d", "y": "b*221"}),
    ("TE703", lambda x, y: x + y, {"x": "n*n*d", "y": "d*361"}),
    ("TE703", lambda x, y: x + y, {"x": "d*361", "y": "n*n*d"}),
    ("TE703", lambda x, y: x + y, {"x": "n*n*d", "y": "n*d*n"}),
    ("TE703", lambda x, y: torch.outer(x, y), {"x": "h*w", "y": "w*h"}),
    ("TE703", lambda x: x.mT, {"x": "b t"}),
    ("TE703", lambda: torch.zeros(7, 9).reshape(9, 7), {}),
    ("TE703", F.cross_entropy, {"input": "b*t c", "target": "b*t:long"}),
    ("TE703", lambda x, y: torch.cat([x, y]), {"x": "h*w n", "y": "w*h n"}),
    ("TE703", lambda x, y: torch.cat([x, y], dim=-1), {"x": "n h*w", "y": "n w*h"}),
    (
        "TE703",
        lambda x, y: (torch.zeros(7)[:, None] * x).flatten() + (y[:, None] * torch.zeros(7)).flatten(),
        {"x": "even", "y": "2*7"},
    ),
    ("TE101", lambda x, y: torch.einsum("ab,bc->ac", x, y), {"x": "n d", "y": "d e"}),
    ("TE101", lambda x, y: torch.einsum(x, [0, 1], y, [1, 2], [0, 2]), {"x": "n d", "y": "d e"}),
    ("TE110", lambda x, y: torch.einsum("ab,bc->ac", x, y), {"x": "n d", "y": "d e"}),
    ("TE110", lambda x, y: torch.einsum("ab,bc->ac", x, y), {"x": "n d", "y": "1 e"}),
    ("TE201", lambda x, y: torch.einsum("ab,bc->ac", x, y), {"x": "n d", "y": "d e"}),
    ("TE201", lambda x, y: torch.einsum("ab,bc->ac", x, y), {"x": "n 1", "y": "1 e"}),
    ("TE201", lambda x, y: refused("ab,bc->ac", x, y), {"x": "n d", "y": "e h"}),
    ("TE716", lambda x, i: x.gather(1, i), {"x": "b n", "i": "b e:long"}),
    ("TE716", lambda x, i: x.gather(-1, i), {"x": "b n", "i": "b e:long"}),
    ("TE716", lambda x, i: x.gather(1, i), {"x": "n*d c", "i": "n'*b e:long"}),
    ("TE716", lambda i: torch.zeros(60, 23).gather(1, i), {"i": "b e:long"}),
    ("TE716", lambda x, i: x.scatter(1, i, 1.0), {"x": "b n", "i": "b c:long"}),
    ("TE716", lambda x, y: y[x.flatten(1).argmax(1)] // 29, {"x": "b h w", "y": "v:long"}),
    ("TE716", lambda x, y: x.argmax() == y, {"x": "w", "y": "b:long"}),
    ("TE716", lambda x, y: x.argmax() // 31 == y, {"x": "h w", "y": "b:long"}),
    ("TE716", lambda x, y: x.flatten(1).argmax(1) == y, {"x": "b h w", "y": "b:long"}),
    ("TE716", lambda x, y: x == y, {"x": "b:long", "y": "b:long"}),
    ("TE716", lambda x: x.max() // 29, {"x": "h*w:long"}),
    ("TE716", lambda x: x[2:5], {"x": "b d"}),
    ("TE716", lambda x, y: x.flatten(0, 1)[(y * 1.0).long()], {"x": "2 w d", "y": "n:long"}),
    ("TE716", lambda x, y: x.flatten(0, 1)[(y * 29).long()], {"x": "h w d", "y": "n"}),
    ("TE716", lambda x: torch.unravel_index(x.flatten(1).argmax(1), (29, 31)), {"x": "b h w"}),
    ("TE716", lambda x: torch.unravel_index(x.flatten(1).argmax(1), (30, 30)), {"x": "b h w"}),
    ("TE706", lambda x, v: F.normalize(x, dim=0) @ (v / v.norm(dim=0, keepdim=True)), {"x": "n d", "v": "d"}),
    ("TE717", lambda x: F.softmax(x), {"x": "b c"}),
    ("TE717", lambda x: x.exp(), {"x": "1 1"}),
    ("TE717", lambda x: x.sum(1), {"x": "b t"}),
    ("TE717", lambda x: x.sum().exp(), {"x": "b t"}),
    ("TE717", lambda x: x.argmax(1), {"x": "b t"}),
    ("TE717", lambda x: x.argmax(), {"x": "t"}),
    ("TE717", lambda x: x.argmax(), {"x": "1 t"}),
    ("TE717", lambda x: x.sum((0, 1), keepdim=True).argmax(), {"x": "b t"}),
    ("TE717", lambda x, y: [each.argmax(1) for each in (x, y)], {"x": "b t", "y": "b 1"}),
    ("TE717", lambda x, m: x.masked_fill(m[:, :, None], 0.0).softmax(-1), {"x": "b t t", "m": "b t:bool"}),
    ("TE717", lambda x, m: hidden(x, m[:, None]).softmax(-1), {"x": "b t t", "m": "b t:bool"}),
    ("TE717", lambda x, m: hidden(x, m[:, :, None]).softmax(-1), {"x": "b t s", "m": "b t:bool"}),
    (
        "TE717",
        lambda x, m: hidden(hidden(x, m[:, None]), m[:, :, None]).softmax(-1),
        {"x": "b t t", "m": "b t:bool"},
    ),
    (
        "TE717",
        lambda x, m: hidden(hidden(x, m[:, None, None]), m[:, None, :, None]).softmax(-1),
        {"x": "b h t t", "m": "b t:bool"},
    ),
    (
        "TE717",
        lambda x, m, p: (hidden(x, m[:, None]) + (p * -1e9)[:, :, None]).softmax(-1),
        {"x": "b t t", "m": "b t:bool", "p": "b t"},
    ),
    ("TE717", lambda x, m: (x + m.float()[:, :, None]).softmax(-1), {"x": "b t t", "m": "b t:bool"}),
    (
        "TE717",
        lambda x, m: torch.maximum(x, (m * -1e9)[:, :, None]).softmax(-1),
        {"x": "b t t", "m": "b t"},
    ),
    (
        "TE717",
        lambda x, y, m: (x + y.view_as(m * -1e9)[:, :, None]).softmax(-1),
        {"x": "b t t", "y": "b t", "m": "b t"},
    ),
    (
        "TE717",
        lambda x, y, m: torch.maximum(y, hidden(x, m[:, :, None])).softmax(-1),
        {"x": "b t t", "y": "b t t", "m": "b t:bool"},
    ),
    (
        "TE717",
        lambda x, y, m: (hidden(x, m[:, :, None]) + y).softmax(-1),
        {"x": "1 t t", "y": "b t t", "m": "1 t:bool"},
    ),
    ("TE717", lambda q: F.scaled_dot_product_attention(q, q, q), {"q": "b t d"}),
    ("TE739", lambda x: x.softmax(1), {"x": "b c"}),
    ("TE739", lambda x: x.sum(1, keepdim=True).roll(1, 1), {"x": "b c"}),
    ("TE739", lambda x: torch.fft.fftshift(x, (2, 3)), {"x": "n c h w"}),
    ("TE739", lambda: torch.arange(13).sin(), {}),
    ("TE739", lambda: torch.arange(53) * 2, {}),
    ("TE741", lambda x: x.sort(-1).values * 2, {"x": "n v"}),
    ("TE741", lambda x, y: (x + y) * x.sort(-1).values, {"x": "n v", "y": "b 1 1"}),
    ("TE741", lambda x: x[:, :].sort(-1).values * x, {"x": "n v"}),
    ("TE741", lambda x, y: y[x.sort(-1).values] * x.float(), {"x": "n v:long", "y": "v"}),
    ("TE733", lambda: grid()[..., 0] / 29, {}),
    ("TE733", lambda: grid()[..., 1] / 31, {}),
    ("TE733", lambda: grid()[3][..., 0] / 31, {}),
    ("TE733", lambda: grid()[2:9][..., 0] / 31, {}),
    ("TE733", lambda: grid() / 31, {}),
    ("TE733", lambda: torch.arange(29) / 7, {}),
    ("TE733", lambda: (torch.arange(29)[:, None] * 31 + torch.arange(31)) / 31, {}),
    ("TE733", lambda x: x / 31, {"x": "b"}),
    ("TE733", lambda x: x.view_as(torch.arange(29)) / 31, {"x": "h"}),
    ("TE733", lambda x: x[torch.arange(29)] / 31, {"x": "h"}),
    ("TE733", lambda x: torch.stack([x]), {"x": "h"}),
    ("TE733", lambda x: torch.stack([x, x], -1), {"x": "h"}),
    ("TE733", lambda: torch.stack([torch.arange(29)]) / 31, {}),
    ("TE733", lambda x, y: x[y.argmax(1)], {"x": "n*d e", "y": "b c"}),
    (
        "TE733",
        lambda x, places: F.grid_sample(x, places.sum(1, keepdim=True), align_corners=False),
        {"x": "n c e s", "places": "n h w 2"},
    ),
    (
        "TE706",
        lambda q, k, v: (q @ Parameter(k)).softmax(1) @ v,
        {"q": "b t d", "k": "b d s", "v": "b s e"},
    ),
    ("TE706", lambda q, k, v: (q @ k.mT).softmax(1) @ Parameter(v), QKV),
    ("TE706", lambda q, k, v: (q @ k.mT).softmax(1).tanh() @ v, QKV),
    ("TE706", lambda q, k, v: ((q @ k.mT).softmax(1) / v[:, None, :, 0]) @ v, QKV),
    ("TE706", lambda q, k, v: (q @ k.mT).softmax(1) @ v, {"q": "b 1 d", "k": "b s d", "v": "b s e"}),
    ("TE706", lambda a, x: a.softmax(0) @ x, {"a": "n m", "x": "m d"}),
    ("TE706", lambda x, c: (x @ c.mT).softmax(-1).mT @ x, {"x": "n d", "c": "m d"}),
    (
        "TE706",
        lambda p, q: F.kl_div(p.log_softmax(1), q.softmax(1), reduction="sum"),
        {"p": "b c", "q": "b c"},
    ),
    (
        "TE706",
        lambda p, q: F.kl_div(p.log_softmax(0), q.log_softmax(1), reduction="sum", log_target=True),
        {"p": "b c", "q": "b c"},
    ),
    ("TE706", lambda x, y: (x.log_softmax(1) * y).sum(1), {"x": "b c", "y": "b c"}),
    ("TE706", lambda x, y: (x.log_softmax(1) * y).sum(), {"x": "b c", "y": "b c"}),
    ("TE706", lambda x, y: (x.log_softmax(1) * y).sum((0, 1)), {"x": "b c", "y": "b c"}),
    ("TE706", lambda x, y: (x.softmax(1) * y).sum(0), {"x": "b c", "y": "b c"}),
    ("TE706", lambda x, y: F.nll_loss(x.log_softmax(1), y), {"x": "b c", "y": "b:long"}),
    ("TE706", lambda x, y: F.nll_loss(x.log_softmax(0), y), {"x": "c", "y": ":long"}),
    ("TE706", lambda x, y: x.log_softmax(1).gather(1, y[:, None]), {"x": "b c", "y": "b:long"}),
    ("TE706", lambda x, i: x.log_softmax(0).gather(1, i.expand(13, 1)), {"x": "t c", "i": "1 1:long"}),
    ("TE706", lambda x, y: x.log_softmax(0).gather(1, y), {"x": "b c", "y": "b 5:long"}),
    ("TE706", lambda x, y: F.normalize(x) @ F.normalize(y).mT, {"x": "n d", "y": "m d"}),
    ("TE706", lambda x, y: F.normalize(x, dim=0) @ y.mT, {"x": "n d", "y": "m d"}),
    (
        "TE706",
        lambda x, y: torch.cat([F.normalize(x, dim=0), x]) @ F.normalize(y, dim=0).mT,
        {"x": "n d", "y": "m d"},
    ),
    (
        "TE706",
        lambda x, y: (x / x.abs().norm(dim=0, keepdim=True)) @ F.normalize(y, dim=0).mT,
        {"x": "n d", "y": "m d"},
    ),
    ("TE706", lambda x: F.normalize(x, dim=(0, 1)), {"x": "n d"}),  # type: ignore[arg-type]
    # TE706, of weights that are meant
    ("TE706", lambda x: F.softmax(x), {"x": "b c"}),
    ("TE706", lambda a, x: (a + a.sum(0, keepdim=True)) @ x, {"a": "n m", "x": "m d"}),
    ("TE706", lambda a, x: (a / a.sum(1, keepdim=True)).mT @ x, {"a": "n m", "x": "n d"}),
    (
        "TE706",
        lambda q, k, x: torch.einsum("bts,bte->bse", (q @ k.mT).softmax(2), x),
        {"q": "b t d", "k": "b s d", "x": "b t e"},
    ),
    ("TE706", talking, {"q": "b t h d", "k": "b s h d", "mix": "h heads", "v": "b s heads e"}),
    (
        "TE706",
        lambda x, y, z, w: torch.einsum("tv,tv->", (x @ y.mT).softmax(0) @ (y @ z.mT).softmax(1), w),
        {"x": "t d", "y": "s d", "z": "v d", "w": "t v"},
    ),
    ("TE706", lambda x, y: (y * x.log_softmax(1)).sum(1), {"x": "b n", "y": "b n'"}),
    ("TE706", lambda x, y: F.nll_loss(x.log_softmax(0), y), {"x": "n n'", "y": "n:long"}),
    (
        "TE706",
        lambda x, y, z: torch.gather(x.log_softmax(1), 1, y[:, None], out=z),
        {"x": "b c", "y": "b:long", "z": "b 1"},
    ),
]


@pytest.mark.filterwarnings("ignore:Using a target size", "ignore:reduction", "ignore:Implicit dimension")
@pytest.mark.parametrize(("code", "function", "shapes"), SEEN)
def test_a_rule_sees(code: str, function: Callable[..., object], shapes: dict[str, str]) -> None:
    assert code in [found for found, *_ in seen(function, shapes)]


@pytest.mark.filterwarnings("ignore:Implicit dimension")
@pytest.mark.parametrize(("code", "function", "shapes"), LEFT)
def test_a_rule_leaves_alone(code: str, function: Callable[..., object], shapes: dict[str, str]) -> None:
    assert code not in [found for found, *_ in seen(function, shapes)]


MESSAGES: list[tuple[Callable[..., object], dict[str, str], tuple[str, str, str]]] = [
    (
        lambda x, y: F.mse_loss(x, y, weight=x),  # type: ignore[call-arg]
        {"x": "b 1", "y": "b"},
        ("TE705", "error", "`mse_loss` of (b, 1) and (b): unequal shapes are broadcast; give both the same"),
    ),
    (
        lambda x, m: (x * m[:, None]).softmax(-1),
        {"x": "b t s", "m": "b s:bool"},
        (
            "TE745",
            "error",
            "a softmax over `s` of scores that a mask has set to 0: a score of 0 has a weight like any "
            "other; fill masked scores with -inf",
        ),
    ),
    (
        lambda x, m: (x * m).amax((0, 1)),
        {"x": "b t", "m": "b t:bool"},
        (
            "TE745",
            "advice",
            "`amax` over `b`, `t` of entries that a mask has set to 0: 0 may be the highest number; fill "
            "masked entries with -inf",
        ),
    ),
    (
        lambda x, m: (x * m).amin(-1),
        {"x": "b t", "m": "b t:bool"},
        (
            "TE745",
            "advice",
            "`amin` over `t` of entries that a mask has set to 0: 0 may be the lowest number; fill masked "
            "entries with inf",
        ),
    ),
    (
        lambda x, m: (x * m).mean(1),
        {"x": "b t", "m": "b t:bool"},
        (
            "TE745",
            "advice",
            "a mean over `t` counts entries that a mask has set to 0: divide the sum by the number of "
            "entries that are kept",
        ),
    ),
    (
        lambda x, m: (x * m).sum(1) / x.shape[1],
        {"x": "b t", "m": "b t:bool"},
        (
            "TE745",
            "advice",
            "a mean over all entries counts entries that a mask has set to 0: divide the sum by the number "
            "of entries that are kept",
        ),
    ),
    (
        lambda x: torch.arange(x.shape[1]) / x.shape[2],
        {"x": "b h w"},
        (
            "TE733",
            "advice",
            "positions along `h` are divided by the size of `w`: is the size of `h` meant?",
        ),
    ),
    (
        lambda x, y: x[y.argmax(1)],
        {"x": "n d", "y": "b c"},
        (
            "TE733",
            "advice",
            "positions along `c` are used as positions along `n`: is another axis meant in the search?",
        ),
    ),
    (
        lambda x: (torch.arange(29) / x.shape[2], torch.arange(31) / x.shape[1]),
        {"x": "b h w"},
        (
            "TE733",
            "error",
            "positions along `w` are divided by the size of `h`, and those along `h` are divided by the size "
            "of `w`: the two are exchanged",
        ),
    ),
    (
        lambda x: x.sum((1, 2)) / x.shape[0],
        {"x": "b c t"},
        (
            "TE743",
            "advice",
            "a sum over `c`, `t` is divided by the size of `b`: is the size of what was summed meant?",
        ),
    ),
    (
        lambda x: (x.sum((1, 2)) / x.shape[0]).mean(),
        {"x": "b c t"},
        (
            "TE743",
            "error",
            "a sum over `c`, `t` is divided by the size of `b`, and the mean over `b` divides by that again: "
            "divide by the size of what was summed",
        ),
    ),
    (
        lambda x: x / x.sum(0)[:, None],
        {"x": "n n"},
        (
            "TE704",
            "advice",
            "a reduction over axis 0 is used along axis 0 of what it was computed from, and not along axis "
            "1: only for a symmetric matrix is that the same",
        ),
    ),
    (
        lambda x: x - x.masked_fill(x > 0, 0).logsumexp(1),
        {"x": "2 2"},
        (
            "TE704",
            "error",
            "without keepdim=True this reduction over axis 1 is broadcast along axis 1 again, and not along "
            "axis 0: say keepdim=True",
        ),
    ),
    (
        lambda x: set_to(x, (slice(None), slice(None, -4))),
        {"x": "t 1 d"},
        (
            "TE734",
            "error",
            "nothing is assigned: `:-4` along axis 1 of (t, 1, d) is empty, since this axis has one entry; "
            "slice the axis that is meant",
        ),
    ),
    (
        lambda x, y: torch.einsum("ij,jj->i", x, y),
        {"x": "n d", "y": "d d"},
        (
            "TE715",
            "error",
            "letter `j` stands twice in operand 2: only its diagonal is multiplied; for a matrix, use "
            "two letters",
        ),
    ),
    (
        lambda x: x[..., :17],
        {"x": "b d*2"},
        (
            "TE735",
            "error",
            "`d*2` is cut after 17 entries, as many as its outer axis `d` has; but entries of `d` lie 2 "
            "apart, since `2` is the inner axis: split the two first",
        ),
    ),
    (
        lambda x: torch.fft.fftshift(x, dim=1),
        {"x": "n c h w"},
        (
            "TE739",
            "advice",
            "`fftshift` shifts `c`, axis 1, whose entries have no order: say which axes are to be shifted",
        ),
    ),
    (
        lambda x, y: (x[:, None] * y).sum(),
        {"x": "n", "y": "d"},
        (
            "TE732",
            "error",
            "a product is summed over `n` of one factor and `d` of the other: it is the product of two sums, "
            "and no entries are matched; give both factors the axis that is meant",
        ),
    ),
    (
        lambda x: x.roll(1, 1)[:, :, 1:],
        {"x": "b t d"},
        (
            "TE742",
            "error",
            "entries are shifted along `t`, axis 1 of (b, t, d), but the cut is along `d`: both belong to "
            "one axis",
        ),
    ),
    (
        lambda x: torch.cat([torch.ones_like(x[:1]), x[:-1]]).cumprod(-1),
        {"x": "n s"},
        (
            "TE742",
            "error",
            "entries are shifted along `n`, axis 0 of (n, s), but `cumprod` runs along `s`: both belong to "
            "one axis",
        ),
    ),
    (
        lambda q, k: q @ k.mT / math.sqrt(q.shape[1]),
        {"q": "b t d", "k": "b s d"},
        (
            "TE743",
            "error",
            "products summed over `d` are scaled by the square root of the size of `t`: the sum has as many "
            "terms as `d` has entries",
        ),
    ),
    (
        F.cosine_similarity,
        {"x1": "b t d", "x2": "b t d"},
        (
            "TE744",
            "error",
            "`cosine_similarity` without `dim` works along axis 1 of (b, t, d), `t`: for `d`, say `dim=-1`",
        ),
    ),
    (
        lambda x: F.softmax(x),
        {"x": "b t d"},
        (
            "TE744",
            "error",
            "`softmax` without `dim` works along axis 0 of (b, t, d), `b`: for `d`, say `dim=-1`",
        ),
    ),
    (
        lambda x: x * torch.arange(x.shape[1])[:, None, None].cos(),
        {"x": "b heads t d"},
        (
            "TE739",
            "error",
            "positions along `heads` become angles, but its entries have no order: count along the axis of "
            "the times",
        ),
    ),
    (
        lambda x, y: x.flatten(0, 1)[y * 29],
        {"x": "h w d", "y": "n:long"},
        (
            "TE716",
            "error",
            "a position in `h*w` is counted with the size of `h`, but entries of `h` lie 31 apart: multiply "
            "with the size of the inner axis, `w`",
        ),
    ),
    (
        lambda x, m: (x * m[..., None]).sum(1) / m.sum(0).mean(),
        {"x": "b t d", "m": "b t"},
        (
            "TE706",
            "error",
            "products with weights are summed over `t`, and divided by the weights summed over `b`: they do "
            "not add up to 1; divide by their sum over `t`",
        ),
    ),
    (
        lambda q, a: q[:, a].mean(),
        {"q": "b c", "a": "b:long"},
        (
            "TE704",
            "error",
            "`x[:, index]` takes the index of every `b` for every `b`: to pick one entry for each, write "
            "`x[arange(len(x)), index]` or use gather",
        ),
    ),
    (
        lambda x: x.bfloat16().float(),
        {"x": "b t"},
        (
            "TE707",
            "error",
            "precision is lost: what becomes bf16 here becomes f32 again later, and neighbouring "
            "values are equal by then",
        ),
    ),
    (
        lambda x: x.sin().long(),
        {"x": "b t"},
        ("TE707", "error", "`sin` returns at most 1, and becomes i64 here: only whole numbers are left"),
    ),
    (
        lambda x, y: x + y,
        {"x": "b*t", "y": "t*b"},
        (
            "TE703",
            "error",
            "`add` combines `b*t` with `t*b`: the same axes, merged in another order, so that entries are "
            "matched wrongly; permute one before its reshape",
        ),
    ),
    (
        lambda x, y: torch.einsum("bd,td", x, y),
        {"x": "b d", "y": "t d"},
        ("TE101", "advice", "the equation has no `->`: torch implies the output `bt`"),
    ),
    (
        lambda x, y: torch.einsum("td,bd", x, y),
        {"x": "t d", "y": "b d"},
        (
            "TE101",
            "error",
            "the equation has no `->`: torch implies the output `bt`, in the order of the alphabet and not "
            "as written, `tb`",
        ),
    ),
    (
        lambda x, y: torch.einsum("ab,cd->ad", x, y),
        {"x": "n c", "y": "c d"},
        (
            "TE108",
            "advice",
            "letter `b` (c) is in operand 1 alone and not in the output: it is summed without a partner",
        ),
    ),
    (
        lambda x, y: torch.einsum("ab,cd->ad", x, y),
        {"x": "n c", "y": "c d"},
        (
            "TE108",
            "error",
            "`b` in operand 1 and `c` in operand 2 are both `c`, but each is summed by itself; give both one "
            "letter, and their entries are multiplied pairwise",
        ),
    ),
    (
        lambda x, y: refused("ab,bc->ac", x, y),
        {"x": "n d", "y": "e h"},
        ("TE110", "error", "letter `b` stands for `d` in operand 1 but for `e` in operand 2"),
    ),
    (
        lambda x, y: torch.einsum("ab,bc->ac", x, y),
        {"x": "n 1", "y": "d e"},
        (
            "TE201",
            "error",
            "letter `b` is `1` in operand 1 but `d` in operand 2: torch repeats the axis of size 1",
        ),
    ),
    (
        lambda x, i: x.gather(1, i),
        {"x": "b n", "i": "1 e:long"},
        (
            "TE716",
            "error",
            "`gather` with an index of (1, e) takes one entry of `b` from (b, n): an index is not broadcast; "
            "expand it along `b`, or pick along that axis",
        ),
    ),
    (
        lambda x: x.flatten(1).argmax(1) // 29,
        {"x": "b h w"},
        (
            "TE716",
            "error",
            "a position in `h*w` is divided by the size of `h`, and the quotient taken: the inner axis is "
            "`w`, so its size is the one to divide by",
        ),
    ),
    (
        lambda x, y: x.argmax() == y,
        {"x": "b c", "y": "b:long"},
        (
            "TE716",
            "error",
            "one position among all of `b*c` is compared with each of several; say `dim=` where it is found",
        ),
    ),
    (
        lambda x: torch.unravel_index(x.flatten(1).argmax(1), (31, 29)),
        {"x": "b h w"},
        (
            "TE716",
            "error",
            "a position in `h*w` is unravelled into axes of (31, 29), in another order",
        ),
    ),
    (
        lambda x: x.log_softmax(1),
        {"x": "b 1"},
        (
            "TE717",
            "error",
            "a log_softmax over axis 1 of (b, 1), which has one entry: the result is 0 everywhere; take the "
            "axis of the choices",
        ),
    ),
    (
        lambda x: x.softmax(1),
        {"x": "b 1"},
        (
            "TE717",
            "error",
            "a softmax over axis 1 of (b, 1), which has one entry: the result is 1 everywhere; take the "
            "axis of the choices",
        ),
    ),
    (
        lambda x, m: hidden(x, m[:, :, None]).softmax(-1),
        {"x": "b t t", "m": "b t:bool"},
        (
            "TE717",
            "error",
            "a mask varies along axis 1 of (b, t, t), and the softmax is over axis 2: it masks whole rows, "
            "and no `t` within a row; let it vary along axis 2",
        ),
    ),
    (
        lambda q, k, m: F.scaled_dot_product_attention(q, k, k, m[:, :, None]),
        {"q": "b t d", "k": "1 t d", "m": "b t:bool"},
        (
            "TE717",
            "error",
            "a mask varies along axis 1 of (b, t, t), and the softmax is over axis 2: it masks whole rows, "
            "and no `t` within a row; let it vary along axis 2",
        ),
    ),
    (
        partial(warped, is_right=False),
        {"image": "c e s", "grid": "h w"},
        (
            "TE733",
            "error",
            "`grid_sample` takes positions along `w` first, and then those along `h`: the two are exchanged, "
            "and the image is transposed",
        ),
    ),
    (
        lambda q, k, v: (q @ k.mT).softmax(1) @ v,
        QKV,
        (
            "TE706",
            "error",
            "weights are normalised over `t` but summed over `s`: they do not add up to 1; the softmax "
            "belongs over the axis that is summed",
        ),
    ),
    (
        lambda q, k, v: (q @ k.mT).softmax(1) @ v,
        {"q": "b t d", "k": "b t' d", "v": "b t' e"},
        (
            "TE706",
            "error",
            "weights are normalised over `t`, axis 1 of (b, t, t), but summed over `t`, axis 2 of (b, t, t): "
            "they do not add up to 1; the softmax belongs over the axis that is summed",
        ),
    ),
    (
        lambda a, x: a / a.sum(0, keepdim=True) @ x,
        {"a": "n m", "x": "m d"},
        (
            "TE706",
            "advice",
            "weights are normalised over `n` but summed over `m`: they do not add up to 1; the division "
            "belongs over the axis that is summed",
        ),
    ),
    (
        lambda x, y: (x.log_softmax(1) * y).sum(0),
        {"x": "b c", "y": "b c"},
        (
            "TE706",
            "error",
            "log-probabilities are normalised over `c` but summed over `b`; the log_softmax belongs over `b`",
        ),
    ),
    (
        lambda x, y: F.nll_loss(x.log_softmax(0), y),
        {"x": "b c", "y": "b:long"},
        (
            "TE706",
            "error",
            "log-probabilities are normalised over `b` but one is picked along `c`; the log_softmax belongs "
            "over `c`",
        ),
    ),
    (
        lambda x, y: F.normalize(x, dim=0) @ F.normalize(y, dim=0).mT,
        {"x": "n d", "y": "m d"},
        (
            "TE706",
            "error",
            "vectors are normalised along `n` but multiplied along `d`: the products are not cosines; "
            "normalise along `d`",
        ),
    ),
]


@pytest.mark.filterwarnings("ignore:Implicit dimension")
@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize(("function", "shapes", "message"), MESSAGES, ids=[each[2][0] for each in MESSAGES])
def test_what_a_rule_says(
    function: Callable[..., object], shapes: dict[str, str], message: tuple[str, str, str]
) -> None:
    assert message in seen(function, shapes)


@pytest.mark.parametrize(("by_halves", "split"), [(True, ("6*2", "2*6")), (False, ("2*6", "6*2"))])
def test_a_turn_says_how_its_axis_is_split_TE731(by_halves: bool, split: tuple[str, str]) -> None:
    function = partial(turned, by_halves=by_halves, in_halves=not by_halves)
    (message,) = {message for code, _, message in seen(function, {"x": "n t 12"}) if code == "TE731"}
    here, there = split
    assert message.startswith(f"an axis of 12 entries is split as {here} here but as {there} in line ")


@pytest.mark.parametrize(
    ("function", "severity"),
    [
        (lambda x: x.sum(1) / x.shape[0], "advice"),
        (lambda x: (x.sum(1) / x.shape[0]).mean(), "error"),
        (lambda x: (-x.sum(1) / x.shape[0] + 1).mean(0), "error"),
        (lambda x: (x.sum(1) / x.shape[0]).exp().mean(0), "advice"),
    ],
)
def test_a_sum_that_is_divided_twice_is_one_error_TE743(
    function: Callable[[Tensor], Tensor], severity: str
) -> None:
    assert [found for _, found, _ in seen(function, {"x": "b c"})] == [severity]


def test_a_rule_that_fails_is_no_failure_of_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told as a warning, and what other rules say is told all the same."""

    def fails(operation: object, tracked: object, facts: object) -> Iterator[Flaw]:
        raise ValueError("the truth value is ambiguous")

    monkeypatch.setattr(registry, "RULES", {"TE700": fails, **registry.RULES})
    with pytest.warns(RuntimeWarning, match=r"the rule of TE700 failed at `\w+` with ValueError: the truth"):
        ((code, severity, _),) = seen(lambda x: x / x.sum(1), {"x": "n n"})
    assert (code, severity) == ("TE704", "error")


@pytest.mark.parametrize(
    ("equation", "shapes", "errors"),
    [
        ("ab,cd->ad", ("n c", "c d"), 1),
        ("ab,cd->a", ("n c", "c d"), 1),
        ("ab,acd->ad", ("n c", "n c d"), 1),
        ("ab,cd->ad", ("n c", "e d"), 0),
        ("ab,acd->d", ("n c", "n c d"), 0),
        ("ab,cd->cd", ("n n", "d e"), 0),
    ],
)
def test_two_letters_of_one_axis_are_summed_apart_TE108(
    equation: str, shapes: tuple[str, str], errors: int
) -> None:
    found = seen(lambda x, y: torch.einsum(equation, x, y), dict(zip("xy", shapes, strict=True)))
    operands, output = equation.split("->")
    lone = [letter for letter in operands if letter.isalpha() and operands.count(letter) == 1]
    alone = [each for each in found if each[:2] == ("TE108", "advice")]
    assert len(alone) == len(set(lone) - set(output))
    assert len([each for each in found if each[:2] == ("TE108", "error")]) == errors


def test_of_one_tensor_no_letter_stands_beside_another_operand_TE108() -> None:
    square = seen(lambda x: torch.einsum("ab,cd->ac", x, x), {"x": "n c"})
    assert [severity for code, severity, _ in square if code == "TE108"] == ["advice", "advice"]
    assert seen(lambda x: torch.einsum("ab->a", x), {"x": "n c"}) == []


def test_two_axes_that_are_exchanged_are_one_error_TE733() -> None:
    found = seen(lambda: (torch.arange(29) / 31, torch.arange(31) / 29), {})
    assert [severity for _, severity, _ in found] == ["error"]
