"""Emb_sin.repeat(1,1,2) (tiled) while pairs are (even, odd).

Source: https://github.com/facebookresearch/vjepa2/pull/15
Fix: repeat_interleave(2, -1).
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(x: Float[Tensor, "b h n d*2"], freq: Float[Tensor, "n d"]) -> Float[Tensor, "b h n d*2"]:
    emb_sin = freq.sin().repeat(1, 2)
    emb_cos = freq.cos().repeat(1, 2)
    y = x.unflatten(-1, (-1, 2))
    y1, y2 = y.unbind(dim=-1)
    y = torch.stack((-y2, y1), dim=-1).flatten(-2)
    return x * emb_cos + y * emb_sin


def fixed(x: Float[Tensor, "b h n d*2"], freq: Float[Tensor, "n d"]) -> Float[Tensor, "b h n d*2"]:
    emb_sin = freq.sin().repeat_interleave(2, dim=-1)
    emb_cos = freq.cos().repeat_interleave(2, dim=-1)
    y = x.unflatten(-1, (-1, 2))
    y1, y2 = y.unbind(dim=-1)
    y = torch.stack((-y2, y1), dim=-1).flatten(-2)
    return x * emb_cos + y * emb_sin


def reference(x, freq):
    out = torch.empty_like(x)
    for i in range(freq.shape[1]):
        a, b = (x[..., 2 * i], x[..., 2 * i + 1])
        c, s = (freq[:, i].cos(), freq[:, i].sin())
        out[..., 2 * i], out[..., 2 * i + 1] = (a * c - b * s, b * c + a * s)
    return out


def example():
    return dict(x=rnd(2, 2, 4, 6), freq=rnd(4, 3))
