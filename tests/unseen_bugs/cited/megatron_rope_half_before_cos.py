"""Freqs.half().cos().

Source: https://github.com/deepspeedai/Megatron-DeepSpeed/pull/206
Fix: freqs.cos().half().
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(x: Float[Tensor, "t b h 8"], inv_freq: Float[Tensor, "4"]) -> Float[Tensor, "t b h 8"]:
    seq = torch.arange(float(x.shape[0]))
    emb = torch.outer(seq, inv_freq).repeat(1, 2)[:, None, None].half()
    x1, x2 = x.chunk(2, -1)
    return x * emb.cos().to(x.dtype) + torch.cat([-x2, x1], -1) * emb.sin().to(x.dtype)


def fixed(x: Float[Tensor, "t b h 8"], inv_freq: Float[Tensor, "4"]) -> Float[Tensor, "t b h 8"]:
    seq = torch.arange(float(x.shape[0]))
    emb = torch.outer(seq, inv_freq).repeat(1, 2)[:, None, None]
    x1, x2 = x.chunk(2, -1)
    return x * emb.cos().to(x.dtype) + torch.cat([-x2, x1], -1) * emb.sin().to(x.dtype)


def reference(x, inv_freq):
    out = x.clone()
    for t in range(len(x)):
        for i in range(4):
            c, s = (torch.cos(t * inv_freq[i]), torch.sin(t * inv_freq[i]))
            out[t, ..., i] = x[t, ..., i] * c - x[t, ..., i + 4] * s
            out[t, ..., i + 4] = x[t, ..., i + 4] * c + x[t, ..., i] * s
    return out


def example():
    return dict(x=rnd(2000, 1, 1, 8), inv_freq=1 / 10000 ** (torch.arange(4) / 4))
