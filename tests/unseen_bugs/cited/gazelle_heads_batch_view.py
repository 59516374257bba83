"""Output folded as (b h) viewed as (h, b) and permuted as if (b, h).

Source: https://github.com/gazelle93/Transformer-Various-Positional-Encoding/issues/1
Fix: view(b, h, t, d).
"""

import math

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(
    query: Float[Tensor, "b h t d"], key: Float[Tensor, "b h t d"], value: Float[Tensor, "b h t d"]
) -> Float[Tensor, "b t h*d"]:
    b, h, t, d = query.shape
    q, k, v = (x.reshape(b * h, t, d) for x in (query, key, value))
    out = torch.bmm(torch.softmax(torch.bmm(q, k.transpose(1, 2)) / math.sqrt(d), -1), v)
    out = out.view(h, b, -1, d)
    out = out.permute(0, 2, 1, 3)
    return out.contiguous().view(b, -1, h * d)


def fixed(
    query: Float[Tensor, "b h t d"], key: Float[Tensor, "b h t d"], value: Float[Tensor, "b h t d"]
) -> Float[Tensor, "b t h*d"]:
    b, h, t, d = query.shape
    q, k, v = (x.reshape(b * h, t, d) for x in (query, key, value))
    out = torch.bmm(torch.softmax(torch.bmm(q, k.transpose(1, 2)) / math.sqrt(d), -1), v)
    out = out.view(b, h, -1, d)
    out = out.permute(0, 2, 1, 3)
    return out.contiguous().view(b, -1, h * d)


def reference(query, key, value):
    o = (query @ key.mT / math.sqrt(query.shape[-1])).softmax(-1) @ value
    return torch.cat([o[:, i] for i in range(o.shape[1])], -1)


def example():
    return dict(query=rnd(2, 3, 4, 5), key=rnd(2, 3, 4, 5, seed=1), value=rnd(2, 3, 4, 5, seed=2))
