"""Attn_out (b h hw d) reshaped straight to (b h d hh ww).

Source: https://github.com/leaderj1001/Attention-Augmented-Conv2d/issues/21
Fix: permute(0,1,3,2) first.
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(
    q: Float[Tensor, "b nh dk hh ww"], k: Float[Tensor, "b nh dk hh ww"], v: Float[Tensor, "b nh dv hh ww"]
) -> Float[Tensor, "b nh dv hh ww"]:
    b, nh, dk, H, W = q.shape
    dv = v.shape[2]
    flat_q, flat_k, flat_v = (q.flatten(3), k.flatten(3), v.flatten(3))
    logits = torch.matmul(flat_q.transpose(2, 3) * dk ** (-0.5), flat_k)
    weights = F.softmax(logits, dim=-1)
    attn_out = torch.matmul(weights, flat_v.transpose(2, 3))
    return torch.reshape(attn_out, (b, nh, dv, H, W))


def fixed(
    q: Float[Tensor, "b nh dk hh ww"], k: Float[Tensor, "b nh dk hh ww"], v: Float[Tensor, "b nh dv hh ww"]
) -> Float[Tensor, "b nh dv hh ww"]:
    b, nh, dk, H, W = q.shape
    dv = v.shape[2]
    flat_q, flat_k, flat_v = (q.flatten(3), k.flatten(3), v.flatten(3))
    logits = torch.matmul(flat_q.transpose(2, 3) * dk ** (-0.5), flat_k)
    weights = F.softmax(logits, dim=-1)
    attn_out = torch.matmul(weights, flat_v.transpose(2, 3))
    return torch.reshape(attn_out.permute(0, 1, 3, 2), (b, nh, dv, H, W))


def reference(q, k, v):
    dk = q.shape[2]
    w = torch.einsum("bnchw,bncyx->bnhwyx", q, k) * dk ** (-0.5)
    w = w.flatten(4).softmax(-1)
    return torch.einsum("bnhwp,bncp->bnchw", w, v.flatten(3))


def example():
    return dict(q=rnd(2, 2, 3, 4, 5), k=rnd(2, 2, 3, 4, 5, seed=1), v=rnd(2, 2, 6, 4, 5, seed=2))
