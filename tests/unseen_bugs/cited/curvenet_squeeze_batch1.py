"""Start_index (b,1,n).squeeze().

Source: https://github.com/tiangexiang/CurveNet/pull/25
Fix: squeeze(1).
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(score: Float[Tensor, "b 1 n"], x: Float[Tensor, "b c n"]) -> Float[Tensor, "b c 100"]:
    top = torch.topk(score, 100, dim=2)[1]
    idx = top.squeeze()
    return torch.gather(x, 2, idx.unsqueeze(1).expand(-1, x.shape[1], -1))


def fixed(score: Float[Tensor, "b 1 n"], x: Float[Tensor, "b c n"]) -> Float[Tensor, "b c 100"]:
    top = torch.topk(score, 100, dim=2)[1]
    idx = top.squeeze(1)
    return torch.gather(x, 2, idx.unsqueeze(1).expand(-1, x.shape[1], -1))


def reference(score, x):
    return torch.stack([x[i][:, score[i, 0].topk(100)[1]] for i in range(len(x))])


def example():
    return dict(score=rnd(2, 1, 120), x=rnd(2, 3, 120))
