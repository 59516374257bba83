"""(W,H) grid reshaped to (1,1,H,W).

Source: https://github.com/huggingface/pytorch-image-models/pull/2569
Fix: ndgrid(arange(H), arange(W)).
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(x: Float[Tensor, "b c h w"], uniform: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    B, C, H, W = x.shape
    half = 1
    w_i, h_i = torch.meshgrid(torch.arange(W), torch.arange(H), indexing="ij")
    valid = (w_i >= half) & (w_i < W - half) & ((h_i >= half) & (h_i < H - half))
    valid = torch.reshape(valid, (1, 1, H, W)).to(x.dtype)
    block = (2 - 0.3 - valid + uniform >= 1).to(x.dtype)
    block = -F.max_pool2d(-block, kernel_size=3, stride=1, padding=1)
    return x * block


def fixed(x: Float[Tensor, "b c h w"], uniform: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    B, C, H, W = x.shape
    half = 1
    h_i, w_i = torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij")
    valid = (w_i >= half) & (w_i < W - half) & ((h_i >= half) & (h_i < H - half))
    valid = torch.reshape(valid, (1, 1, H, W)).to(x.dtype)
    block = (2 - 0.3 - valid + uniform >= 1).to(x.dtype)
    block = -F.max_pool2d(-block, kernel_size=3, stride=1, padding=1)
    return x * block


def reference(x, uniform):
    H, W = x.shape[2:]
    valid = torch.zeros(H, W)
    valid[1 : H - 1, 1 : W - 1] = 1
    block = (1.7 - valid + uniform >= 1).float()
    return x * -F.max_pool2d(-block, 3, 1, 1)


def example():
    return dict(x=rnd(2, 1, 4, 7), uniform=torch.rand(2, 1, 4, 7, generator=torch.Generator().manual_seed(0)))
