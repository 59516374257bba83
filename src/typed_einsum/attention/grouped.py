"""Keys and values that several heads share: multi-query, grouped-query, and latent attention."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

from typed_einsum.checked import shape_checked
from typed_einsum.contraction import typed_einsum
from typed_einsum.reductions import softmax


@typed_einsum
def shared_scores(query: Float[Tensor, "b m q c"], key: Float[Tensor, "b k c"]) -> Float[Tensor, "b m q k"]:
    """Scores of many heads of queries against one head of keys.

    Equation: `S[b,m,q,k] = Σ_c Q[b,m,q,c] · K[b,k,c]`.

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
    """Mix one head of values by the weights of many heads.

    Equation: `Y[b,m,q,d] = Σ_k W[b,m,q,k] · V[b,k,d]`.

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
    """Mix the values that a group of heads shares.

    Equation: `Y[b,m,r,q,d] = Σ_k W[b,m,r,q,k] · V[b,m,k,d]`.

    Source: Ainslie et al. 2023, GQA, section 2.2.

    Examples:
        >>> import torch
        >>> grouped_mixture(torch.ones(2, 3, 4, 5, 7), torch.ones(2, 3, 7, 8)).shape
        torch.Size([2, 3, 4, 5, 8])
    """


@typed_einsum
def compressed(x: Float[Tensor, "b k e"], weight: Float[Tensor, "l e"]) -> Float[Tensor, "b k l"]:
    """Compress each position into a small latent: all that a cache must hold.

    Equation: `L[b,k,l] = Σ_e x[b,k,e] · W[l,e]`.

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
    """Queries that meet latents themselves: the expansion of keys, moved to the other side.

    Equation: `A[b,m,q,l] = Σ_c Q[b,m,q,c] · W[m,c,l]`.

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

    Source: DeepSeek-AI 2024, DeepSeek-V2, section 2.1.2.

    Examples:
        >>> import torch
        >>> latent_scores(torch.ones(2, 3, 5, 4), torch.ones(2, 7, 4)).shape
        torch.Size([2, 3, 5, 7])
    """


@typed_einsum
def latent_mixture(
    weights: Float[Tensor, "b m q k"], latent: Float[Tensor, "b k l"]
) -> Float[Tensor, "b m q l"]:
    """Mix latents, before any head expands them.

    Equation: `Z[b,m,q,l] = Σ_k W[b,m,q,k] · L[b,k,l]`.

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
    """Expand mixed latents into the values of each head.

    Equation: `Y[b,m,q,d] = Σ_l Z[b,m,q,l] · W[m,d,l]`.

    Source: DeepSeek-AI 2024, DeepSeek-V2, equation 11.

    Examples:
        >>> import torch
        >>> expanded_values(torch.ones(2, 3, 5, 4), torch.ones(3, 7, 4)).shape
        torch.Size([2, 3, 5, 7])
    """


@shape_checked
def multi_query(
    query: Float[Tensor, "b m q c"], key: Float[Tensor, "b k c"], value: Float[Tensor, "b k d"]
) -> Float[Tensor, "b m q d"]:
    """Attend with many heads of queries to one head of keys and values.

    Equation: `Y_m = softmax_k(Q_m Kᵀ / sqrt(c)) V`.

    Source: Shazeer 2019, Fast transformer decoding, section 3.

    Examples:
        >>> import torch
        >>> multi_query(torch.randn(2, 3, 4, 6), torch.randn(2, 5, 6), torch.randn(2, 5, 7)).shape
        torch.Size([2, 3, 4, 7])
    """
    raw = shared_scores(query / math.sqrt(query.size(-1)), key)
    return shared_mixture(softmax(raw, "b m q k", over="k"), value)


@shape_checked
def grouped_query(
    query: Float[Tensor, "b m r q c"], key: Float[Tensor, "b m k c"], value: Float[Tensor, "b m k d"]
) -> Float[Tensor, "b m r q d"]:
    """Attend with groups of `r` heads of queries, each group to its own head of keys and values.

    Heads of one group are neighbours: `unflatten(1, (m, r))` makes groups of `m * r` heads.

    Equation: `Y_mr = softmax_k(Q_mr K_mᵀ / sqrt(c)) V_m`.

    Source: Ainslie et al. 2023, GQA, section 2.2.

    Examples:
        >>> import torch
        >>> grouped_query(torch.randn(2, 3, 4, 5, 6), torch.randn(2, 3, 7, 6), torch.randn(2, 3, 7, 8)).shape
        torch.Size([2, 3, 4, 5, 8])
    """
    raw = grouped_scores(query / math.sqrt(query.size(-1)), key)
    return grouped_mixture(softmax(raw, "b m r q k", over="k"), value)


@shape_checked
def multi_head_latent(
    query: Float[Tensor, "b m q c"],
    x: Float[Tensor, "b k e"],
    to_latent: Float[Tensor, "l e"],
    to_key: Float[Tensor, "m c l"],
    to_value: Float[Tensor, "m d l"],
) -> Float[Tensor, "b m q d"]:
    """Attend to compressed positions; neither keys nor values are ever expanded.

    Equation: `Y_m = W_v[m] (softmax_k((W_k[m]ᵀ Q_m) Lᵀ / sqrt(c)) L)`, with `L = W_l x`.

    Source: DeepSeek-AI 2024, DeepSeek-V2, section 2.1.2, without the rotary part.

    Examples:
        >>> import torch
        >>> query, x = torch.randn(2, 3, 4, 6), torch.randn(2, 5, 12)
        >>> weights = torch.randn(4, 12), torch.randn(3, 6, 4), torch.randn(3, 7, 4)
        >>> multi_head_latent(query, x, *weights).shape
        torch.Size([2, 3, 4, 7])
    """
    latent = compressed(x, to_latent)
    raw = latent_scores(absorbed_queries(query / math.sqrt(query.size(-1)), to_key), latent)
    return expanded_values(latent_mixture(softmax(raw, "b m q k", over="k"), latent), to_value)
