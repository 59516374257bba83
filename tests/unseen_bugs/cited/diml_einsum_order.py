""" "bcs,bcm->bsm" with anchor and positive swapped against the (n, anchor, positive) cost.

Source: https://github.com/wl-zhao/DIML/issues/6
Fix: operand order.
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(
    anchor: Float[Tensor, "b c m"], positive: Float[Tensor, "b c s"], flow: Float[Tensor, "b m s"]
) -> Float[Tensor, "b"]:
    sim = torch.einsum("bcs,bcm->bsm", anchor, positive)
    return (sim.reshape(flow.shape[0], -1) * flow.transpose(1, 2).reshape(flow.shape[0], -1)).sum(1)


def fixed(
    anchor: Float[Tensor, "b c m"], positive: Float[Tensor, "b c s"], flow: Float[Tensor, "b m s"]
) -> Float[Tensor, "b"]:
    sim = torch.einsum("bcm,bcs->bsm", anchor, positive)
    return (sim.reshape(flow.shape[0], -1) * flow.transpose(1, 2).reshape(flow.shape[0], -1)).sum(1)


def reference(anchor, positive, flow):
    return torch.stack([(a.T @ p * f).sum() for a, p, f in zip(anchor, positive, flow)])


def example():
    return dict(anchor=rnd(2, 3, 4), positive=rnd(2, 3, 4, seed=1), flow=rnd(2, 4, 4).softmax(-1))
