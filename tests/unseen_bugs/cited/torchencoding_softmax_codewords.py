"""Assignment softmax over N (dim=1).

Source: https://github.com/zhanghang1989/PyTorch-Encoding/pull/115
Fix: over the K codewords (dim=2).
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(
    x: Float[Tensor, "b n d"], codewords: Float[Tensor, "k d"], scale: Float[Tensor, "k"]
) -> Float[Tensor, "b k d"]:
    r = x.unsqueeze(2) - codewords
    dist = scale * r.pow(2).sum(3)
    a = F.softmax(dist, dim=1)
    return (a.unsqueeze(3) * r).sum(1)


def fixed(
    x: Float[Tensor, "b n d"], codewords: Float[Tensor, "k d"], scale: Float[Tensor, "k"]
) -> Float[Tensor, "b k d"]:
    r = x.unsqueeze(2) - codewords
    dist = scale * r.pow(2).sum(3)
    a = F.softmax(dist, dim=2)
    return (a.unsqueeze(3) * r).sum(1)


def reference(x, codewords, scale):
    out = torch.zeros(x.shape[0], *codewords.shape)
    for b in range(x.shape[0]):
        for i in range(x.shape[1]):
            r = x[b, i] - codewords
            a = (scale * (r**2).sum(-1)).softmax(0)
            out[b] += a[:, None] * r
    return out


def example():
    return dict(x=rnd(2, 5, 3), codewords=rnd(4, 3), scale=-rnd(4).abs())
