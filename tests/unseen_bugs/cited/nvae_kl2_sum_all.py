"""Sum over everything, then mean(dim=0) of a scalar.

Source: https://github.com/GlassyWing/nvae/issues/3
Fix: sum per sample, then mean.
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(
    delta_mu: Float[Tensor, "b c h w"],
    delta_log_var: Float[Tensor, "b c h w"],
    log_var: Float[Tensor, "b c h w"],
) -> Float[Tensor, ""]:
    var = torch.exp(log_var)
    delta_var = torch.exp(delta_log_var)
    loss = -0.5 * torch.sum(1 + delta_log_var - delta_mu**2 / var - delta_var)
    return torch.mean(loss, dim=0)


def fixed(
    delta_mu: Float[Tensor, "b c h w"],
    delta_log_var: Float[Tensor, "b c h w"],
    log_var: Float[Tensor, "b c h w"],
) -> Float[Tensor, ""]:
    var = torch.exp(log_var)
    delta_var = torch.exp(delta_log_var)
    loss = -0.5 * torch.sum(1 + delta_log_var - delta_mu**2 / var - delta_var, dim=[1, 2, 3])
    return torch.mean(loss, dim=0)


def reference(delta_mu, delta_log_var, log_var):
    return torch.stack(
        [
            (-0.5 * (1 + l - m**2 / v.exp() - l.exp())).sum()
            for m, l, v in zip(delta_mu, delta_log_var, log_var)
        ]
    ).mean()


def example():
    return dict(
        delta_mu=rnd(3, 2, 4, 4), delta_log_var=rnd(3, 2, 4, 4, seed=1), log_var=rnd(3, 2, 4, 4, seed=2)
    )
