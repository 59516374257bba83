"""Late interaction: the score of a document is the sum over query tokens of their best match."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from typed_einsum.checked import shape_checked
from typed_einsum.contraction import einsum, typed_einsum


@typed_einsum(max="k")
def best_matches(query: Float[Tensor, "q c"], document: Float[Tensor, "n k c"]) -> Float[Tensor, "n q"]:
    """For each token of a query, its best match in each document.

    Equation: `B[n,q] = max_k Σ_c Q[q,c] · D[n,k,c]`.

    Axes: `q` position of a query, `c` channel in which two things are compared, `n` text or document, `k`
    position of a key.

    Source: Khattab and Zaharia 2020, ColBERT, equation 3.

    Examples:
        >>> import torch
        >>> best_matches(torch.ones(4, 6), torch.ones(3, 5, 6)).shape
        torch.Size([3, 4])
    """


@typed_einsum(max="k")
def best_matches_of_batch(
    query: Float[Tensor, "b q c"], document: Float[Tensor, "n k c"]
) -> Float[Tensor, "b n q"]:
    """For each token of a batch of queries, its best match in each document.

    Equation: `B[b,n,q] = max_k Σ_c Q[b,q,c] · D[n,k,c]`.

    Axes: `b` sample of a batch, `q` position of a query, `c` channel in which two things are compared,
    `n` text or document, `k` position of a key.

    Source: Khattab and Zaharia 2020, ColBERT, equation 3.

    Examples:
        >>> import torch
        >>> best_matches_of_batch(torch.ones(2, 4, 6), torch.ones(3, 5, 6)).shape
        torch.Size([2, 3, 4])
    """


@shape_checked
def late_interaction(
    query: Float[Tensor, "b q c"],
    document: Float[Tensor, "n k c"],
    mask: Bool[Tensor, "n k"] | None = None,
    query_mask: Bool[Tensor, "b q"] | None = None,
) -> Float[Tensor, "b n"]:
    """The score of each document for each query.

    `mask` is False where a token of a document is padding, `query_mask` where one of a query is; nothing is
    copied for that. A document without any token has the score 0.

    Equation: `S[b,n] = Σ_q max_k Σ_c Q[b,q,c] · D[n,k,c]`.

    Source: Khattab and Zaharia 2020, ColBERT, equation 3.

    Examples:
        >>> import torch
        >>> late_interaction(torch.ones(2, 4, 6), torch.ones(3, 5, 6))
        tensor([[24., 24., 24.],
                [24., 24., 24.]])
    """
    given = {"n k": mask, "b q": query_mask}
    where = {axes: each for axes, each in given.items() if each is not None}
    return einsum("b q c, n k c -> b n q", query, document, max="k", where=where or None).sum(-1)
