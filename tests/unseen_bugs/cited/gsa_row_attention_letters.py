"""'ndxy,xid->nixy' and 'nixy,neiy->nexy' in row attention.

Source: https://github.com/lucidrains/global-self-attention-network/issues/1
Fix: 'ndxy,yid->nixy', 'nixy,nexi->nexy'.
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(
    q: Float[Tensor, "n d x x"], v: Float[Tensor, "n e x x"], rel: Float[Tensor, "x x d"]
) -> Float[Tensor, "n e x x"]:
    S = torch.einsum("ndxy,xid->nixy", q, rel)
    return torch.einsum("nixy,neiy->nexy", S, v)


def fixed(
    q: Float[Tensor, "n d x x"], v: Float[Tensor, "n e x x"], rel: Float[Tensor, "x x d"]
) -> Float[Tensor, "n e x x"]:
    S = torch.einsum("ndxy,yid->nixy", q, rel)
    return torch.einsum("nixy,nexi->nexy", S, v)


def reference(q, v, rel):
    n, d, X, Y = q.shape
    out = torch.zeros(n, v.shape[1], X, Y)
    for x in range(X):
        for y in range(Y):
            for i in range(Y):
                s = (q[:, :, x, y] * rel[y, i]).sum(-1)
                out[:, :, x, y] += s[:, None] * v[:, :, x, i]
    return out


def example():
    return dict(q=rnd(2, 3, 4, 4), v=rnd(2, 5, 4, 4), rel=rnd(4, 4, 3))
