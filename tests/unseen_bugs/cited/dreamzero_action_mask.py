"""Has_real_action[:, None] (b,1) times loss (b, t, a).

Source: https://github.com/dreamzero0/dreamzero/issues/25
Fix: view(-1, 1, 1).
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Bool, Float
from torch import Tensor


def buggy(
    pred: Float[Tensor, "b t a"], target: Float[Tensor, "b t a"], has_action: Bool[Tensor, "b"]
) -> Float[Tensor, ""]:
    per = F.mse_loss(pred, target, reduction="none")
    per = has_action[:, None].float() * per
    return per.mean()


def fixed(
    pred: Float[Tensor, "b t a"], target: Float[Tensor, "b t a"], has_action: Bool[Tensor, "b"]
) -> Float[Tensor, ""]:
    per = F.mse_loss(pred, target, reduction="none")
    per = has_action[:, None, None].float() * per
    return per.mean()


def reference(pred, target, has_action):
    per = (pred - target) ** 2
    return sum(per[i].sum() for i in range(len(per)) if has_action[i]) / per.numel()


def example():
    return dict(pred=rnd(3, 3, 4), target=rnd(3, 3, 4, seed=1), has_action=torch.tensor([True, False, True]))
