"""F.normalize(x) of (b, tokens, d) normalises over tokens.

Source: https://github.com/gabeur/mmt/issues/1
Fix: dim=-1.
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(
    x: Float[Tensor, "b tokens d_in"], weight: Float[Tensor, "d d_in"], bias: Float[Tensor, "d"]
) -> Float[Tensor, "b tokens d"]:
    x = F.linear(x, weight, bias)
    x = F.normalize(x)
    return x


def fixed(
    x: Float[Tensor, "b tokens d_in"], weight: Float[Tensor, "d d_in"], bias: Float[Tensor, "d"]
) -> Float[Tensor, "b tokens d"]:
    x = F.linear(x, weight, bias)
    x = F.normalize(x, dim=-1)
    return x


def reference(x, weight, bias):
    y = x @ weight.T + bias
    return torch.stack([torch.stack([r / r.norm() for r in s]) for s in y])


def example():
    return dict(x=rnd(2, 4, 5), weight=rnd(6, 5), bias=rnd(6))
