"""Each coordinate channel is divided by the other extent.

Source: https://github.com/mkocabas/CoordConv-pytorch/issues/1
Fix: divide by own extent.
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c+2 h w"]:
    b, _, h, w = x.shape
    xx = torch.arange(w).view(1, w).repeat(h, 1).float() / (h - 1)
    yy = torch.arange(h).view(h, 1).repeat(1, w).float() / (w - 1)
    xx = (xx * 2 - 1).expand(b, 1, h, w)
    yy = (yy * 2 - 1).expand(b, 1, h, w)
    return torch.cat([x, xx, yy], 1)


def fixed(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c+2 h w"]:
    b, _, h, w = x.shape
    xx = torch.arange(w).view(1, w).repeat(h, 1).float() / (w - 1)
    yy = torch.arange(h).view(h, 1).repeat(1, w).float() / (h - 1)
    xx = (xx * 2 - 1).expand(b, 1, h, w)
    yy = (yy * 2 - 1).expand(b, 1, h, w)
    return torch.cat([x, xx, yy], 1)


def reference(x):
    b, _, h, w = x.shape
    xx = torch.linspace(-1, 1, w).expand(b, 1, h, w)
    yy = torch.linspace(-1, 1, h)[:, None].expand(b, 1, h, w)
    return torch.cat([x, xx, yy], 1)


def example():
    return dict(x=rnd(2, 3, 4, 6))
