"""Target (b, 1, h, w) unsqueezed to (b, 1, 1, h, w) against (b, 1, h, w).

Source: https://github.com/kornia/kornia/issues/1308
Fix: no unsqueeze.
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(input: Float[Tensor, "b 1 h w"], target: Float[Tensor, "b 1 h w"]) -> Float[Tensor, ""]:
    probs = torch.sigmoid(input)
    target = target.unsqueeze(dim=1)
    loss = -0.25 * torch.pow(1.0 - probs, 2.0) * target * F.logsigmoid(input) - 0.75 * torch.pow(
        probs, 2.0
    ) * (1.0 - target) * F.logsigmoid(-input)
    return loss.mean()


def fixed(input: Float[Tensor, "b 1 h w"], target: Float[Tensor, "b 1 h w"]) -> Float[Tensor, ""]:
    probs = torch.sigmoid(input)
    loss = -0.25 * torch.pow(1.0 - probs, 2.0) * target * F.logsigmoid(input) - 0.75 * torch.pow(
        probs, 2.0
    ) * (1.0 - target) * F.logsigmoid(-input)
    return loss.mean()


def reference(input, target):
    t = []
    for x, y in zip(input.flatten(), target.flatten()):
        p = torch.sigmoid(x)
        t.append(-0.25 * (1 - p) ** 2 * y * p.log() - 0.75 * p**2 * (1 - y) * (1 - p).log())
    return torch.stack(t).mean()


def example():
    return dict(input=rnd(3, 1, 2, 2), target=(rnd(3, 1, 2, 2, seed=1) > 0).float())
