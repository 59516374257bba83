"""Layer_norm(x, x.shape[1:]) normalises over items too.

Source: https://github.com/Qualcomm-AI-research/geometric-algebra-transformer/pull/8
Fix: x.shape[-1:].
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(x: Float[Tensor, "b items c"]) -> Float[Tensor, "b items c"]:
    return F.layer_norm(x, normalized_shape=x.shape[1:])


def fixed(x: Float[Tensor, "b items c"]) -> Float[Tensor, "b items c"]:
    return F.layer_norm(x, normalized_shape=x.shape[-1:])


def reference(x):
    return torch.stack(
        [torch.stack([(r - r.mean()) / (r.var(unbiased=False) + 1e-05).sqrt() for r in s]) for s in x]
    )


def example():
    return dict(x=rnd(2, 3, 5))
