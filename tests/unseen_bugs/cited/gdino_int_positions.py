"""Sin/cos cast back to the int64 of the position ids.

Source: https://github.com/huggingface/transformers/pull/47985
Fix: cast the ids to float first.
"""

import math

import torch
from drawn import rnd
from jaxtyping import Float, Int
from torch import Tensor


def encode(pos: Tensor, dim: int) -> Tensor:
    freq = 2 * math.pi / 10000 ** (torch.arange(dim // 2) / (dim // 2))
    s = pos[..., None] * freq
    return torch.stack([s.sin(), s.cos()], -1).flatten(-2).to(pos.dtype)


def buggy(text: Float[Tensor, "b t 16"], position_ids: Int[Tensor, "b t"]) -> Float[Tensor, "b t 16"]:
    return text + encode(position_ids, 16)


def fixed(text: Float[Tensor, "b t 16"], position_ids: Int[Tensor, "b t"]) -> Float[Tensor, "b t 16"]:
    return text + encode(position_ids.to(text.dtype), 16)


def reference(text, position_ids):
    freq = 2 * math.pi / 10000 ** (torch.arange(8) / 8)
    s = position_ids[..., None].float() * freq
    out = text.clone()
    out[..., 0::2] += s.sin()
    out[..., 1::2] += s.cos()
    return out


def example():
    return dict(text=rnd(2, 5, 16), position_ids=torch.arange(5).expand(2, 5).clone())
