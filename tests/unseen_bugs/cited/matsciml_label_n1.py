"""Readout (n,) vs label (n, 1) in the loss.

Source: https://github.com/IntelLabs/matsciml/pull/347
Fix: reshape.
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(
    graph_embedding: Float[Tensor, "n d"], w: Float[Tensor, "d"], label: Float[Tensor, "n 1"]
) -> Float[Tensor, ""]:
    pred = graph_embedding @ w
    return F.l1_loss(pred, label)


def fixed(
    graph_embedding: Float[Tensor, "n d"], w: Float[Tensor, "d"], label: Float[Tensor, "n 1"]
) -> Float[Tensor, ""]:
    pred = graph_embedding @ w
    return F.l1_loss(pred.view(label.shape), label)


def reference(graph_embedding, w, label):
    return sum(((g @ w - l[0]).abs() for g, l in zip(graph_embedding, label))) / len(label)


def example():
    return dict(graph_embedding=rnd(5, 4), w=rnd(4), label=rnd(5, 1))
