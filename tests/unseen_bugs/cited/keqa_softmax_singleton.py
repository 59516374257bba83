"""Softmax over the last axis of (seq*batch, 1).

Source: https://github.com/DEEP-PolyU/KEQA_WSDM19/issues/2
Fix: over the sequence.
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(outputs: Float[Tensor, "t b d"], attn: Float[Tensor, "1 d"]) -> Float[Tensor, "t b d"]:
    t, b, d = outputs.shape
    flat = outputs.reshape(-1, d)
    attn_weights = F.softmax(flat @ attn.t(), dim=1)
    return (attn_weights * flat).view(t, b, d)


def fixed(outputs: Float[Tensor, "t b d"], attn: Float[Tensor, "1 d"]) -> Float[Tensor, "t b d"]:
    t, b, d = outputs.shape
    flat = outputs.reshape(-1, d)
    attn_weights = F.softmax((flat @ attn.t()).view(t, b, 1), dim=0)
    return attn_weights * outputs


def reference(outputs, attn):
    out = torch.zeros_like(outputs)
    for b in range(outputs.shape[1]):
        w = (outputs[:, b] @ attn[0]).softmax(0)
        out[:, b] = w[:, None] * outputs[:, b]
    return out


def example():
    return dict(outputs=rnd(5, 2, 3), attn=rnd(1, 3))
