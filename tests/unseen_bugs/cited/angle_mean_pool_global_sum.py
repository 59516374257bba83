"""Divide by torch.sum(mask) over the whole batch.

Source: https://github.com/SeanLee97/AnglE/pull/102
Fix: sum(mask, dim=1, keepdim).
"""

import torch
from drawn import rnd
from jaxtyping import Float, Int
from torch import Tensor


def buggy(outputs: Float[Tensor, "b t d"], attention_mask: Int[Tensor, "b t"]) -> Float[Tensor, "b d"]:
    return torch.sum(outputs * attention_mask[:, :, None], dim=1) / torch.sum(attention_mask)


def fixed(outputs: Float[Tensor, "b t d"], attention_mask: Int[Tensor, "b t"]) -> Float[Tensor, "b d"]:
    return torch.sum(outputs * attention_mask[:, :, None], dim=1) / torch.sum(
        attention_mask, dim=1, keepdim=True
    ).clamp(min=1)


def reference(outputs, attention_mask):
    return torch.stack([o[m.bool()].mean(0) for o, m in zip(outputs, attention_mask)])


def example():
    return dict(outputs=rnd(3, 4, 5), attention_mask=torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]))
