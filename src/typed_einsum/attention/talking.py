"""Talking heads: scores and weights are mixed between heads, before and after the softmax."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

from typed_einsum.attention.dot_product import scores
from typed_einsum.checked import shape_checked
from typed_einsum.contraction import typed_einsum
from typed_einsum.operations import softmax


@typed_einsum
def mixed_scores(scores: Float[Tensor, "b m q k"], weight: Float[Tensor, "m u"]) -> Float[Tensor, "b u q k"]:
    """Mix the scores of all heads with a matrix.

    Equation: `J[b,u,q,k] = Σ_m S[b,m,q,k] · P[m,u]`.

    Axes: `b` sample of a batch, `m` head, `q` position of a query, `k` position of a key, `u` mixture of
    heads.

    Source: Shazeer et al. 2020, Talking-heads attention, section 4, where `J` is the input and `L` the
    output.

    Examples:
        >>> import torch
        >>> mixed_scores(torch.ones(2, 3, 4, 5), torch.ones(3, 6)).shape
        torch.Size([2, 6, 4, 5])
    """


@typed_einsum
def mixed_weights(
    weights: Float[Tensor, "b u q k"], weight: Float[Tensor, "u m"]
) -> Float[Tensor, "b m q k"]:
    """Mix the weights of all heads with a matrix.

    Equation: `U[b,m,q,k] = Σ_u W[b,u,q,k] · P[u,m]`.

    Axes: `b` sample of a batch, `u` mixture of heads, `q` position of a query, `k` position of a key, `m`
    head.

    Source: Shazeer et al. 2020, Talking-heads attention, section 4.

    Examples:
        >>> import torch
        >>> mixed_weights(torch.ones(2, 6, 4, 5), torch.ones(6, 3)).shape
        torch.Size([2, 3, 4, 5])
    """


@typed_einsum
def mixture_of_heads(
    weights: Float[Tensor, "b m q k"], value: Float[Tensor, "b m k d"]
) -> Float[Tensor, "b m q d"]:
    """The sum of the values, weighted by the mixed weights.

    Equation: `Y[b,m,q,d] = Σ_k U[b,m,q,k] · V[b,m,k,d]`.

    Axes: `b` sample of a batch, `m` head, `q` position of a query, `k` position of a key, `d` channel of
    a value.

    Source: Shazeer et al. 2020, Talking-heads attention, section 4.

    Examples:
        >>> import torch
        >>> mixture_of_heads(torch.ones(2, 3, 4, 5), torch.ones(2, 3, 5, 7)).shape
        torch.Size([2, 3, 4, 7])
    """


@shape_checked
def talking_heads(
    query: Float[Tensor, "b m q c"],
    key: Float[Tensor, "b m k c"],
    value: Float[Tensor, "b reader k d"],
    before: Float[Tensor, "m u"],
    after: Float[Tensor, "u reader"],
    mask: Tensor | None = None,
    mask_axes: str = "b q k",
) -> Float[Tensor, "b reader q d"]:
    """Attend with heads that are mixed before the softmax and again after it.

    The mask is that of `scaled_dot_product`; `mask_axes` names its axes, some of `b u q k` in any order.

    Equation: `Y = (softmax_k((Q Kᵀ / sqrt(c)) P_before) P_after) V`.

    Source: Shazeer et al. 2020, Talking-heads attention, section 4. The code there has no `1 / sqrt(c)`,
    which can be part of the projection of the queries.

    Examples:
        >>> import torch
        >>> q, k, v = torch.randn(2, 3, 4, 6), torch.randn(2, 3, 5, 6), torch.randn(2, 8, 5, 7)
        >>> talking_heads(q, k, v, torch.randn(3, 9), torch.randn(9, 8)).shape
        torch.Size([2, 8, 4, 7])
    """
    raw = mixed_scores(scores(query / math.sqrt(query.size(-1)), key), before)
    weights = softmax(raw, "b u q k", over="k", mask=mask, mask_axes=None if mask is None else mask_axes)
    return mixture_of_heads(mixed_weights(weights, after), value)
