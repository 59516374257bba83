"""(b*h, t, d) viewed as (b, t, h*d) without a transpose.

Source: https://github.com/meta-pytorch/opacus/pull/825
Fix: view, transpose(1,2), view.
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(
    attn: Float[Tensor, "b*h t s"], v: Float[Tensor, "b*h s d"], query: Float[Tensor, "b t h*d"]
) -> Float[Tensor, "b t h*d"]:
    b, t, e = query.shape
    out = torch.bmm(attn, v)
    return out.contiguous().view(b, t, e)


def fixed(
    attn: Float[Tensor, "b*h t s"], v: Float[Tensor, "b*h s d"], query: Float[Tensor, "b t h*d"]
) -> Float[Tensor, "b t h*d"]:
    b, t, e = query.shape
    out = torch.bmm(attn, v)
    h = out.shape[0] // b
    return out.view(b, h, t, e // h).transpose(1, 2).reshape(b, t, e)


def reference(attn, v, query):
    b = query.shape[0]
    h = attn.shape[0] // b
    return torch.stack([torch.cat([attn[i * h + j] @ v[i * h + j] for j in range(h)], -1) for i in range(b)])


def example():
    return dict(attn=rnd(6, 4, 5).softmax(-1), v=rnd(6, 5, 2), query=rnd(2, 4, 6))
