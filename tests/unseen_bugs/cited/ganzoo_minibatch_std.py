"""Group statistic of (g, m) tiled back in the order (m, g).

Source: https://github.com/facebookresearch/pytorch_GAN_zoo/issues/69
Fix: repeat in the order of the view.
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(x: Float[Tensor, "g*m c h w"], groups: Float[Tensor, "g"]) -> Float[Tensor, "g*m c+1 h w"]:
    g = len(groups)
    n, c, h, w = x.shape
    m = n // g
    y = x.view(g, m, c, h, w)
    y = y.var(0, unbiased=False).add(1e-08).sqrt()
    y = y.view(m, -1).mean(1).view(m, 1)
    y = y.expand(m, h * w).view(m, 1, 1, h, w)
    y = y.expand(m, g, -1, -1, -1).contiguous().view(-1, 1, h, w)
    return torch.cat([x, y], 1)


def fixed(x: Float[Tensor, "g*m c h w"], groups: Float[Tensor, "g"]) -> Float[Tensor, "g*m c+1 h w"]:
    g = len(groups)
    n, c, h, w = x.shape
    m = n // g
    y = x.view(g, m, c, h, w)
    y = y.var(0, unbiased=False).add(1e-08).sqrt()
    y = y.view(m, -1).mean(1).view(1, m)
    y = y[..., None].expand(1, m, h * w).view(1, m, 1, h, w)
    y = y.expand(g, m, -1, -1, -1).contiguous().view(-1, 1, h, w)
    return torch.cat([x, y], 1)


def reference(x, groups):
    g, n = (len(groups), len(x))
    m = n // g
    out = torch.cat([x, torch.zeros(n, 1, *x.shape[2:])], 1)
    for i in range(n):
        same = torch.stack([x[j] for j in range(n) if j % m == i % m])
        out[i, -1] = same.var(0, unbiased=False).add(1e-08).sqrt().mean()
    return out


def example():
    return dict(x=rnd(6, 2, 3, 3), groups=rnd(3))
