"""Torch.argmax(logits) without dim compared with the labels.

Source: https://github.com/Zasder3/train-CLIP/issues/6
Fix: dim=1.
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(image: Float[Tensor, "n d"], text: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
    logits = F.normalize(image, dim=1) @ F.normalize(text, dim=1).t()
    ground_truth = torch.arange(len(logits))
    acc_i = (torch.argmax(logits) == ground_truth).sum()
    acc_t = (torch.argmax(logits.t()) == ground_truth).sum()
    return (acc_i + acc_t) / 2 / len(logits)


def fixed(image: Float[Tensor, "n d"], text: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
    logits = F.normalize(image, dim=1) @ F.normalize(text, dim=1).t()
    ground_truth = torch.arange(len(logits))
    acc_i = (torch.argmax(logits, 1) == ground_truth).sum()
    acc_t = (torch.argmax(logits.t(), 1) == ground_truth).sum()
    return (acc_i + acc_t) / 2 / len(logits)


def reference(image, text):
    l = F.normalize(image, dim=1) @ F.normalize(text, dim=1).t()
    n = len(l)
    return torch.tensor(sum(int(l[i].argmax() == i) + int(l[:, i].argmax() == i) for i in range(n)) / 2 / n)


def example():
    a = rnd(6, 5)
    return dict(image=a, text=a + 0.1 * rnd(6, 5, seed=1))
