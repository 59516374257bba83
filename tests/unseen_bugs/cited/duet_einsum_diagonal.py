"""Einsum "dd,bxcd->bxcd" uses only the diagonal.

Source: https://github.com/decisionintelligence/DUET/issues/6
Fix: "dk,bxck->bxcd".
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(A: Float[Tensor, "f f"], x: Float[Tensor, "b c f"]) -> Float[Tensor, "b c c"]:
    diff = x.unsqueeze(2) - x.unsqueeze(1)
    temp = torch.einsum("dd,bxcd->bxcd", A, diff)
    return torch.einsum("bxcd,bxcd->bxc", temp, temp)


def fixed(A: Float[Tensor, "f f"], x: Float[Tensor, "b c f"]) -> Float[Tensor, "b c c"]:
    diff = x.unsqueeze(2) - x.unsqueeze(1)
    temp = torch.einsum("dk,bxck->bxcd", A, diff)
    return torch.einsum("bxcd,bxcd->bxc", temp, temp)


def reference(A, x):
    return torch.stack(
        [torch.stack([torch.stack([((A @ (p - q)) ** 2).sum() for q in s]) for p in s]) for s in x]
    )


def example():
    return dict(A=rnd(4, 4), x=rnd(2, 3, 4))
