"""Late interaction: the score of a document is the sum over query tokens of their best match."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from typed_einsum.checked import shape_checked
from typed_einsum.contraction import einsum, typed_einsum
from typed_einsum.contraction.maximum.packed import best_packed
from typed_einsum.contraction.maximum.tracing import is_recorded
from typed_einsum.diagnostics import Diagnostic
from typed_einsum.errors import ArgumentError
from typed_einsum.locations import caller_place
from typed_einsum.tensors import device_of, shape_of


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

    Cost: `b · q · n · k · c` multiply-adds, whose products are never all in memory.

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


@shape_checked
def packed_late_interaction(
    query: Float[Tensor, "b q c"],
    tokens: Float[Tensor, "t c"],
    offsets: Int[Tensor, "n"],
    query_mask: Bool[Tensor, "b q"] | None = None,
) -> Float[Tensor, "b n"]:
    """The score of each document for each query, where documents follow one another without padding.

    `offsets` tells where each document begins, as in `torch.nn.functional.embedding_bag`; it ends where the
    next one begins. A document without any token has the score 0.

    Equation: `S[b,n] = Σ_q max_t Σ_c Q[b,q,c] · T[t,c]`, over the tokens `t` of document `n`.

    Raises: `ArgumentError` (TE406) for offsets that do not rise from 0.

    Cost: `b · q · t · c` multiply-adds, none for padding; the tokens are not copied.

    Source: Khattab and Zaharia 2020, ColBERT, equation 3.

    Examples:
        >>> import torch
        >>> packed_late_interaction(torch.ones(2, 4, 6), torch.ones(8, 6), torch.tensor([0, 5, 5]))
        tensor([[24.,  0., 24.],
                [24.,  0., 24.]])
    """
    if not is_recorded():
        _require_rising(offsets, len(tokens))
    if query_mask is not None:
        query = query.masked_fill(~query_mask.unsqueeze(2), 0)
    best = best_packed(tokens, query.flatten(0, 1).t(), offsets)
    return best.view(len(offsets), *shape_of(query)[:2]).sum(-1).t()


@shape_checked
def top_documents(
    query: Float[Tensor, "b q c"],
    document: Float[Tensor, "n k c"],
    top: int,
    mask: Bool[Tensor, "n k"] | None = None,
    query_mask: Bool[Tensor, "b q"] | None = None,
) -> tuple[Float[Tensor, "b {top}"], Int[Tensor, "b {top}"]]:
    """The best documents of each query by late interaction: their scores, best first, and their numbers.

    The matches of all documents never exist at once, and gradients visit the best documents alone.

    Raises: `ArgumentError` (TE406) for more documents than there are.

    Cost: that of `late_interaction`, some documents at a time, and a sort of their scores; with gradients,
    the best documents once more.

    Source: Khattab and Zaharia 2020, ColBERT, equation 3.

    Examples:
        >>> import torch
        >>> document = torch.arange(5.0)[:, None, None].expand(5, 3, 6)
        >>> top_documents(torch.ones(2, 4, 6), document, 2)
        (tensor([[96., 72.],
                [96., 72.]]), tensor([[4, 3],
                [4, 3]]))
    """
    if top > len(document):
        summary = f"expected at most as many best documents as there are, got `top` {top} of {len(document)}"
        raise ArgumentError(Diagnostic("TE406", summary, caller_place(), help=f"pass top={len(document)}"))
    scores, found = _ranked(query.detach(), document.detach(), top, mask, query_mask)
    if not (torch.is_grad_enabled() and (query.requires_grad or document.requires_grad)):
        return scores, found
    where = {} if query_mask is None else {"b q": query_mask}
    where |= {} if mask is None else {"b r k": mask[found]}
    best = einsum("b q c, b r k c -> b r q", query, document[found], max="k", where=where or None)
    return best.sum(-1), found


DOCUMENTS_AT_ONCE = 4096
"""So many documents are scored before all but the best are forgotten."""


def _ranked(
    query: Tensor, document: Tensor, top: int, mask: Tensor | None, query_mask: Tensor | None
) -> tuple[Tensor, Tensor]:
    best = query.new_empty(len(query), 0)
    found = torch.empty_like(best, dtype=torch.int64)
    for start in range(0, len(document), DOCUMENTS_AT_ONCE):
        some = slice(start, start + DOCUMENTS_AT_ONCE)
        scores = late_interaction(query, document[some], None if mask is None else mask[some], query_mask)
        numbers = torch.arange(start, start + shape_of(scores)[1], device=device_of(found)).expand_as(scores)
        best, found = torch.cat([best, scores], 1), torch.cat([found, numbers], 1)
        best, places = best.topk(min(top, shape_of(best)[1]), 1)
        found = found.gather(1, places)
    return best, found


def _require_rising(offsets: Tensor, total: int) -> None:
    bounds = torch.cat([offsets, offsets.new_tensor([total])])
    if len(offsets) and not (offsets[0] == 0 and bool((bounds[1:] >= bounds[:-1]).all())):
        summary = (
            f"expected `offsets` that rise from 0 to at most {total}, the tokens; got {offsets.tolist()}"
        )
        repair = "give the first token of each document: lengths.cumsum(0) - lengths"
        raise ArgumentError(Diagnostic("TE406", summary, caller_place(), help=repair))
