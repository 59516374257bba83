"""F.normalize(y_rep, dim=0) over the batch.

Source: https://github.com/alireza-nasiri/SoundCLR/issues/4
Fix: dim=1.
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(y_rep: Float[Tensor, "b d"]) -> Float[Tensor, "b b"]:
    y_rep = F.normalize(y_rep, dim=0)
    return y_rep @ y_rep.t() / 0.1


def fixed(y_rep: Float[Tensor, "b d"]) -> Float[Tensor, "b b"]:
    y_rep = F.normalize(y_rep, dim=1)
    return y_rep @ y_rep.t() / 0.1


def reference(y_rep):
    return torch.stack([torch.stack([a @ b / (a.norm() * b.norm()) / 0.1 for b in y_rep]) for a in y_rep])


def example():
    return dict(y_rep=rnd(5, 4))
