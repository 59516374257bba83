"""What is computed step by step along time."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from typed_einsum.tensors import shape_of


def gae(
    reward: Float[Tensor, "t *batch"],
    value: Float[Tensor, "t *batch"],
    following: Float[Tensor, "t *batch"],
    alive: Float[Tensor, "t *batch"],
    *,
    discount: float = 0.99,
    decay: float = 0.95,
) -> Float[Tensor, "t *batch"]:
    """Generalised advantage estimates, each as the sum of all later temporal differences.

    Args:
        reward: of each step, oldest first.
        value: of the state before each step.
        following: the value of the state after it.
        alive: 0 where an episode ends with the step, and 1 elsewhere.
        discount: of later rewards.
        decay: of later differences.

    Source: Schulman et al., High-Dimensional Continuous Control Using Generalized Advantage Estimation, 2016,
    equation 16.

    Examples:
        >>> import torch
        >>> from typed_einsum.testing import references
        >>> zeros, ones = torch.zeros(3), torch.ones(3)
        >>> references.gae(ones, zeros, zeros, ones, discount=1, decay=1)
        tensor([3., 2., 1.])
    """
    steps = shape_of(reward)[0]
    result = torch.zeros_like(reward)
    for start in range(steps):
        weight = torch.ones_like(reward[start])
        for step in range(start, steps):
            difference = reward[step] + discount * following[step] * alive[step] - value[step]
            result[start] += weight * difference
            weight = weight * discount * decay * alive[step]
    return result


def ssd(
    x: Float[Tensor, "b t h p"],
    decay: Float[Tensor, "b t h"],
    into: Float[Tensor, "b t n"],
    out: Float[Tensor, "b t n"],
) -> Float[Tensor, "b t h p"]:
    """A state space with one decay for each head: `state = exp(decay) state + into x`, `y = out state`.

    Args:
        x: the input.
        decay: the logarithm of what is kept of the state.
        into: how an input enters the state of `n` entries.
        out: how the state is read.

    Source: Dao and Gu, Transformers are SSMs, 2024, equation 5 with a scalar decay.

    Examples:
        >>> import torch
        >>> from typed_einsum.testing import references
        >>> x = torch.randn(2, 3, 4, 5)
        >>> ones, zeros = torch.ones(2, 3, 1), torch.zeros(2, 3, 4)
        >>> torch.allclose(references.ssd(x, zeros, ones, ones), x.cumsum(1), atol=1e-6)
        True
    """
    samples, steps, heads, width = shape_of(x)
    n = shape_of(into)[2]
    result = torch.empty_like(x)
    for b in range(samples):
        for h in range(heads):
            state = x.new_zeros(n, width)
            for t in range(steps):
                state = decay[b, t, h].exp() * state
                for i in range(n):
                    state[i] = state[i] + into[b, t, i] * x[b, t, h]
                result[b, t, h] = sum(out[b, t, i] * state[i] for i in range(n))
    return result
