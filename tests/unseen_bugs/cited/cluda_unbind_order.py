"""Features laid out (hw b) by unbind+cat, labels (b hw) by view.

Source: https://github.com/user0407/CLUDA/issues/6
Fix: same order.
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float, Int
from torch import Tensor


def buggy(feats: Float[Tensor, "b c h w"], labels: Int[Tensor, "b h w"]) -> Float[Tensor, ""]:
    lab = labels.view(-1)
    f = F.normalize(feats.permute(0, 2, 3, 1).flatten(1, 2), dim=-1)
    f = torch.cat(torch.unbind(f, dim=1), dim=0)
    sim = f @ f.T / 0.1
    same = (lab[:, None] == lab[None, :]).float()
    return -(sim.log_softmax(1) * same / same.sum(1, keepdim=True)).sum(1).mean()


def fixed(feats: Float[Tensor, "b c h w"], labels: Int[Tensor, "b h w"]) -> Float[Tensor, ""]:
    lab = labels.view(-1)
    f = F.normalize(feats.permute(0, 2, 3, 1).flatten(1, 2), dim=-1)
    f = f.flatten(0, 1)
    sim = f @ f.T / 0.1
    same = (lab[:, None] == lab[None, :]).float()
    return -(sim.log_softmax(1) * same / same.sum(1, keepdim=True)).sum(1).mean()


def reference(feats, labels):
    items = [
        (F.normalize(feats[b, :, y, x], dim=0), labels[b, y, x])
        for b in range(feats.shape[0])
        for y in range(feats.shape[2])
        for x in range(feats.shape[3])
    ]
    t = 0
    for f, l in items:
        lp = torch.stack([f @ g / 0.1 for g, _ in items]).log_softmax(0)
        m = torch.tensor([float(l == k) for _, k in items])
        t = t - (lp * m).sum() / m.sum()
    return t / len(items)


def example():
    return dict(feats=rnd(2, 3, 2, 3), labels=torch.tensor([[[0, 1, 2], [1, 1, 0]], [[2, 2, 0], [0, 1, 2]]]))
