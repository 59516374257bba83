"""Torch.sum(...) without dim, times the one-hot mask.

Source: https://github.com/EDAPINENUT/GNTPP/issues/4
Fix: dim=-1.
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(
    mean: Float[Tensor, "b t d"], log_var: Float[Tensor, "b t d"], seq_mask: Float[Tensor, "b t"]
) -> Float[Tensor, "b t"]:
    return -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp()) * seq_mask


def fixed(
    mean: Float[Tensor, "b t d"], log_var: Float[Tensor, "b t d"], seq_mask: Float[Tensor, "b t"]
) -> Float[Tensor, "b t"]:
    return -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp(), dim=-1) * seq_mask


def reference(mean, log_var, seq_mask):
    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var)
    return torch.stack(
        [torch.stack([kl[i, j].sum() * seq_mask[i, j] for j in range(kl.shape[1])]) for i in range(len(kl))]
    )


def example():
    return dict(
        mean=rnd(2, 3, 4), log_var=rnd(2, 3, 4, seed=1), seq_mask=torch.tensor([[1.0, 1, 0], [1, 1, 1]])
    )
