"""Losses of classes."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from typed_einsum.tensors import shape_of


def cross_entropy(
    logits: Float[Tensor, "n c"], target: Int[Tensor, "n"], *, ignore: int = -100, smoothing: float = 0.0
) -> Float[Tensor, ""]:
    """The mean over samples of minus the logarithm of the probability of their class.

    Args:
        logits: of `c` classes.
        target: the class of each sample.
        ignore: a target that does not count.
        smoothing: the part of each target that is spread over all classes.

    Examples:
        >>> import torch
        >>> from typed_einsum.testing import references
        >>> logits, target = torch.randn(3, 5), torch.tensor([4, 0, 2])
        >>> expected = torch.nn.functional.cross_entropy(logits, target)
        >>> torch.allclose(references.cross_entropy(logits, target), expected)
        True
    """
    losses = []
    for row, kind in zip(logits, target, strict=True):
        if int(kind) == ignore:
            continue
        log_probability = row - row.logsumexp(0)
        own = -log_probability[int(kind)]
        everywhere = -log_probability.sum() / shape_of(logits)[1]
        losses.append((1 - smoothing) * own + smoothing * everywhere)
    return torch.stack(losses).mean() if losses else logits.new_tensor(math.nan)


def focal(
    logits: Float[Tensor, "*n"], target: Float[Tensor, "*n"], *, alpha: float = 0.25, gamma: float = 2.0
) -> Float[Tensor, ""]:
    """The mean of binary cross entropies, each times `(1 - p) ** gamma` of the probability `p` it was given.

    Args:
        logits: of being positive.
        target: 1 for positive, 0 for negative.
        alpha: the weight of positives; that of negatives is `1 - alpha`, and below 0 there is none.
        gamma: how much less the easy ones count.

    Source: Lin et al., Focal Loss for Dense Object Detection, 2017, equation 5.

    Examples:
        >>> import torch
        >>> from typed_einsum.testing import references
        >>> logits, target = torch.randn(7), torch.tensor([1.0, 0, 0, 1, 0, 1, 0])
        >>> expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, target)
        >>> torch.allclose(references.focal(logits, target, alpha=-1, gamma=0), expected)
        True
    """
    losses = []
    for logit, kind in zip(logits.flatten(), target.flatten(), strict=True):
        probability = torch.sigmoid(logit if kind else -logit)
        weight = 1.0 if alpha < 0 else alpha if kind else 1 - alpha
        losses.append(-weight * (1 - probability) ** gamma * probability.log())
    return torch.stack(losses).mean()
