"""Cumulative discount over the batch axis.

Source: https://github.com/juliusfrost/dreamer-pytorch/pull/59
Fix: over the horizon.
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(returns: Float[Tensor, "horizon b"], discount: Float[Tensor, "horizon b"]) -> Float[Tensor, ""]:
    d = torch.cumprod(discount, dim=1)
    return -torch.mean(d * returns)


def fixed(returns: Float[Tensor, "horizon b"], discount: Float[Tensor, "horizon b"]) -> Float[Tensor, ""]:
    d = torch.cumprod(discount, dim=0)
    return -torch.mean(d * returns)


def reference(returns, discount):
    t = 0
    for j in range(returns.shape[1]):
        acc = 1.0
        for i in range(len(returns)):
            acc = acc * discount[i, j]
            t = t - acc * returns[i, j]
    return t / returns.numel()


def example():
    return dict(returns=rnd(4, 3), discount=0.9 + 0.01 * rnd(4, 3, seed=1))
