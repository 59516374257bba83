"""Target (n,1) in a where over (n,) cosines.

Source: https://github.com/pytorch/pytorch/issues/53030
Fix: squeeze.
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(
    a: Float[Tensor, "n d"], b: Float[Tensor, "n d"], target: Float[Tensor, "n 1"]
) -> Float[Tensor, ""]:
    cos = (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))
    zeros = torch.zeros_like(cos)
    pos = torch.where(target == 1, 1 - cos, zeros)
    neg = torch.where(target == -1, cos.clamp(min=0), zeros)
    return (pos + neg).mean()


def fixed(
    a: Float[Tensor, "n d"], b: Float[Tensor, "n d"], target: Float[Tensor, "n 1"]
) -> Float[Tensor, ""]:
    target = target.squeeze(1)
    cos = (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))
    zeros = torch.zeros_like(cos)
    pos = torch.where(target == 1, 1 - cos, zeros)
    neg = torch.where(target == -1, cos.clamp(min=0), zeros)
    return (pos + neg).mean()


def reference(a, b, target):
    return F.cosine_embedding_loss(a, b, target[:, 0])


def example():
    return dict(a=rnd(6, 4), b=rnd(6, 4, seed=1), target=rnd(6, 1).sign())
