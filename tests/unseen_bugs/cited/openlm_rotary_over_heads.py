"""Rotary angles built for axis -2, which is heads in (b, t, h, d).

Source: https://github.com/mlfoundations/open_lm/issues/4
Fix: permute so that axis -2 is the sequence.
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def rotate(x: Tensor) -> Tensor:
    n, d = x.shape[-2:]
    inv = 1.0 / 10000 ** (torch.arange(0, d // 2).float() / (d // 2))
    ang = torch.arange(float(n))[:, None] * inv[None]
    ang = torch.cat([ang, ang], -1)
    x1, x2 = x.chunk(2, dim=-1)
    return x * ang.cos() + torch.cat([-x2, x1], -1) * ang.sin()


def buggy(q: Float[Tensor, "b t h 8"], k: Float[Tensor, "b t h 8"]) -> Float[Tensor, "b h t t"]:
    q, k = (rotate(q), rotate(k))
    return torch.einsum("bqhd,bkhd->bhqk", q, k)


def fixed(q: Float[Tensor, "b t h 8"], k: Float[Tensor, "b t h 8"]) -> Float[Tensor, "b h t t"]:
    q = rotate(q.permute(0, 2, 1, 3)).permute(0, 2, 1, 3)
    k = rotate(k.permute(0, 2, 1, 3)).permute(0, 2, 1, 3)
    return torch.einsum("bqhd,bkhd->bhqk", q, k)


def reference(q, k):
    b, t, h, d = q.shape
    return torch.stack(
        [torch.stack([rotate(q[i, :, j]) @ rotate(k[i, :, j]).T for j in range(h)]) for i in range(b)]
    )


def example():
    return dict(q=rnd(2, 5, 3, 8), k=rnd(2, 5, 3, 8, seed=1))
