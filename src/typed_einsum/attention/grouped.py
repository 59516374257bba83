"""Keys and values that several heads share: multi-query and grouped-query attention."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

from typed_einsum.checked import shape_checked
from typed_einsum.contraction import typed_einsum
from typed_einsum.operations import softmax


@typed_einsum
def shared_scores(query: Float[Tensor, "b m q c"], key: Float[Tensor, "b k c"]) -> Float[Tensor, "b m q k"]:
    """Scores of many heads of queries against one head of keys.

    Equation: `S[b,m,q,k] = Σ_c Q[b,m,q,c] · K[b,k,c]`.

    Axes: `b` sample of a batch, `m` head, `q` position of a query, `c` channel in which two things are
    compared, `k` position of a key.

    Source: Shazeer 2019, Fast transformer decoding, section 3.

    Examples:
        >>> import torch
        >>> shared_scores(torch.ones(2, 3, 4, 6), torch.ones(2, 5, 6)).shape
        torch.Size([2, 3, 4, 5])
    """


@typed_einsum
def shared_mixture(
    weights: Float[Tensor, "b m q k"], value: Float[Tensor, "b k d"]
) -> Float[Tensor, "b m q d"]:
    """The weighted sums of one head of values, with the weights of many heads.

    Equation: `Y[b,m,q,d] = Σ_k W[b,m,q,k] · V[b,k,d]`.

    Axes: `b` sample of a batch, `m` head, `q` position of a query, `k` position of a key, `d` channel of
    a value.

    Source: Shazeer 2019, Fast transformer decoding, section 3.

    Examples:
        >>> import torch
        >>> shared_mixture(torch.ones(2, 3, 4, 5), torch.ones(2, 5, 7)).shape
        torch.Size([2, 3, 4, 7])
    """


@typed_einsum
def grouped_scores(
    query: Float[Tensor, "b m r q c"], key: Float[Tensor, "b m k c"]
) -> Float[Tensor, "b m r q k"]:
    """Scores of groups of heads, each group against one head of keys.

    Equation: `S[b,m,r,q,k] = Σ_c Q[b,m,r,q,c] · K[b,m,k,c]`.

    Axes: `b` sample of a batch, `m` head, `r` head of a group that shares keys and values, `q` position
    of a query, `c` channel in which two things are compared, `k` position of a key.

    Source: Ainslie et al. 2023, GQA, section 2.2.

    Examples:
        >>> import torch
        >>> grouped_scores(torch.ones(2, 3, 4, 5, 6), torch.ones(2, 3, 7, 6)).shape
        torch.Size([2, 3, 4, 5, 7])
    """


@typed_einsum
def grouped_mixture(
    weights: Float[Tensor, "b m r q k"], value: Float[Tensor, "b m k d"]
) -> Float[Tensor, "b m r q d"]:
    """The weighted sums of values that a group of heads shares.

    Equation: `Y[b,m,r,q,d] = Σ_k W[b,m,r,q,k] · V[b,m,k,d]`.

    Axes: `b` sample of a batch, `m` head, `r` head of a group that shares keys and values, `q` position
    of a query, `k` position of a key, `d` channel of a value.

    Source: Ainslie et al. 2023, GQA, section 2.2.

    Examples:
        >>> import torch
        >>> grouped_mixture(torch.ones(2, 3, 4, 5, 7), torch.ones(2, 3, 7, 8)).shape
        torch.Size([2, 3, 4, 5, 8])
    """


@shape_checked
def multi_query(
    query: Float[Tensor, "b m q c"],
    key: Float[Tensor, "b k c"],
    value: Float[Tensor, "b k d"],
    mask: Tensor | None = None,
    mask_axes: str = "b q k",
) -> Float[Tensor, "b m q d"]:
    """Attend with many heads of queries to one head of keys and values.

    The mask is that of `scaled_dot_product`; `mask_axes` names its axes, some of `b m q k` in any order.

    Equation: `Y_m = softmax_k(Q_m Kᵀ / sqrt(c)) V`.

    Source: Shazeer 2019, Fast transformer decoding, section 3. The code there has no `1 / sqrt(c)`, which
    can be part of the projection of the queries.

    Examples:
        >>> import torch
        >>> multi_query(torch.randn(2, 3, 4, 6), torch.randn(2, 5, 6), torch.randn(2, 5, 7)).shape
        torch.Size([2, 3, 4, 7])
    """
    raw = shared_scores(query / math.sqrt(query.size(-1)), key)
    weights = softmax(raw, "b m q k", over="k", mask=mask, mask_axes=None if mask is None else mask_axes)
    return shared_mixture(weights, value)


@shape_checked
def grouped_query(
    query: Float[Tensor, "b m r q c"],
    key: Float[Tensor, "b m k c"],
    value: Float[Tensor, "b m k d"],
    mask: Tensor | None = None,
    mask_axes: str = "b q k",
) -> Float[Tensor, "b m r q d"]:
    """Attend with groups of `r` heads of queries, each group to its own head of keys and values.

    Heads of one group are neighbours: `unflatten(1, (m, r))` makes groups of `m * r` heads.

    The mask is that of `scaled_dot_product`; `mask_axes` names its axes, some of `b m r q k` in any order.

    Equation: `Y_mr = softmax_k(Q_mr K_mᵀ / sqrt(c)) V_m`.

    Source: Ainslie et al. 2023, GQA, section 2.2.

    Examples:
        >>> import torch
        >>> q, k, v = torch.randn(2, 3, 4, 5, 6), torch.randn(2, 3, 7, 6), torch.randn(2, 3, 7, 8)
        >>> grouped_query(q, k, v).shape
        torch.Size([2, 3, 4, 5, 8])
    """
    raw = grouped_scores(query / math.sqrt(query.size(-1)), key)
    weights = softmax(raw, "b m r q k", over="k", mask=mask, mask_axes=None if mask is None else mask_axes)
    return grouped_mixture(weights, value)
