"""Weight * x.to(bf16): the result is float32 again.

Source: https://github.com/huggingface/transformers/pull/25421
Fix: (weight * x).to(bf16).
"""

import torch
from drawn import rnd
from jaxtyping import BFloat16, Float32
from torch import Tensor


def buggy(x: BFloat16[Tensor, "b t d"], weight: Float32[Tensor, "d"]) -> BFloat16[Tensor, "b t d"]:
    dtype = x.dtype
    h = x.to(torch.float32)
    h = h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + 1e-06)
    return weight * h.to(dtype)


def fixed(x: BFloat16[Tensor, "b t d"], weight: Float32[Tensor, "d"]) -> BFloat16[Tensor, "b t d"]:
    dtype = x.dtype
    h = x.to(torch.float32)
    h = h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + 1e-06)
    return (weight * h).to(dtype)


def reference(x, weight):
    h = x.float()
    return (weight * h / (h.pow(2).mean(-1, keepdim=True) + 1e-06).sqrt()).to(torch.bfloat16)


def example():
    return dict(x=rnd(2, 3, 4).to(torch.bfloat16), weight=torch.ones(4) + 0.1)
