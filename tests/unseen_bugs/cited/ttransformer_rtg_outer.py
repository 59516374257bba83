"""Rewards (t,1) * discounts (t,) summed.

Source: https://github.com/Howuhh/faster-trajectory-transformer/issues/9
Fix: squeeze the reward.
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(rewards: Float[Tensor, "t 1"], discounts: Float[Tensor, "t"]) -> Float[Tensor, "t"]:
    out = []
    for i in range(len(rewards)):
        out.append((rewards[i:] * discounts[: len(rewards) - i]).sum())
    return torch.stack(out)


def fixed(rewards: Float[Tensor, "t 1"], discounts: Float[Tensor, "t"]) -> Float[Tensor, "t"]:
    out = []
    for i in range(len(rewards)):
        out.append((rewards[i:, 0] * discounts[: len(rewards) - i]).sum())
    return torch.stack(out)


def reference(rewards, discounts):
    n = len(rewards)
    return torch.stack([sum(rewards[j, 0] * discounts[j - i] for j in range(i, n)) for i in range(n)])


def example():
    return dict(rewards=rnd(5, 1), discounts=0.9 ** torch.arange(5.0))
