"""What the modules of `typed_einsum.nn` compute, written out from the definitions, head by head.

The references work on a checkpoint, a mapping from parameter names to tensors, so that names and shapes are
part of what is compared. They know nothing of the library. At the end, what the comparisons need.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from typed_einsum import errors

M = TypeVar("M", bound=nn.Module)

Checkpoint = Mapping[str, Tensor]
EPS = 1e-5
"""What is added to a variance: the default of torch's batch norm and layer norm."""


def part(checkpoint: Checkpoint, name: str) -> dict[str, Tensor]:
    """The parameters below a name, such as `attn`."""
    start = f"{name}."
    return {key[len(start) :]: value for key, value in checkpoint.items() if key.startswith(start)}


def batch_norm(checkpoint: Checkpoint, x: Tensor, training: bool) -> Tensor:
    mean, variance = checkpoint["running_mean"], checkpoint["running_var"]
    if training:
        mean = x.mean((0, 2, 3))
        variance = (x - mean[:, None, None]).square().mean((0, 2, 3))
    gain = checkpoint["weight"] / (variance + EPS).sqrt()
    return x * gain[:, None, None] + (checkpoint["bias"] - mean * gain)[:, None, None]


def conv(checkpoint: Checkpoint, x: Tensor, *, act: bool, training: bool) -> Tensor:
    weight = checkpoint["conv.weight"]
    y = F.conv2d(x, weight, padding=weight.shape[2] // 2, groups=x.shape[1] // weight.shape[1])
    y = batch_norm(part(checkpoint, "bn"), y, training)
    return y * y.sigmoid() if act else y


def head_scores(
    checkpoint: Checkpoint, x: Tensor, guide: Tensor, heads: int, training: bool
) -> list[list[Tensor]]:
    """For each image and head, the score of every text at every pixel: `n` by `h w`."""
    embed = x
    if "ec.conv.weight" in checkpoint:
        embed = conv(part(checkpoint, "ec"), x, act=False, training=training)
    texts = guide @ checkpoint["gl.weight"].T + checkpoint["gl.bias"]
    channels = embed.shape[1] // heads
    scores = []
    for image, of_image in zip(embed, texts, strict=True):
        pixels = image.flatten(1).split(channels, 0)
        vectors = of_image.split(channels, 1)
        scores.append([v @ p / math.sqrt(channels) for v, p in zip(vectors, pixels, strict=True)])
    return scores


def max_sigmoid_attention(
    checkpoint: Checkpoint,
    x: Tensor,
    guide: Tensor,
    heads: int,
    *,
    training: bool = False,
    real: Sequence[Sequence[int]] | None = None,
) -> Tensor:
    """The block. `real` lists, for each image, the texts that are not padding."""
    value = conv(part(checkpoint, "proj_conv"), x, act=False, training=training)
    images = []
    for b, of_image in enumerate(head_scores(checkpoint, x, guide, heads, training)):
        parts = []
        for m, (scores, pixels) in enumerate(zip(of_image, value[b].chunk(heads, 0), strict=True)):
            kept = scores if real is None else scores[list(real[b])]
            weight = torch.zeros_like(scores[0])
            if len(kept):
                weight = 1 / (1 + torch.exp(-(kept.max(0).values + checkpoint["bias"][m])))
            if "scale" in checkpoint:
                weight = weight * checkpoint["scale"][0, m, 0, 0]
            parts.append(pixels * weight.view(pixels.shape[1:]))
        images.append(torch.cat(parts))
    return torch.stack(images)


def clear_winners(
    checkpoint: Checkpoint, x: Tensor, guide: Tensor, heads: int, *, training: bool, margin: float
) -> Tensor:
    """Where the best text leads by a margin, for each image, head and pixel: `b m h w`.

    Elsewhere rounding may choose another winner, whose gradient is another one.
    """
    rows = head_scores(checkpoint, x, guide, heads, training)
    if guide.shape[1] == 1:
        return torch.ones(len(x), heads, *x.shape[2:], dtype=torch.bool)
    best = torch.stack([torch.stack([scores.topk(2, 0).values for scores in row]) for row in rows])
    return (best[:, :, 0] - best[:, :, 1] > margin).unflatten(2, x.shape[2:])


def bottleneck(checkpoint: Checkpoint, x: Tensor, *, shortcut: bool, training: bool) -> Tensor:
    y = conv(part(checkpoint, "cv1"), x, act=True, training=training)
    y = conv(part(checkpoint, "cv2"), y, act=True, training=training)
    return x + y if shortcut else y


def c2f_attention(
    checkpoint: Checkpoint, x: Tensor, guide: Tensor, heads: int, *, shortcut: bool, training: bool
) -> Tensor:
    y = conv(part(checkpoint, "cv1"), x, act=True, training=training)
    half = y.shape[1] // 2
    stages = [y[:, :half], y[:, half:]]
    count = len({key.split(".")[1] for key in checkpoint if key.startswith("m.")})
    for i in range(count):
        step = bottleneck(part(checkpoint, f"m.{i}"), stages[-1], shortcut=shortcut, training=training)
        stages.append(step)
    attended = max_sigmoid_attention(part(checkpoint, "attn"), stages[-1], guide, heads, training=training)
    return conv(part(checkpoint, "cv2"), torch.cat([*stages, attended], 1), act=True, training=training)


def projected(checkpoint: Checkpoint, name: str, x: Tensor) -> Tensor:
    """Layer norm over the last axis, then a linear map."""
    centred = x - x.mean(-1, keepdim=True)
    unit = centred / (centred.square().mean(-1, keepdim=True) + EPS).sqrt()
    scaled = unit * checkpoint[f"{name}.0.weight"] + checkpoint[f"{name}.0.bias"]
    return scaled @ checkpoint[f"{name}.1.weight"].T + checkpoint[f"{name}.1.bias"]


def patches(image: Tensor, side: int) -> Tensor:
    """The maximum of each of `side * side` cells; neighbours share a row where sizes do not divide."""

    def cells(size: int) -> list[slice]:
        return [slice(i * size // side, -(-(i + 1) * size // side)) for i in range(side)]

    height, width = image.shape[-2:]
    rows = [image[..., r, c].amax((-2, -1)) for r in cells(height) for c in cells(width)]
    return torch.stack(rows, -1)


def image_pooling_attention(
    checkpoint: Checkpoint, levels: Sequence[Tensor], text: Tensor, heads: int, side: int
) -> Tensor:
    pooled = []
    for i, level in enumerate(levels):
        weight, bias = checkpoint[f"projections.{i}.weight"], checkpoint[f"projections.{i}.bias"]
        image = (weight[:, :, 0, 0] @ level.flatten(2)) + bias[:, None]
        pooled.append(patches(image.unflatten(2, level.shape[2:]), side))
    seen = torch.cat(pooled, 2).transpose(1, 2)
    query = projected(checkpoint, "query", text)
    key, value = (projected(checkpoint, name, seen) for name in ("key", "value"))
    channels = query.shape[2] // heads
    mixed = []
    for m in range(heads):
        q, k, v = (x[..., m * channels : (m + 1) * channels] for x in (query, key, value))
        scores = torch.exp(q @ k.transpose(1, 2) / math.sqrt(channels))
        mixed.append(scores @ v / scores.sum(2, keepdim=True))
    update = torch.cat(mixed, 2) @ checkpoint["proj.weight"].T + checkpoint["proj.bias"]
    return text + update * checkpoint.get("scale", torch.ones(1, dtype=update.dtype))


def contrastive_scores(checkpoint: Checkpoint, x: Tensor, texts: Tensor, *, training: bool) -> Tensor:
    """Either head: with batch norm where the checkpoint has one, else with pixels of length 1."""
    if "norm.weight" in checkpoint:
        x = batch_norm(part(checkpoint, "norm"), x, training)
    else:
        x = x / x.square().sum(1, keepdim=True).sqrt()
    unit = texts / texts.square().sum(2, keepdim=True).sqrt()
    scores = (unit @ x.flatten(2)).unflatten(2, x.shape[2:])
    return scores * torch.exp(checkpoint["logit_scale"]) + checkpoint["bias"]


def randomised(module: M, seed: int = 0) -> M:
    """Every parameter and statistic drawn anew: what is zero or one at first would hide mistakes."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in itertools.chain(module.named_parameters(), module.named_buffers()):
        if name.endswith("running_var"):
            value.data = torch.rand(value.shape, generator=generator) + 0.5
        elif value.is_floating_point():
            spread = 1 / math.sqrt(value[0].numel()) if value.ndim > 1 and name != "scale" else 0.5
            value.data = spread * torch.randn(value.shape, generator=generator)
            if name.endswith(("bn.weight", "norm.weight", "scale")):
                value.data += 1
    return module


def close(left: Tensor, right: Tensor, tolerance: float) -> None:
    """Equal up to a tolerance, relative to the largest value."""
    assert left.shape == right.shape
    assert left.dtype == right.dtype
    error, largest = (left - right).abs().max().item(), right.abs().max().item()
    assert error <= tolerance * largest, f"{error:.1e} off, of {largest:.1e}"


def refused(code: str, call: Any, *arguments: Any, **keywords: Any) -> str:
    """The message of a call that must be refused with a code."""
    with pytest.raises(errors.TypedEinsumError) as caught:
        call(*arguments, **keywords)
    assert caught.value.code == code
    return str(caught.value)
