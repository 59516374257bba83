"""Attention in linear time: a kernel instead of the softmax, so that keys and values are multiplied first."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

from typed_einsum.checked import shape_checked
from typed_einsum.contraction import typed_einsum


@typed_einsum
def memory(key: Float[Tensor, "b m k f"], value: Float[Tensor, "b m k d"]) -> Float[Tensor, "b m f d"]:
    """The sum of all keys times values: one matrix, whose size does not depend on the length of the sequence.

    Equation: `M[b,m,f,d] = Σ_k φ(K)[b,m,k,f] · V[b,m,k,d]`.

    Axes: `b` sample of a batch, `m` head, `k` position of a key, `f` feature of a kernel, `d` channel of
    a value.

    Source: Katharopoulos et al. 2020, Transformers are RNNs, equation 6.

    Examples:
        >>> import torch
        >>> memory(torch.ones(2, 3, 5, 6), torch.ones(2, 3, 5, 7)).shape
        torch.Size([2, 3, 6, 7])
    """


@typed_einsum
def recalled(query: Float[Tensor, "b m q f"], memory: Float[Tensor, "b m f d"]) -> Float[Tensor, "b m q d"]:
    """The product of each query with the matrix of all keys and values.

    Equation: `Y[b,m,q,d] = Σ_f φ(Q)[b,m,q,f] · M[b,m,f,d]`.

    Axes: `b` sample of a batch, `m` head, `q` position of a query, `f` feature of a kernel, `d` channel
    of a value.

    Source: Katharopoulos et al. 2020, Transformers are RNNs, equation 6.

    Examples:
        >>> import torch
        >>> recalled(torch.ones(2, 3, 4, 6), torch.ones(2, 3, 6, 7)).shape
        torch.Size([2, 3, 4, 7])
    """


@typed_einsum
def total_weight(query: Float[Tensor, "b m q f"], keys: Float[Tensor, "b m f"]) -> Float[Tensor, "b m q"]:
    """The sum of all weights of a query, by which its result is divided.

    Equation: `N[b,m,q] = Σ_f φ(Q)[b,m,q,f] · K[b,m,f]`, with `K` the sum of all keys' features.

    Axes: `b` sample of a batch, `m` head, `q` position of a query, `f` feature of a kernel.

    Source: Katharopoulos et al. 2020, Transformers are RNNs, equation 5.

    Examples:
        >>> import torch
        >>> total_weight(torch.ones(2, 3, 4, 6), torch.ones(2, 3, 6)).shape
        torch.Size([2, 3, 4])
    """


@typed_einsum
def written(key: Float[Tensor, "b m t f"], value: Float[Tensor, "b m t d"]) -> Float[Tensor, "b m t f d"]:
    """What each position adds to the matrix that later positions use.

    Equation: `W[b,m,t,f,d] = φ(K)[b,m,t,f] · V[b,m,t,d]`.

    Axes: `b` sample of a batch, `m` head, `t` token, `f` feature of a kernel, `d` channel of a value.

    Source: Katharopoulos et al. 2020, Transformers are RNNs, equation 10, one term of the sum.

    Examples:
        >>> import torch
        >>> written(torch.ones(2, 3, 5, 6), torch.ones(2, 3, 5, 7)).shape
        torch.Size([2, 3, 5, 6, 7])
    """


@typed_einsum
def recalled_so_far(
    query: Float[Tensor, "b m t f"], memory: Float[Tensor, "b m t f d"]
) -> Float[Tensor, "b m t d"]:
    """The product of each query with the matrix of all positions up to its own.

    Equation: `Y[b,m,t,d] = Σ_f φ(Q)[b,m,t,f] · M[b,m,t,f,d]`.

    Axes: `b` sample of a batch, `m` head, `t` token, `f` feature of a kernel, `d` channel of a value.

    Source: Katharopoulos et al. 2020, Transformers are RNNs, equation 12, above the line.

    Examples:
        >>> import torch
        >>> recalled_so_far(torch.ones(2, 3, 5, 6), torch.ones(2, 3, 5, 6, 7)).shape
        torch.Size([2, 3, 5, 7])
    """


@typed_einsum
def total_weight_so_far(
    query: Float[Tensor, "b m t f"], keys: Float[Tensor, "b m t f"]
) -> Float[Tensor, "b m t"]:
    """The sum of a query's weights for all positions up to its own.

    Equation: `N[b,m,t] = Σ_f φ(Q)[b,m,t,f] · K[b,m,t,f]`, with `K` the running sum of the keys' features.

    Axes: `b` sample of a batch, `m` head, `t` token, `f` feature of a kernel.

    Source: Katharopoulos et al. 2020, Transformers are RNNs, equation 12, below the line.

    Examples:
        >>> import torch
        >>> total_weight_so_far(torch.ones(2, 3, 5, 6), torch.ones(2, 3, 5, 6)).shape
        torch.Size([2, 3, 5])
    """


@typed_einsum
def projections(x: Float[Tensor, "b m t c"], directions: Float[Tensor, "f c"]) -> Float[Tensor, "b m t f"]:
    """The coordinates of vectors along random directions.

    Equation: `P[b,m,t,f] = Σ_c x[b,m,t,c] · W[f,c]`.

    Axes: `b` sample of a batch, `m` head, `t` token, `c` channel in which two things are compared, `f`
    feature of a kernel.

    Source: Choromanski et al. 2021, Rethinking attention with Performers, equation 5.

    Examples:
        >>> import torch
        >>> projections(torch.ones(2, 3, 5, 4), torch.ones(6, 4)).shape
        torch.Size([2, 3, 5, 6])
    """


@shape_checked
def linear(
    query: Float[Tensor, "b m q f"], key: Float[Tensor, "b m k f"], value: Float[Tensor, "b m k d"]
) -> Float[Tensor, "b m q d"]:
    """Attend with positive features, in time linear in the length of the sequence.

    Equation: `Y = φ(Q) (φ(K)ᵀ V) / (φ(Q) Σ_k φ(K))`.

    Source: Katharopoulos et al. 2020, Transformers are RNNs, equations 4 to 6.

    Examples:
        >>> import torch
        >>> q, k, v = torch.rand(2, 3, 4, 6), torch.rand(2, 3, 5, 6), torch.rand(2, 3, 5, 7)
        >>> linear(q, k, v).shape
        torch.Size([2, 3, 4, 7])
    """
    return recalled(query, memory(key, value)) / total_weight(query, key.sum(2)).unsqueeze(-1)


@shape_checked
def causal_linear(
    query: Float[Tensor, "b m t f"], key: Float[Tensor, "b m t f"], value: Float[Tensor, "b m t d"]
) -> Float[Tensor, "b m t d"]:
    """Attend only to earlier positions and the own one, with positive features.

    It stores the matrices of all positions: `t · f · d` numbers for each head.

    Equation: `Y[t] = φ(Q[t]) Σ_{t'≤t} φ(K[t'])ᵀ V[t'] / (φ(Q[t]) Σ_{t'≤t} φ(K[t']))`.

    Source: Katharopoulos et al. 2020, Transformers are RNNs, equations 9 to 12.

    Examples:
        >>> import torch
        >>> q, k, v = torch.rand(2, 3, 5, 6), torch.rand(2, 3, 5, 6), torch.rand(2, 3, 5, 7)
        >>> torch.allclose(causal_linear(q, k, v)[:, :, 0], v[:, :, 0])  # sees itself
        True
    """
    read = recalled_so_far(query, written(key, value).cumsum(2))
    return read / total_weight_so_far(query, key.cumsum(2)).unsqueeze(-1)


@shape_checked
def positive_features(
    x: Float[Tensor, "b m t c"], directions: Float[Tensor, "f c"]
) -> Float[Tensor, "b m t f"]:
    """Positive random features whose products estimate `exp(x · y)`.

    Equation: `φ(x)[f] = exp(w_f · x - |x|² / 2) / sqrt(f)`, for directions drawn from a normal distribution.

    Cost: `b · m · t · c · f` multiply-adds, and one exponential for each feature.

    Source: Choromanski et al. 2021, Rethinking attention with Performers, lemma 1.

    Examples:
        >>> import torch
        >>> positive_features(torch.randn(2, 3, 5, 4), torch.randn(6, 4)).min() > 0
        tensor(True)
    """
    return exponents(x, directions).exp() / math.sqrt(directions.size(0))


def exponents(x: Tensor, directions: Tensor) -> Tensor:
    """The logarithm of positive features, without their common factor."""
    return projections(x, directions) - x.square().sum(-1, keepdim=True) / 2


@shape_checked
def performer(
    query: Float[Tensor, "b m q c"],
    key: Float[Tensor, "b m k c"],
    value: Float[Tensor, "b m k d"],
    directions: Float[Tensor, "f c"],
) -> Float[Tensor, "b m q d"]:
    """Estimate scaled dot product attention with random features, in linear time.

    Equation: `Y = linear(φ(Q / c^(1/4)), φ(K / c^(1/4)), V)`, with `φ` of `positive_features`.

    Cost: the features of queries and keys, then that of `linear`: no score of a query and a key is computed.

    Source: Choromanski et al. 2021, Rethinking attention with Performers, equation 4 and lemma 1.

    Examples:
        >>> import torch
        >>> q, k, v = torch.randn(2, 3, 4, 6), torch.randn(2, 3, 5, 6), torch.randn(2, 3, 5, 7)
        >>> performer(q, k, v, torch.randn(64, 6)).shape
        torch.Size([2, 3, 4, 7])
    """
    scale = query.size(-1) ** -0.25
    of_query, of_key = exponents(query * scale, directions), exponents(key * scale, directions)
    # A factor may move from a feature of the keys to that of the queries, and a factor of a query cancels. So
    # the largest exponent of each query becomes 0: nothing overflows, and no sum of weights is 0.
    largest = of_key.amax(2, keepdim=True)
    of_query = of_query + largest
    of_query = of_query - of_query.amax(-1, keepdim=True)
    return linear(of_query.exp(), (of_key - largest).exp(), value)
