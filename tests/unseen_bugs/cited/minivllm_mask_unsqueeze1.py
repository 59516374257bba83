"""Mask (b,t).unsqueeze(1) times (b,t,d).

Source: https://github.com/Wenyueh/MinivLLM/pull/99
Fix: unsqueeze(-1).
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float, Int
from torch import Tensor


def buggy(ids: Int[Tensor, "b t"], table: Float[Tensor, "v d"]) -> Float[Tensor, "b t d"]:
    start = 2
    mask = (ids >= start) & (ids < start + table.shape[0])
    local = mask * (ids - start)
    out = F.embedding(local, table)
    return mask.unsqueeze(1) * out


def fixed(ids: Int[Tensor, "b t"], table: Float[Tensor, "v d"]) -> Float[Tensor, "b t d"]:
    start = 2
    mask = (ids >= start) & (ids < start + table.shape[0])
    local = mask * (ids - start)
    out = F.embedding(local, table)
    return mask.unsqueeze(-1) * out


def reference(ids, table):
    out = torch.zeros(*ids.shape, table.shape[1])
    for b in range(ids.shape[0]):
        for t in range(ids.shape[1]):
            i = int(ids[b, t]) - 2
            if 0 <= i < len(table):
                out[b, t] = table[i]
    return out


def example():
    return dict(ids=torch.tensor([[0, 3, 5, 9], [2, 1, 8, 4]]), table=rnd(6, 4))
