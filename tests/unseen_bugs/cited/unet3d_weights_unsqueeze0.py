"""Weights (n d h w).unsqueeze(0).expand_as(input).

Source: https://github.com/wolny/pytorch-3dunet/pull/76
Fix: unsqueeze(1).
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(
    input: Float[Tensor, "n c z h w"], target: Float[Tensor, "n c z h w"], weights: Float[Tensor, "n z h w"]
) -> Float[Tensor, ""]:
    log_p = F.log_softmax(input, dim=1)
    w = weights.unsqueeze(0).expand_as(input)
    return (-w * target * log_p).mean()


def fixed(
    input: Float[Tensor, "n c z h w"], target: Float[Tensor, "n c z h w"], weights: Float[Tensor, "n z h w"]
) -> Float[Tensor, ""]:
    log_p = F.log_softmax(input, dim=1)
    w = weights.unsqueeze(1).expand_as(input)
    return (-w * target * log_p).mean()


def reference(input, target, weights):
    lp = input.log_softmax(1)
    return torch.stack(
        [
            -(weights[i] * target[i, c] * lp[i, c]).mean()
            for i in range(input.shape[0])
            for c in range(input.shape[1])
        ]
    ).mean()


def example():
    return dict(input=rnd(3, 3, 2, 2, 2), target=rnd(3, 3, 2, 2, 2, seed=1), weights=rnd(3, 2, 2, 2).abs())
