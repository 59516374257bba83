"""Vals_ref (b,) - value (b,1).

Source: https://github.com/PacktPublishing/Deep-Reinforcement-Learning-Hands-On/issues/33
Fix: value.squeeze(-1).
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float, Int
from torch import Tensor


def buggy(
    logits: Float[Tensor, "b actions"],
    value: Float[Tensor, "b 1"],
    actions: Int[Tensor, "b"],
    vals_ref: Float[Tensor, "b"],
) -> Float[Tensor, ""]:
    log_prob = F.log_softmax(logits, dim=1)
    adv = vals_ref - value.detach()
    chosen = adv * log_prob[range(len(actions)), actions]
    return -chosen.mean() + F.mse_loss(value.squeeze(-1), vals_ref)


def fixed(
    logits: Float[Tensor, "b actions"],
    value: Float[Tensor, "b 1"],
    actions: Int[Tensor, "b"],
    vals_ref: Float[Tensor, "b"],
) -> Float[Tensor, ""]:
    log_prob = F.log_softmax(logits, dim=1)
    adv = vals_ref - value.squeeze(-1).detach()
    chosen = adv * log_prob[range(len(actions)), actions]
    return -chosen.mean() + F.mse_loss(value.squeeze(-1), vals_ref)


def reference(logits, value, actions, vals_ref):
    n = len(actions)
    pg = sum((vals_ref[i] - value[i, 0]) * logits[i].log_softmax(0)[actions[i]] for i in range(n)) / n
    return -pg + sum((value[i, 0] - vals_ref[i]) ** 2 for i in range(n)) / n


def example():
    return dict(logits=rnd(5, 3), value=rnd(5, 1), actions=torch.tensor([0, 2, 1, 1, 0]), vals_ref=rnd(5))
