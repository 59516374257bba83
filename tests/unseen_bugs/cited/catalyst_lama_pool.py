"""Attention pooling softmax over dim 1 of (b, 1, history).

Source: https://github.com/catalyst-team/catalyst/pull/285
Fix: dim=2.
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(features: Float[Tensor, "b hist d"], w: Float[Tensor, "1 d"]) -> Float[Tensor, "b d"]:
    x = features.transpose(1, 2)
    scores = torch.matmul(w, x)
    attn = F.softmax(scores, dim=1)
    return (x * attn).sum(2)


def fixed(features: Float[Tensor, "b hist d"], w: Float[Tensor, "1 d"]) -> Float[Tensor, "b d"]:
    x = features.transpose(1, 2)
    scores = torch.matmul(w, x)
    attn = F.softmax(scores, dim=2)
    return (x * attn).sum(2)


def reference(features, w):
    return torch.stack([(f @ w[0]).softmax(0) @ f for f in features])


def example():
    return dict(features=rnd(3, 4, 5), w=rnd(1, 5))
