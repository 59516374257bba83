"""Features.repeat(g, 1) while completions are laid out per sample.

Source: https://github.com/wenet-e2e/west/pull/121
Fix: repeat_interleave(g, 0).
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(features: Float[Tensor, "b d"], completions: Float[Tensor, "b g d"]) -> Float[Tensor, "b*g"]:
    g = completions.shape[1]
    flat = completions.flatten(0, 1)
    feats = features.repeat(g, 1)
    return (feats * flat).sum(-1)


def fixed(features: Float[Tensor, "b d"], completions: Float[Tensor, "b g d"]) -> Float[Tensor, "b*g"]:
    g = completions.shape[1]
    flat = completions.flatten(0, 1)
    feats = features.repeat_interleave(g, dim=0)
    return (feats * flat).sum(-1)


def reference(features, completions):
    return torch.stack([(f * c).sum() for f, cs in zip(features, completions) for c in cs])


def example():
    return dict(features=rnd(3, 4), completions=rnd(3, 2, 4))
