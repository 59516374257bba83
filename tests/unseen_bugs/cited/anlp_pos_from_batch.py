"""Pos = arange(x.size(0)).unsqueeze(1).

Source: https://github.com/cmu-l3/anlp-fall2025-code/issues/1
Fix: arange(x.size(1)).unsqueeze(0).
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(x: Float[Tensor, "b t d"], wpe: Float[Tensor, "512 d"]) -> Float[Tensor, "b t d"]:
    pos = torch.arange(x.size(0), device=x.device).unsqueeze(1)
    return x + F.embedding(pos, wpe)


def fixed(x: Float[Tensor, "b t d"], wpe: Float[Tensor, "512 d"]) -> Float[Tensor, "b t d"]:
    pos = torch.arange(x.size(1), device=x.device).unsqueeze(0)
    return x + F.embedding(pos, wpe)


def reference(x, wpe):
    return torch.stack([torch.stack([s[i] + wpe[i] for i in range(len(s))]) for s in x])


def example():
    return dict(x=rnd(2, 5, 4), wpe=rnd(512, 4))
