"""Cross-attention from image tokens to text tokens, with padded texts masked out.

Inside a checked function, `einsum` shares its axis names: the `k` of the scores is the `k` of the keys and of
the mask, so a mask made for the queries is refused by name.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from typed_einsum import einsum, shape_checked


@shape_checked
def cross_attention(
    query: Float[Tensor, "b q h d"],
    key: Float[Tensor, "b k h d"],
    value: Float[Tensor, "b k h d"],
    is_text: Bool[Tensor, "b k"] | None = None,
) -> Float[Tensor, "b q h d"]:
    """Each image token gathers the values of the texts that it matches."""
    scores = einsum("b q h d, b k h d -> b h q k", query, key) * query.shape[-1] ** -0.5
    if is_text is not None:
        scores = scores.masked_fill(~is_text[:, None, None, :], -torch.inf)
    return einsum("b h q k, b k h d -> b q h d", scores.softmax(dim=-1), value)


@shape_checked
def mean_text(text: Float[Tensor, "b k e"], is_text: Bool[Tensor, "b k"]) -> Float[Tensor, "b e"]:
    """The average embedding of the texts that are not padding."""
    total = einsum("b k e, b k -> b e", text, is_text.to(text.dtype))
    return total / is_text.sum(dim=1, keepdim=True).clamp(min=1)
