"""Dice sums over batch and classes too.

Source: https://github.com/fastai/fastai/pull/3439
Fix: per class, then mean.
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(pred: Float[Tensor, "b c h w"], target: Float[Tensor, "b c h w"]) -> Float[Tensor, ""]:
    p = pred.softmax(1)
    inter = (p * target).sum()
    union = (p + target).sum()
    return 1 - (2 * inter + 1e-06) / (union + 1e-06)


def fixed(pred: Float[Tensor, "b c h w"], target: Float[Tensor, "b c h w"]) -> Float[Tensor, ""]:
    p = pred.softmax(1)
    inter = (p * target).sum((-2, -1))
    union = (p + target).sum((-2, -1))
    return (1 - (2 * inter + 1e-06) / (union + 1e-06)).mean()


def reference(pred, target):
    t = []
    for p, y in zip(pred.softmax(1), target):
        for a, b in zip(p, y):
            t.append(1 - (2 * (a * b).sum() + 1e-06) / ((a + b).sum() + 1e-06))
    return torch.stack(t).mean()


def example():
    return dict(
        pred=rnd(2, 3, 4, 4),
        target=F.one_hot(rnd(2, 4, 4).gt(0).long() + rnd(2, 4, 4, seed=9).gt(0).long(), 3)
        .permute(0, 3, 1, 2)
        .float(),
    )
