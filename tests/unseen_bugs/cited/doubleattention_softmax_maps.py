"""Attention maps (b, n, hw) softmaxed over n in the gathering step.

Source: https://github.com/gjylt/DoubleAttentionNet/issues/3
Fix: over hw.
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(
    A: Float[Tensor, "b m h w"], B: Float[Tensor, "b n h w"], V: Float[Tensor, "b n h w"]
) -> Float[Tensor, "b m h w"]:
    b, m, h, w = A.shape
    n = B.shape[1]
    maps = F.softmax(B.view(b, n, h * w), dim=1)
    vectors = F.softmax(V.view(b, n, h * w), dim=1)
    g = torch.bmm(A.view(b, m, h * w), maps.permute(0, 2, 1))
    return g.matmul(vectors).view(b, m, h, w)


def fixed(
    A: Float[Tensor, "b m h w"], B: Float[Tensor, "b n h w"], V: Float[Tensor, "b n h w"]
) -> Float[Tensor, "b m h w"]:
    b, m, h, w = A.shape
    n = B.shape[1]
    maps = F.softmax(B.view(b, n, h * w), dim=-1)
    vectors = F.softmax(V.view(b, n, h * w), dim=1)
    g = torch.bmm(A.view(b, m, h * w), maps.permute(0, 2, 1))
    return g.matmul(vectors).view(b, m, h, w)


def reference(A, B, V):
    maps = B.flatten(2).softmax(-1)
    vec = V.flatten(2).softmax(1)
    return torch.einsum("bmp,bnp,bnq->bmq", A.flatten(2), maps, vec).view(A.shape)


def example():
    return dict(A=rnd(2, 3, 4, 4), B=rnd(2, 5, 4, 4), V=rnd(2, 5, 4, 4, seed=1))
