"""Pairs = cat(pos, neg) but anchors = repeat_interleave(2k).

Source: https://github.com/OpenTabular/DeepTab/issues/414
Fix: repeat_interleave(k).repeat(2, 1).
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(
    emb: Float[Tensor, "n d"], pos: Float[Tensor, "n k d"], neg: Float[Tensor, "n k d"]
) -> Float[Tensor, ""]:
    n, k, d = pos.shape
    pairs = torch.cat([pos.reshape(n * k, d), neg.reshape(n * k, d)], dim=0)
    labels = torch.cat([torch.ones(n * k), -torch.ones(n * k)])
    anchors = emb.repeat_interleave(k * 2, dim=0)
    return F.cosine_embedding_loss(anchors, pairs, labels)


def fixed(
    emb: Float[Tensor, "n d"], pos: Float[Tensor, "n k d"], neg: Float[Tensor, "n k d"]
) -> Float[Tensor, ""]:
    n, k, d = pos.shape
    pairs = torch.cat([pos.reshape(n * k, d), neg.reshape(n * k, d)], dim=0)
    labels = torch.cat([torch.ones(n * k), -torch.ones(n * k)])
    anchors = emb.repeat_interleave(k, dim=0).repeat(2, 1)
    return F.cosine_embedding_loss(anchors, pairs, labels)


def reference(emb, pos, neg):
    t = []
    for i in range(len(emb)):
        for p in pos[i]:
            t.append(1 - F.cosine_similarity(emb[i], p, dim=0))
        for q in neg[i]:
            t.append(F.cosine_similarity(emb[i], q, dim=0).clamp(min=0))
    return torch.stack(t).mean()


def example():
    return dict(emb=rnd(4, 5), pos=rnd(4, 2, 5), neg=rnd(4, 2, 5, seed=1))
