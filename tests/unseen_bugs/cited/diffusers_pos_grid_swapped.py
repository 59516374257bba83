"""Grid (2, h, w) reshaped to (2, 1, w, h), flattened against (h w) latents.

Source: https://github.com/huggingface/diffusers/issues/11309
Fix: reshape(2, 1, h, w).
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def sincos(pos: Tensor, dim: int) -> Tensor:
    out = pos.reshape(-1)[:, None] / 10000 ** (torch.arange(dim // 2) / (dim / 2))
    return torch.cat([out.sin(), out.cos()], 1)


def buggy(latent: Float[Tensor, "b 8 h w"]) -> Float[Tensor, "b h*w 8"]:
    b, c, h, w = latent.shape
    gx, gy = torch.meshgrid(torch.arange(float(w)), torch.arange(float(h)), indexing="ij")
    grid = torch.stack([gx, gy], 0).reshape(2, 1, h, w)
    emb = torch.cat([sincos(grid[0], c // 2), sincos(grid[1], c // 2)], 1)
    return latent.flatten(2).transpose(1, 2) + emb


def fixed(latent: Float[Tensor, "b 8 h w"]) -> Float[Tensor, "b h*w 8"]:
    b, c, h, w = latent.shape
    gx, gy = torch.meshgrid(torch.arange(float(w)), torch.arange(float(h)), indexing="xy")
    grid = torch.stack([gx, gy], 0).reshape(2, 1, h, w)
    emb = torch.cat([sincos(grid[0], c // 2), sincos(grid[1], c // 2)], 1)
    return latent.flatten(2).transpose(1, 2) + emb


def reference(latent):
    b, c, h, w = latent.shape
    out = []
    for y in range(h):
        for x in range(w):
            e = torch.cat([sincos(torch.tensor(float(x)), c // 2), sincos(torch.tensor(float(y)), c // 2)], 1)
            out.append(latent[:, :, y, x] + e)
    return torch.stack(out, 1)


def example():
    return dict(latent=rnd(2, 8, 3, 5))
