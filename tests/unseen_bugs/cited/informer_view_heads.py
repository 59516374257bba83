"""Queries.view(B, H, L, -1) on (B, L, H, D).

Source: https://github.com/zhouhaoyi/Informer2020/issues/59
Fix: transpose(2, 1).
"""

import math

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(
    queries: Float[Tensor, "b l h e"], keys: Float[Tensor, "b s h e"], values: Float[Tensor, "b s h d"]
) -> Float[Tensor, "b l h d"]:
    B, L, H, _ = queries.shape
    S = keys.shape[1]
    q = queries.reshape(B, H, L, -1)
    k = keys.reshape(B, H, S, -1)
    v = values.reshape(B, H, S, -1)
    scale = 1.0 / math.sqrt(q.shape[-1])
    attn = torch.softmax(scale * torch.matmul(q, k.transpose(-2, -1)), dim=-1)
    return torch.matmul(attn, v).reshape(B, L, H, -1)


def fixed(
    queries: Float[Tensor, "b l h e"], keys: Float[Tensor, "b s h e"], values: Float[Tensor, "b s h d"]
) -> Float[Tensor, "b l h d"]:
    q = queries.transpose(2, 1)
    k = keys.transpose(2, 1)
    v = values.transpose(2, 1)
    scale = 1.0 / math.sqrt(q.shape[-1])
    attn = torch.softmax(scale * torch.matmul(q, k.transpose(-2, -1)), dim=-1)
    return torch.matmul(attn, v).transpose(2, 1).contiguous()


def reference(queries, keys, values):
    out = torch.zeros(*queries.shape[:3], values.shape[-1])
    for b in range(queries.shape[0]):
        for h in range(queries.shape[2]):
            a = (queries[b, :, h] @ keys[b, :, h].T / math.sqrt(queries.shape[-1])).softmax(-1)
            out[b, :, h] = a @ values[b, :, h]
    return out


def example():
    return dict(queries=rnd(2, 6, 3, 4), keys=rnd(2, 6, 3, 4, seed=1), values=rnd(2, 6, 3, 4, seed=2))
