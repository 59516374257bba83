"""Cat of forward and backward states on dim 0, then view.

Source: https://github.com/facebookresearch/LASER/issues/138
Fix: dim=-1.
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(outs: Float[Tensor, "layers*2 b d"]) -> Float[Tensor, "layers b 2*d"]:
    n, bsz, d = outs.shape
    return torch.cat(
        [torch.cat([outs[2 * i], outs[2 * i + 1]], dim=0).view(1, bsz, 2 * d) for i in range(n // 2)], dim=0
    )


def fixed(outs: Float[Tensor, "layers*2 b d"]) -> Float[Tensor, "layers b 2*d"]:
    n, bsz, d = outs.shape
    return torch.cat(
        [torch.cat([outs[2 * i], outs[2 * i + 1]], dim=-1).view(1, bsz, 2 * d) for i in range(n // 2)], dim=0
    )


def reference(outs):
    return torch.stack(
        [
            torch.stack([torch.cat([f, r]) for f, r in zip(outs[2 * i], outs[2 * i + 1])])
            for i in range(len(outs) // 2)
        ]
    )


def example():
    return dict(outs=rnd(4, 3, 5))
