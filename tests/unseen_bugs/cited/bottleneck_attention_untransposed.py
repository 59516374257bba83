"""Matmul(v, attention) sums over queries.

Source: https://github.com/leaderj1001/BottleneckTransformers/issues/14
Fix: matmul(v, attention^T).
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(
    q: Float[Tensor, "b nh d n"], k: Float[Tensor, "b nh d n"], v: Float[Tensor, "b nh d n"]
) -> Float[Tensor, "b nh d n"]:
    energy = torch.matmul(q.permute(0, 1, 3, 2), k)
    attention = F.softmax(energy, dim=-1)
    return torch.matmul(v, attention)


def fixed(
    q: Float[Tensor, "b nh d n"], k: Float[Tensor, "b nh d n"], v: Float[Tensor, "b nh d n"]
) -> Float[Tensor, "b nh d n"]:
    energy = torch.matmul(q.permute(0, 1, 3, 2), k)
    attention = F.softmax(energy, dim=-1)
    return torch.matmul(v, attention.permute(0, 1, 3, 2))


def reference(q, k, v):
    out = torch.empty_like(v)
    for i in range(q.shape[-1]):
        a = torch.einsum("bhd,bhdj->bhj", q[..., i], k).softmax(-1)
        out[..., i] = torch.einsum("bhj,bhdj->bhd", a, v)
    return out


def example():
    return dict(q=rnd(2, 2, 3, 5), k=rnd(2, 2, 3, 5, seed=1), v=rnd(2, 2, 3, 5, seed=2))
