"""Multi-head latent attention: keys and values come from one small latent vector for each position."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

from typed_einsum.checked import shape_checked
from typed_einsum.contraction import typed_einsum
from typed_einsum.operations import softmax


@typed_einsum
def compressed(x: Float[Tensor, "b k e"], weight: Float[Tensor, "l e"]) -> Float[Tensor, "b k l"]:
    """Compress each position into a small latent vector, the only thing that a cache must store.

    Equation: `L[b,k,l] = Σ_e x[b,k,e] · W[l,e]`.

    Axes: `b` sample of a batch, `k` position of a key, `e` channel of a model, `l` latent channel.

    Source: DeepSeek-AI 2024, DeepSeek-V2, equation 9.

    Examples:
        >>> import torch
        >>> compressed(torch.ones(2, 5, 12), torch.ones(4, 12)).shape
        torch.Size([2, 5, 4])
    """


@typed_einsum
def expanded_keys(latent: Float[Tensor, "b k l"], weight: Float[Tensor, "m c l"]) -> Float[Tensor, "b m k c"]:
    """Expand latents into the keys of each head.

    Equation: `K[b,m,k,c] = Σ_l L[b,k,l] · W[m,c,l]`.

    Axes: `b` sample of a batch, `k` position of a key, `l` latent channel, `m` head, `c` channel in which
    two things are compared.

    Source: DeepSeek-AI 2024, DeepSeek-V2, equation 10.

    Examples:
        >>> import torch
        >>> expanded_keys(torch.ones(2, 5, 4), torch.ones(3, 6, 4)).shape
        torch.Size([2, 3, 5, 6])
    """


@typed_einsum
def absorbed_queries(
    query: Float[Tensor, "b m q c"], weight: Float[Tensor, "m c l"]
) -> Float[Tensor, "b m q l"]:
    """Queries that are compared with latents directly: they include the expansion of the keys.

    Equation: `A[b,m,q,l] = Σ_c Q[b,m,q,c] · W[m,c,l]`.

    Axes: `b` sample of a batch, `m` head, `q` position of a query, `c` channel in which two things are
    compared, `l` latent channel.

    Source: DeepSeek-AI 2024, DeepSeek-V2, section 2.1.2.

    Examples:
        >>> import torch
        >>> absorbed_queries(torch.ones(2, 3, 5, 6), torch.ones(3, 6, 4)).shape
        torch.Size([2, 3, 5, 4])
    """


@typed_einsum
def latent_scores(
    query: Float[Tensor, "b m q l"], latent: Float[Tensor, "b k l"]
) -> Float[Tensor, "b m q k"]:
    """Scores of absorbed queries against latents.

    Equation: `S[b,m,q,k] = Σ_l A[b,m,q,l] · L[b,k,l]`.

    Axes: `b` sample of a batch, `m` head, `q` position of a query, `l` latent channel, `k` position of a
    key.

    Source: DeepSeek-AI 2024, DeepSeek-V2, section 2.1.2.

    Examples:
        >>> import torch
        >>> latent_scores(torch.ones(2, 3, 5, 4), torch.ones(2, 7, 4)).shape
        torch.Size([2, 3, 5, 7])
    """


@typed_einsum
def rotary_scores(
    query: Float[Tensor, "b m q rot"], key: Float[Tensor, "b k rot"]
) -> Float[Tensor, "b m q k"]:
    """Scores of the channels with rotary positions; all heads share one key.

    Equation: `S[b,m,q,k] = Σ_rot Q[b,m,q,rot] · K[b,k,rot]`.

    Axes: `b` sample of a batch, `m` head, `q` position of a query, `rot` channel that carries a rotary
    position, `k` position of a key.

    Source: DeepSeek-AI 2024, DeepSeek-V2, section 2.1.3, the second part of the product in equation 18.

    Examples:
        >>> import torch
        >>> rotary_scores(torch.ones(2, 3, 5, 4), torch.ones(2, 7, 4)).shape
        torch.Size([2, 3, 5, 7])
    """


@typed_einsum
def latent_mixture(
    weights: Float[Tensor, "b m q k"], latent: Float[Tensor, "b k l"]
) -> Float[Tensor, "b m q l"]:
    """The weighted sums of latents, before they are expanded.

    Equation: `Z[b,m,q,l] = Σ_k W[b,m,q,k] · L[b,k,l]`.

    Axes: `b` sample of a batch, `m` head, `q` position of a query, `k` position of a key, `l` latent
    channel.

    Source: DeepSeek-AI 2024, DeepSeek-V2, section 2.1.2.

    Examples:
        >>> import torch
        >>> latent_mixture(torch.ones(2, 3, 5, 7), torch.ones(2, 7, 4)).shape
        torch.Size([2, 3, 5, 4])
    """


@typed_einsum
def expanded_values(
    mixed: Float[Tensor, "b m q l"], weight: Float[Tensor, "m d l"]
) -> Float[Tensor, "b m q d"]:
    """Expand the sums of latents into the values of each head.

    Equation: `Y[b,m,q,d] = Σ_l Z[b,m,q,l] · W[m,d,l]`.

    Axes: `b` sample of a batch, `m` head, `q` position of a query, `l` latent channel, `d` channel of a
    value.

    Source: DeepSeek-AI 2024, DeepSeek-V2, equation 11, applied after the latents are mixed and not before.

    Examples:
        >>> import torch
        >>> expanded_values(torch.ones(2, 3, 5, 4), torch.ones(3, 7, 4)).shape
        torch.Size([2, 3, 5, 7])
    """


@shape_checked
def multi_head_latent(
    query: Float[Tensor, "b m q c"],
    x: Float[Tensor, "b k e"],
    to_latent: Float[Tensor, "l e"],
    to_key: Float[Tensor, "m c l"],
    to_value: Float[Tensor, "m d l"],
    query_rotary: Float[Tensor, "b m q rot"],
    key_rotary: Float[Tensor, "b k rot"],
    mask: Tensor | None = None,
    mask_axes: str = "b q k",
) -> Float[Tensor, "b m q d"]:
    """Attend to compressed positions without expanding keys or values.

    Pass both rotary parts with their rotation applied; without positions, `rot` is 0.
    The mask is that of `scaled_dot_product`; `mask_axes` names its axes, some of `b m q k` in any order.

    Equation: `Y_m = W_v[m] (softmax_k(((W_k[m]ᵀ Q_m) Lᵀ + Q_rot,m K_rotᵀ) / sqrt(c + rot)) L)`, with
    `L = W_l x`.

    Source: DeepSeek-AI 2024, DeepSeek-V2, equations 9 to 11 and 18, with the matrix of the keys absorbed into
    the queries, as section 2.1.2 describes.

    Examples:
        >>> import torch
        >>> query, x = torch.randn(2, 3, 4, 6), torch.randn(2, 5, 12)
        >>> weights = torch.randn(4, 12), torch.randn(3, 6, 4), torch.randn(3, 7, 4)
        >>> rotary = torch.randn(2, 3, 4, 8), torch.randn(2, 5, 8)
        >>> multi_head_latent(query, x, *weights, *rotary).shape
        torch.Size([2, 3, 4, 7])
    """
    latent = compressed(x, to_latent)
    scale = 1 / math.sqrt(query.size(-1) + query_rotary.size(-1))
    of_content = latent_scores(absorbed_queries(query * scale, to_key), latent)
    raw = of_content + rotary_scores(query_rotary * scale, key_rotary)
    weights = softmax(raw, "b m q k", over="k", mask=mask, mask_axes=None if mask is None else mask_axes)
    return expanded_values(latent_mixture(weights, latent), to_value)
