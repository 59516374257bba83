"""Softmax over dim 0 (batch*output_len) of flattened scores.

Source: https://github.com/PetrochukM/PyTorch-NLP/issues/2
Fix: dim=-1.
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(query: Float[Tensor, "b o d"], context: Float[Tensor, "b q d"]) -> Float[Tensor, "b o d"]:
    batch, output_len, dims = query.size()
    query_len = context.size(1)
    scores = torch.bmm(query, context.transpose(1, 2).contiguous())
    scores = scores.view(batch * output_len, query_len)
    weights = F.softmax(scores, dim=0)
    weights = weights.view(batch, output_len, query_len)
    return torch.bmm(weights, context)


def fixed(query: Float[Tensor, "b o d"], context: Float[Tensor, "b q d"]) -> Float[Tensor, "b o d"]:
    batch, output_len, dims = query.size()
    query_len = context.size(1)
    scores = torch.bmm(query, context.transpose(1, 2).contiguous())
    scores = scores.view(batch * output_len, query_len)
    weights = F.softmax(scores, dim=-1)
    weights = weights.view(batch, output_len, query_len)
    return torch.bmm(weights, context)


def reference(query, context):
    return torch.stack([(q @ c.T).softmax(1) @ c for q, c in zip(query, context)])


def example():
    return dict(query=rnd(2, 3, 4), context=rnd(2, 5, 4))
