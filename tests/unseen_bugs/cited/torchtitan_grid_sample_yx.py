"""Grid_sample is given (y, x).

Source: https://github.com/pytorch/torchtitan/pull/4244
Fix: (x, y).
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(table: Float[Tensor, "d rows cols"], feat: Float[Tensor, "h w d"]) -> Float[Tensor, "h w d"]:
    h, w, _ = feat.shape
    ys = (torch.arange(h) + 0.5) / h * 2 - 1
    xs = (torch.arange(w) + 0.5) / w * 2 - 1
    gy, gx = torch.meshgrid(ys, xs, indexing="ij")
    grid = torch.stack([gy, gx], -1)
    pos = F.grid_sample(table[None], grid[None], align_corners=False)[0]
    return feat + pos.permute(1, 2, 0)


def fixed(table: Float[Tensor, "d rows cols"], feat: Float[Tensor, "h w d"]) -> Float[Tensor, "h w d"]:
    h, w, _ = feat.shape
    ys = (torch.arange(h) + 0.5) / h * 2 - 1
    xs = (torch.arange(w) + 0.5) / w * 2 - 1
    gy, gx = torch.meshgrid(ys, xs, indexing="ij")
    grid = torch.stack([gx, gy], -1)
    pos = F.grid_sample(table[None], grid[None], align_corners=False)[0]
    return feat + pos.permute(1, 2, 0)


def reference(table, feat):
    h, w, d = feat.shape
    out = feat.clone()
    for y in range(h):
        for x in range(w):
            g = torch.tensor([[(x + 0.5) / w * 2 - 1, (y + 0.5) / h * 2 - 1]])[None, None]
            out[y, x] += F.grid_sample(table[None], g, align_corners=False).flatten()
    return out


def example():
    return dict(table=rnd(3, 4, 4), feat=rnd(5, 6, 3))
