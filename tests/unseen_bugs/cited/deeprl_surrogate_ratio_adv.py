"""Ratio (b,) * advantages (b,1).

Source: https://github.com/RITCHIEHuang/DeepRL_Algorithms/issues/13
Fix: advantages.reshape(-1).
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(
    log_probs: Float[Tensor, "b"], old_log_probs: Float[Tensor, "b"], advantages: Float[Tensor, "b 1"]
) -> Float[Tensor, ""]:
    ratio = torch.exp(log_probs - old_log_probs)
    surr1 = ratio * advantages
    surr2 = torch.clamp(ratio, 0.8, 1.2) * advantages
    return -torch.min(surr1, surr2).mean()


def fixed(
    log_probs: Float[Tensor, "b"], old_log_probs: Float[Tensor, "b"], advantages: Float[Tensor, "b 1"]
) -> Float[Tensor, ""]:
    ratio = torch.exp(log_probs - old_log_probs)
    adv = advantages.reshape(-1)
    surr1 = ratio * adv
    surr2 = torch.clamp(ratio, 0.8, 1.2) * adv
    return -torch.min(surr1, surr2).mean()


def reference(log_probs, old_log_probs, advantages):
    r = (log_probs - old_log_probs).exp()
    return -sum(
        min(r[i] * advantages[i, 0], r[i].clamp(0.8, 1.2) * advantages[i, 0]) for i in range(len(r))
    ) / len(r)


def example():
    return dict(log_probs=rnd(6), old_log_probs=rnd(6, seed=1), advantages=rnd(6, 1))
