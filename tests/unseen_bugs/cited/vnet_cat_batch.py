"""Cat((x,)*16, 0) instead of channels; broadcast in the residual add.

Source: https://github.com/mattmacy/vnet.pytorch/issues/1
Fix: dim 1.
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(out: Float[Tensor, "b 16 z y x"], image: Float[Tensor, "b 1 z y x"]) -> Float[Tensor, "b 16 z y x"]:
    x16 = torch.cat([image] * 16, 0)
    return F.elu(out + x16)


def fixed(out: Float[Tensor, "b 16 z y x"], image: Float[Tensor, "b 1 z y x"]) -> Float[Tensor, "b 16 z y x"]:
    x16 = torch.cat([image] * 16, 1)
    return F.elu(out + x16)


def reference(out, image):
    return torch.stack([torch.stack([F.elu(c + i[0]) for c in o]) for o, i in zip(out, image)])


def example():
    return dict(out=rnd(1, 16, 2, 3, 4), image=rnd(1, 1, 2, 3, 4))
