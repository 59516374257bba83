"""Centre distances of aligned boxes (n,) added to a pairwise (n, m) matrix.

Source: https://github.com/pytorch/vision/pull/6338
Fix: [:, None].
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def areas(boxes1, boxes2):
    a1 = (boxes1[:, 2] - boxes1[:, 0]) * (boxes1[:, 3] - boxes1[:, 1])
    a2 = (boxes2[:, 2] - boxes2[:, 0]) * (boxes2[:, 3] - boxes2[:, 1])
    lt = torch.max(boxes1[:, None, :2], boxes2[:, :2])
    rb = torch.min(boxes1[:, None, 2:], boxes2[:, 2:])
    wh = (rb - lt).clamp(min=0)
    inter = wh[..., 0] * wh[..., 1]
    return inter / (a1[:, None] + a2 - inter)


def buggy(boxes1: Float[Tensor, "n 4"], boxes2: Float[Tensor, "m 4"]) -> Float[Tensor, "n m"]:
    iou = areas(boxes1, boxes2)
    lti = torch.min(boxes1[:, None, :2], boxes2[:, :2])
    rbi = torch.max(boxes1[:, None, 2:], boxes2[:, 2:])
    diag = ((rbi - lti) ** 2).sum(-1) + 1e-07
    cx1, cx2 = ((boxes1[:, 0] + boxes1[:, 2]) / 2, (boxes2[:, 0] + boxes2[:, 2]) / 2)
    cy1, cy2 = ((boxes1[:, 1] + boxes1[:, 3]) / 2, (boxes2[:, 1] + boxes2[:, 3]) / 2)
    dist = (cx1 - cx2) ** 2 + (cy1 - cy2) ** 2
    return iou - dist / diag


def fixed(boxes1: Float[Tensor, "n 4"], boxes2: Float[Tensor, "m 4"]) -> Float[Tensor, "n m"]:
    iou = areas(boxes1, boxes2)
    lti = torch.min(boxes1[:, None, :2], boxes2[:, :2])
    rbi = torch.max(boxes1[:, None, 2:], boxes2[:, 2:])
    diag = ((rbi - lti) ** 2).sum(-1) + 1e-07
    cx1, cx2 = ((boxes1[:, 0] + boxes1[:, 2]) / 2, (boxes2[:, 0] + boxes2[:, 2]) / 2)
    cy1, cy2 = ((boxes1[:, 1] + boxes1[:, 3]) / 2, (boxes2[:, 1] + boxes2[:, 3]) / 2)
    dist = (cx1[:, None] - cx2) ** 2 + (cy1[:, None] - cy2) ** 2
    return iou - dist / diag


def reference(boxes1, boxes2):
    out = torch.zeros(len(boxes1), len(boxes2))
    for i, p in enumerate(boxes1):
        for j, q in enumerate(boxes2):
            lt, rb = (torch.min(p[:2], q[:2]), torch.max(p[2:], q[2:]))
            cp, cq = ((p[:2] + p[2:]) / 2, (q[:2] + q[2:]) / 2)
            out[i, j] = areas(p[None], q[None])[0, 0] - ((cp - cq) ** 2).sum() / (
                ((rb - lt) ** 2).sum() + 1e-07
            )
    return out


def example():
    a, b = (rnd(3, 2), rnd(3, 2, seed=1))
    return dict(boxes1=torch.cat([a, a + 1], 1), boxes2=torch.cat([b, b + 1.5], 1))
