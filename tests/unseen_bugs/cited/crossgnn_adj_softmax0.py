"""Softmax(adj, dim=0), then adj @ x.

Source: https://github.com/hqh0728/CrossGNN/issues/3
Fix: dim=1.
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(
    e1: Float[Tensor, "n k"], e2: Float[Tensor, "n k"], x: Float[Tensor, "b n c"]
) -> Float[Tensor, "b n c"]:
    adj = F.relu(torch.tanh(e1 @ e2.T))
    adj = F.softmax(adj, dim=0)
    return torch.einsum("vw,bwc->bvc", adj, x)


def fixed(
    e1: Float[Tensor, "n k"], e2: Float[Tensor, "n k"], x: Float[Tensor, "b n c"]
) -> Float[Tensor, "b n c"]:
    adj = F.relu(torch.tanh(e1 @ e2.T))
    adj = F.softmax(adj, dim=1)
    return torch.einsum("vw,bwc->bvc", adj, x)


def reference(e1, e2, x):
    a = F.relu(torch.tanh(e1 @ e2.T)).softmax(1)
    return torch.stack([a @ s for s in x])


def example():
    return dict(e1=rnd(5, 3), e2=rnd(5, 3, seed=1), x=rnd(2, 5, 4))
