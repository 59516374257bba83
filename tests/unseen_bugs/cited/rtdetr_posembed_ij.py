"""Meshgrid(w, h) with ij flattened against a row-major image.

Source: https://github.com/huggingface/transformers/pull/41380
Fix: meshgrid xy.
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def sincos(grid: Tensor, dim: int) -> Tensor:
    omega = 1.0 / 10000 ** (torch.arange(dim) / dim)
    out = grid.flatten()[:, None] * omega[None]
    return torch.cat([out.sin(), out.cos()], 1)


def buggy(feat: Float[Tensor, "b 8 h w"]) -> Float[Tensor, "b h*w 8"]:
    b, c, h, w = feat.shape
    grid_w, grid_h = torch.meshgrid(torch.arange(float(w)), torch.arange(float(h)), indexing="ij")
    pos = torch.cat([sincos(grid_w, c // 4), sincos(grid_h, c // 4)], 1)
    return feat.flatten(2).transpose(1, 2) + pos[None]


def fixed(feat: Float[Tensor, "b 8 h w"]) -> Float[Tensor, "b h*w 8"]:
    b, c, h, w = feat.shape
    grid_w, grid_h = torch.meshgrid(torch.arange(float(w)), torch.arange(float(h)), indexing="xy")
    pos = torch.cat([sincos(grid_w, c // 4), sincos(grid_h, c // 4)], 1)
    return feat.flatten(2).transpose(1, 2) + pos[None]


def reference(feat):
    b, c, h, w = feat.shape
    rows = []
    for y in range(h):
        for x in range(w):
            rows.append(
                feat[:, :, y, x]
                + torch.cat([sincos(torch.tensor(float(x)), 2), sincos(torch.tensor(float(y)), 2)], 1)
            )
    return torch.stack(rows, 1)


def example():
    return dict(feat=rnd(2, 8, 3, 4))
