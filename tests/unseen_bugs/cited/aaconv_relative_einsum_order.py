"""Einsum 'bhxyd,md->bhmxy' then reshape to (-1, nh*h, w, m).

Source: https://github.com/leaderj1001/Attention-Augmented-Conv2d/issues/1
Fix: 'bhxyd,md->bhxym'.
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(q: Float[Tensor, "b nh h w d"], rel_k: Float[Tensor, "m d"]) -> Float[Tensor, "b nh*h w m"]:
    B, Nh, H, W, d = q.shape
    rel_logits = torch.einsum("bhxyd,md->bhmxy", q, rel_k)
    return torch.reshape(rel_logits, (-1, Nh * H, W, rel_k.shape[0]))


def fixed(q: Float[Tensor, "b nh h w d"], rel_k: Float[Tensor, "m d"]) -> Float[Tensor, "b nh*h w m"]:
    B, Nh, H, W, d = q.shape
    rel_logits = torch.einsum("bhxyd,md->bhxym", q, rel_k)
    return torch.reshape(rel_logits, (-1, Nh * H, W, rel_k.shape[0]))


def reference(q, rel_k):
    return torch.cat([q[:, i] @ rel_k.T for i in range(q.shape[1])], 1)


def example():
    return dict(q=rnd(2, 2, 3, 4, 5), rel_k=rnd(7, 5))
