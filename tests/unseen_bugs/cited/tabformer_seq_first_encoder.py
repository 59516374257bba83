"""Batch-first input given to a sequence-first TransformerEncoder.

Source: https://github.com/IBM/TabFormer/pull/14
Fix: permute(1,0,2) before and after.
"""

import torch
import torch.nn as nn
from drawn import rnd
from jaxtyping import Float
from torch import Tensor

torch.manual_seed(0)
encoder = nn.TransformerEncoder(
    nn.TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16, dropout=0.0),
    1,
    enable_nested_tensor=False,
).eval()
lin_proj = nn.Linear(8, 6)


def buggy(fields: Float[Tensor, "b f 8"]) -> Float[Tensor, "b f 6"]:
    x = encoder(fields)
    return lin_proj(x)


def fixed(fields: Float[Tensor, "b f 8"]) -> Float[Tensor, "b f 6"]:
    x = fields.permute(1, 0, 2)
    x = encoder(x)
    x = x.permute(1, 0, 2)
    return lin_proj(x)


def reference(fields):
    return torch.stack([lin_proj(encoder(r.unsqueeze(1)).squeeze(1)) for r in fields])


def example():
    return dict(fields=rnd(3, 5, 8))
