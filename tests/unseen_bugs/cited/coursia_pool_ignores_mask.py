"""Mean(dim=1) ignores attention_mask.

Source: https://github.com/jsboige/CoursIA/pull/15074
Fix: masked mean.
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Bool, Float, Int
from torch import Tensor


def buggy(
    ids: Int[Tensor, "b t"], table: Float[Tensor, "v d"], attention_mask: Bool[Tensor, "b t"]
) -> Float[Tensor, "b d"]:
    hidden = F.embedding(ids, table)
    return hidden.mean(dim=1)


def fixed(
    ids: Int[Tensor, "b t"], table: Float[Tensor, "v d"], attention_mask: Bool[Tensor, "b t"]
) -> Float[Tensor, "b d"]:
    hidden = F.embedding(ids, table)
    m = attention_mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * m).sum(dim=1) / m.sum(dim=1).clamp(min=1)


def reference(ids, table, attention_mask):
    return torch.stack([table[i[m]].mean(0) for i, m in zip(ids, attention_mask)])


def example():
    return dict(
        ids=torch.tensor([[0, 1, 2], [3, 1, 1]]),
        table=rnd(4, 5),
        attention_mask=torch.tensor([[True, True, False], [True, True, True]]),
    )
