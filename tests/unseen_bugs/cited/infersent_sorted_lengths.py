"""Outputs are unsorted, lengths are still sorted when dividing.

Source: https://github.com/facebookresearch/InferSent/issues/51
Fix: use the unsorted lengths.
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(x: Float[Tensor, "b t d"], lengths: Float[Tensor, "b"]) -> Float[Tensor, "b d"]:
    sent_len, order = torch.sort(lengths, descending=True)
    out = torch.tanh(x.index_select(0, order))
    out = out.index_select(0, torch.argsort(order))
    return out.sum(1) / sent_len[:, None]


def fixed(x: Float[Tensor, "b t d"], lengths: Float[Tensor, "b"]) -> Float[Tensor, "b d"]:
    sent_len, order = torch.sort(lengths, descending=True)
    out = torch.tanh(x.index_select(0, order))
    out = out.index_select(0, torch.argsort(order))
    return out.sum(1) / lengths[:, None]


def reference(x, lengths):
    return torch.stack([torch.tanh(s).sum(0) / l for s, l in zip(x, lengths)])


def example():
    return dict(x=rnd(3, 4, 5), lengths=torch.tensor([2.0, 4.0, 3.0]))
