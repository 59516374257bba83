"""Values (b,) against returns (b,1) in the clipped critic loss.

Source: https://github.com/RLinf/RLinf/issues/1568
Fix: values.unsqueeze(-1).
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(
    values: Float[Tensor, "b"], returns: Float[Tensor, "b 1"], prev_values: Float[Tensor, "b 1"]
) -> Float[Tensor, ""]:
    clipped = prev_values + (values - prev_values).clamp(-0.2, 0.2)
    loss_orig = 0.5 * (returns - values) ** 2
    loss_clip = 0.5 * (returns - clipped) ** 2
    return torch.max(loss_orig, loss_clip).mean()


def fixed(
    values: Float[Tensor, "b"], returns: Float[Tensor, "b 1"], prev_values: Float[Tensor, "b 1"]
) -> Float[Tensor, ""]:
    values = values.unsqueeze(-1)
    clipped = prev_values + (values - prev_values).clamp(-0.2, 0.2)
    loss_orig = 0.5 * (returns - values) ** 2
    loss_clip = 0.5 * (returns - clipped) ** 2
    return torch.max(loss_orig, loss_clip).mean()


def reference(values, returns, prev_values):
    t = 0
    for v, r, p in zip(values, returns[:, 0], prev_values[:, 0]):
        c = p + (v - p).clamp(-0.2, 0.2)
        t = t + max(0.5 * (r - v) ** 2, 0.5 * (r - c) ** 2)
    return t / len(values)


def example():
    return dict(values=rnd(6), returns=rnd(6, 1), prev_values=rnd(6, 1, seed=2))
