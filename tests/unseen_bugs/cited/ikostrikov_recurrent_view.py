"""Rollouts concatenated (n t) and viewed as (t, n) for the GRU.

Source: https://github.com/ikostrikov/pytorch-a2c-ppo-acktr-gail/issues/97
Fix: view(n, t).transpose.
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(obs: Float[Tensor, "t n d"], w: Float[Tensor, "d d"]) -> Float[Tensor, "t n d"]:
    t, n, d = obs.shape
    flat = torch.cat([obs[:, i] for i in range(n)], dim=0)
    x = flat.view(-1, n, d)
    h = torch.zeros(n, d, dtype=obs.dtype)
    outs = []
    for step in x:
        h = torch.tanh(step + h @ w)
        outs.append(h)
    return torch.stack(outs)


def fixed(obs: Float[Tensor, "t n d"], w: Float[Tensor, "d d"]) -> Float[Tensor, "t n d"]:
    t, n, d = obs.shape
    flat = torch.cat([obs[:, i] for i in range(n)], dim=0)
    x = flat.view(n, -1, d).transpose(0, 1)
    h = torch.zeros(n, d, dtype=obs.dtype)
    outs = []
    for step in x:
        h = torch.tanh(step + h @ w)
        outs.append(h)
    return torch.stack(outs)


def reference(obs, w):
    cols = []
    for i in range(obs.shape[1]):
        h, c = (torch.zeros(obs.shape[2]), [])
        for s in obs[:, i]:
            h = torch.tanh(s + h @ w)
            c.append(h)
        cols.append(torch.stack(c))
    return torch.stack(cols, 1)


def example():
    return dict(obs=rnd(4, 3, 2), w=rnd(2, 2))
