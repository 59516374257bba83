"""Cumsum in (env, time) viewed back as (time, env).

Source: https://github.com/pytorch/rl/issues/2086
Fix: transpose back.
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(reward: Float[Tensor, "time env"]) -> Float[Tensor, "time env"]:
    shape = reward.shape
    r = reward.transpose(0, 1)
    out = torch.flip(torch.cumsum(torch.flip(r, [1]), 1), [1])
    if out.shape != shape:
        out = out.reshape(shape)
    return out


def fixed(reward: Float[Tensor, "time env"]) -> Float[Tensor, "time env"]:
    r = reward.transpose(0, 1)
    out = torch.flip(torch.cumsum(torch.flip(r, [1]), 1), [1])
    return out.transpose(0, 1)


def reference(reward):
    return torch.stack([reward[i:].sum(0) for i in range(len(reward))])


def example():
    return dict(reward=rnd(4, 2))
