"""Hand-written LayerNorm takes mean/std over dim 1 (sequence).

Source: https://github.com/jadore801120/attention-is-all-you-need-pytorch/pull/17
Fix: over dim -1.
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(
    z: Float[Tensor, "b t d"], a_2: Float[Tensor, "d"], b_2: Float[Tensor, "d"]
) -> Float[Tensor, "b t d"]:
    mu = torch.mean(z, dim=1, keepdim=True)
    sigma = torch.std(z, dim=1, keepdim=True)
    ln_out = (z - mu) / (sigma + 0.001)
    return ln_out * a_2 + b_2


def fixed(
    z: Float[Tensor, "b t d"], a_2: Float[Tensor, "d"], b_2: Float[Tensor, "d"]
) -> Float[Tensor, "b t d"]:
    mu = torch.mean(z, dim=-1, keepdim=True)
    sigma = torch.std(z, dim=-1, keepdim=True)
    ln_out = (z - mu) / (sigma + 0.001)
    return ln_out * a_2 + b_2


def reference(z, a_2, b_2):
    return torch.stack([torch.stack([(r - r.mean()) / (r.std() + 0.001) * a_2 + b_2 for r in s]) for s in z])


def example():
    return dict(z=rnd(2, 5, 6), a_2=rnd(6), b_2=rnd(6, seed=3))
