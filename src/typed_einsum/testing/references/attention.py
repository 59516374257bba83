"""Attention with every mask, and rotary positions."""

from __future__ import annotations

import math
from itertools import product

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from typed_einsum.tensors import shape_of


def attention(
    query: Float[Tensor, "*batch q d"],
    key: Float[Tensor, "*batch k d"],
    value: Float[Tensor, "*batch k e"],
    mask: Bool[Tensor, "*#batch q k"] | None = None,
    *,
    bias: Float[Tensor, "*#batch q k"] | None = None,
    causal: bool = False,
    past: int = 0,
    window: int | None = None,
    scale: float | None = None,
) -> Float[Tensor, "*batch q e"]:
    """Softmax attention, query by query: `softmax(query key / sqrt(d) + bias) value`.

    Args:
        query: `q` queries.
        key: `k` keys.
        value: `k` values.
        mask: True where a query may see a key.
        bias: what is added to the scores.
        causal: whether query `i` sees no key after `past + i`.
        past: how many keys lie before the first query.
        window: how many keys up to its own a query sees, if not all.
        scale: a factor for the scores instead of `1 / sqrt(d)`.

    Returns:
        One row for each query; NaN where a query sees no key.

    Examples:
        >>> import torch
        >>> from typed_einsum.testing import references
        >>> q, k, v = torch.randn(2, 3, 4), torch.randn(2, 5, 4), torch.randn(2, 5, 6)
        >>> expected = torch.nn.functional.scaled_dot_product_attention(q, k, v)
        >>> torch.allclose(references.attention(q, k, v), expected, atol=1e-6)
        True
    """
    *batch, queries, d = shape_of(query)
    keys, e = shape_of(value)[-2:]
    factor = 1 / math.sqrt(d) if scale is None else scale
    result = query.new_full((*batch, queries, e), math.nan)
    for at in product(*map(range, batch)):
        for i in range(queries):
            seen = [j for j in range(keys) if _is_seen(past + i, j, causal, window)]
            seen = [j for j in seen if mask is None or bool(_entry(mask, at)[i, j])]
            if not seen:
                continue
            scores = [factor * (query[at][i] * key[at][j]).sum() for j in seen]
            if bias is not None:
                scores = [score + _entry(bias, at)[i, j] for score, j in zip(scores, seen, strict=True)]
            weights = torch.stack(scores).softmax(0)
            result[at][i] = sum(weight * value[at][j] for weight, j in zip(weights, seen, strict=True))
    return result


def _is_seen(position: int, key: int, causal: bool, window: int | None) -> bool:
    if causal and key > position:
        return False
    return window is None or key > position - window


def _entry(tensor: Tensor, at: tuple[int, ...]) -> Tensor:
    """The matrix of one sample; an axis of size 1 or a missing one is the same for all."""
    axes = shape_of(tensor)[:-2]
    own = at[len(at) - len(axes) :]
    return tensor[tuple(0 if size == 1 else i for size, i in zip(axes, own, strict=True))]


def rotary(
    x: Float[Tensor, "*batch t d"],
    positions: Int[Tensor, "t"] | None = None,
    *,
    base: float = 10000.0,
    interleaved: bool = False,
) -> Float[Tensor, "*batch t d"]:
    """Rotary positions: pair `i` of the channels is turned by `position * base ** (-2 i / d)`.

    Args:
        x: `t` vectors of an even number of channels.
        positions: where they are; 0, 1, 2 and so on if not given.
        base: of the frequencies.
        interleaved: whether channels `2 i` and `2 i + 1` are a pair, or else `i` and `i + d / 2`.

    Returns:
        The turned vectors, of the same lengths.

    Examples:
        >>> import torch
        >>> from typed_einsum.testing import references
        >>> x = torch.randn(2, 5, 8)
        >>> turned = references.rotary(x)
        >>> torch.allclose(turned.norm(dim=-1), x.norm(dim=-1), atol=1e-5)
        True
    """
    t, d = shape_of(x)[-2:]
    result = torch.empty_like(x)
    for row in range(t):
        position = float(row if positions is None else positions[row])
        for i in range(d // 2):
            first, second = (2 * i, 2 * i + 1) if interleaved else (i, i + d // 2)
            angle = position * base ** (-2 * i / d)
            cosine, sine = math.cos(angle), math.sin(angle)
            one, other = x[..., row, first], x[..., row, second]
            result[..., row, first] = cosine * one - sine * other
            result[..., row, second] = sine * one + cosine * other
    return result
