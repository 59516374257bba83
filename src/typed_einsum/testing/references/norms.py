"""Normalisation of features: by layer, by group, and by root mean square."""

from __future__ import annotations

from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor

from typed_einsum.tensors import shape_of


def layer_norm(
    x: Float[Tensor, "*batch c"],
    weight: Float[Tensor, "c"] | None = None,
    bias: Float[Tensor, "c"] | None = None,
    *,
    eps: float = 1e-5,
) -> Float[Tensor, "*batch c"]:
    """Each vector minus its mean, over its standard deviation, vector by vector.

    Examples:
        >>> import torch
        >>> from typed_einsum.testing import references
        >>> x = torch.randn(2, 3, 5)
        >>> torch.allclose(references.layer_norm(x), torch.nn.functional.layer_norm(x, (5,)), atol=1e-6)
        True
    """
    result = torch.empty_like(x)
    for at in product(*map(range, shape_of(x)[:-1])):
        centred = x[at] - x[at].mean()
        result[at] = _scaled(centred / (centred.square().mean() + eps).sqrt(), weight, bias)
    return result


def rms_norm(
    x: Float[Tensor, "*batch c"], weight: Float[Tensor, "c"] | None = None, *, eps: float = 1e-6
) -> Float[Tensor, "*batch c"]:
    """Each vector over the root of its mean square, vector by vector.

    Examples:
        >>> import torch
        >>> from typed_einsum.testing import references
        >>> x = torch.randn(2, 3, 5)
        >>> expected = torch.nn.functional.rms_norm(x, (5,), eps=1e-6)
        >>> torch.allclose(references.rms_norm(x), expected, atol=1e-6)
        True
    """
    result = torch.empty_like(x)
    for at in product(*map(range, shape_of(x)[:-1])):
        result[at] = _scaled(x[at] / (x[at].square().mean() + eps).sqrt(), weight, None)
    return result


def group_norm(
    x: Float[Tensor, "b c *space"],
    groups: int,
    weight: Float[Tensor, "c"] | None = None,
    bias: Float[Tensor, "c"] | None = None,
    *,
    eps: float = 1e-5,
) -> Float[Tensor, "b c *space"]:
    """Neighbouring channels of one sample, normalised together, group by group.

    Examples:
        >>> import torch
        >>> from typed_einsum.testing import references
        >>> x = torch.randn(2, 6, 3, 5)
        >>> expected = torch.nn.functional.group_norm(x, 3)
        >>> torch.allclose(references.group_norm(x, 3), expected, atol=1e-6)
        True
    """
    samples, channels = shape_of(x)[:2]
    width = channels // groups
    result = torch.empty_like(x)
    for i in range(samples):
        for group in range(groups):
            members = range(group * width, (group + 1) * width)
            values = torch.cat([x[i, channel].flatten() for channel in members])
            mean = values.mean()
            deviation = ((values - mean).square().mean() + eps).sqrt()
            for channel in members:
                one = (x[i, channel] - mean) / deviation
                one = one if weight is None else one * weight[channel]
                result[i, channel] = one if bias is None else one + bias[channel]
    return result


def _scaled(vector: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    vector = vector if weight is None else vector * weight
    return vector if bias is None else vector + bias
