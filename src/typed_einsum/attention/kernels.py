"""Attention in linear time: a kernel in place of the softmax, so that keys and values meet first."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

from typed_einsum.checked import shape_checked
from typed_einsum.contraction import typed_einsum


@typed_einsum
def memory(key: Float[Tensor, "b m k f"], value: Float[Tensor, "b m k d"]) -> Float[Tensor, "b m f d"]:
    """All keys and values in one matrix, whose size does not grow with the sequence.

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
    """Read the matrix of all keys and values with each query.

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
    """Attend with features that are positive already, in time linear in the sequence.

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
def positive_features(
    x: Float[Tensor, "b m t c"], directions: Float[Tensor, "f c"]
) -> Float[Tensor, "b m t f"]:
    """Positive random features whose products estimate `exp(x · y)`.

    Equation: `φ(x)[f] = exp(w_f · x - |x|² / 2) / sqrt(f)`, for directions drawn from a normal distribution.

    Source: Choromanski et al. 2021, Rethinking attention with Performers, lemma 1.

    Examples:
        >>> import torch
        >>> positive_features(torch.randn(2, 3, 5, 4), torch.randn(6, 4)).min() > 0
        tensor(True)
    """
    exponent = projections(x, directions) - x.square().sum(-1, keepdim=True) / 2
    return exponent.exp() / math.sqrt(directions.size(0))
