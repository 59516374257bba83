"""Preds_T.view(-1, C) on (n, C, w, h).

Source: https://github.com/irfanICMLL/structure_knowledge_distillation/issues/11
Fix: permute(0,2,3,1) first.
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(preds_s: Float[Tensor, "n c w h"], preds_t: Float[Tensor, "n c w h"]) -> Float[Tensor, ""]:
    N, C, W, H = preds_s.shape
    soft = F.softmax(preds_t.view(-1, C), dim=1)
    logs = F.log_softmax(preds_s.view(-1, C), dim=1)
    return torch.sum(-soft * logs) / W / H


def fixed(preds_s: Float[Tensor, "n c w h"], preds_t: Float[Tensor, "n c w h"]) -> Float[Tensor, ""]:
    N, C, W, H = preds_s.shape
    soft = F.softmax(preds_t.permute(0, 2, 3, 1).contiguous().view(-1, C), dim=1)
    logs = F.log_softmax(preds_s.permute(0, 2, 3, 1).contiguous().view(-1, C), dim=1)
    return torch.sum(-soft * logs) / W / H


def reference(preds_s, preds_t):
    return -(preds_t.softmax(1) * preds_s.log_softmax(1)).sum() / preds_s.shape[2] / preds_s.shape[3]


def example():
    return dict(preds_s=rnd(2, 3, 4, 4), preds_t=rnd(2, 3, 4, 4, seed=1))
