"""Sum(.., 1) without keepdim meets alpha (b,1,h,w): (b,b,h,w).

Source: https://github.com/MarcoForte/FBA_Matting/issues/7
Fix: keepdim=True.
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(
    alpha: Float[Tensor, "b 1 h w"],
    img: Float[Tensor, "b 3 h w"],
    fg: Float[Tensor, "b 3 h w"],
    bg: Float[Tensor, "b 3 h w"],
) -> Float[Tensor, "b 7 h w"]:
    la = 0.1
    alpha = (alpha * la + torch.sum((img - bg) * (fg - bg), 1)) / (torch.sum((fg - bg) * (fg - bg), 1) + la)
    out = torch.cat([alpha, fg, bg], 1)
    return out


def fixed(
    alpha: Float[Tensor, "b 1 h w"],
    img: Float[Tensor, "b 3 h w"],
    fg: Float[Tensor, "b 3 h w"],
    bg: Float[Tensor, "b 3 h w"],
) -> Float[Tensor, "b 7 h w"]:
    la = 0.1
    alpha = (alpha * la + torch.sum((img - bg) * (fg - bg), 1, keepdim=True)) / (
        torch.sum((fg - bg) * (fg - bg), 1, keepdim=True) + la
    )
    out = torch.cat([alpha, fg, bg], 1)
    return out


def reference(alpha, img, fg, bg):
    out = []
    for a, i, f, g in zip(alpha, img, fg, bg):
        n = (a[0] * 0.1 + ((i - g) * (f - g)).sum(0)) / (((f - g) ** 2).sum(0) + 0.1)
        out.append(torch.cat([n[None], f, g]))
    return torch.stack(out)


def example():
    return dict(
        alpha=rnd(2, 1, 3, 3), img=rnd(2, 3, 3, 3), fg=rnd(2, 3, 3, 3, seed=1), bg=rnd(2, 3, 3, 3, seed=2)
    )
