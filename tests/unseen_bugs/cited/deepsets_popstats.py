"""Y_pred (n,1) minus y (n,).

Source: https://github.com/manzilzaheer/DeepSets/pull/2
Fix: squeeze.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


class PopStats(nn.Module):
    def __init__(self, d: int = 2):
        super().__init__()
        torch.manual_seed(0)
        self.enc = nn.Linear(d, 8)
        self.dec = nn.Linear(8, 1)

    def forward(self, x):
        return self.dec(F.elu(self.enc(x)).mean(1))


model = PopStats()


def buggy(x: Float[Tensor, "n m 2"], y: Float[Tensor, "n"]) -> Float[Tensor, ""]:
    y_pred = model(x)
    return torch.sqrt(torch.mean((y_pred - y) ** 2))


def fixed(x: Float[Tensor, "n m 2"], y: Float[Tensor, "n"]) -> Float[Tensor, ""]:
    y_pred = model(x)
    return torch.sqrt(torch.mean((y_pred[:, 0] - y) ** 2))


def reference(x, y):
    p = model(x)
    return (sum((p[i, 0] - y[i]) ** 2 for i in range(len(y))) / len(y)).sqrt()


def example():
    return dict(x=rnd(6, 5, 2), y=rnd(6))
