"""Scaled dot-product attention, and the projections into heads and back."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from typed_einsum.checked import shape_checked, shaped
from typed_einsum.contraction import typed_einsum
from typed_einsum.operations import softmax


@typed_einsum
def scores(query: Float[Tensor, "b m q c"], key: Float[Tensor, "b m k c"]) -> Float[Tensor, "b m q k"]:
    """The dot product of each query with each key, for each head.

    Equation: `S[b,m,q,k] = Σ_c Q[b,m,q,c] · K[b,m,k,c]`.

    Axes: `b` sample of a batch, `m` head, `q` position of a query, `c` channel in which two things are
    compared, `k` position of a key.

    Source: Vaswani et al. 2017, Attention is all you need, equation 1.

    Examples:
        >>> import torch
        >>> scores(torch.ones(2, 3, 4, 6), torch.ones(2, 3, 5, 6)).shape
        torch.Size([2, 3, 4, 5])
    """


@typed_einsum
def mixture(weights: Float[Tensor, "b m q k"], value: Float[Tensor, "b m k d"]) -> Float[Tensor, "b m q d"]:
    """The sum of the values, weighted for each query.

    Equation: `Y[b,m,q,d] = Σ_k W[b,m,q,k] · V[b,m,k,d]`.

    Axes: `b` sample of a batch, `m` head, `q` position of a query, `k` position of a key, `d` channel of
    a value.

    Source: Vaswani et al. 2017, Attention is all you need, equation 1.

    Examples:
        >>> import torch
        >>> mixture(torch.ones(2, 3, 4, 5), torch.ones(2, 3, 5, 7)).shape
        torch.Size([2, 3, 4, 7])
    """


@typed_einsum
def heads(x: Float[Tensor, "b t e"], weight: Float[Tensor, "m c e"]) -> Float[Tensor, "b m t c"]:
    """Project a sequence into heads.

    Equation: `Q[b,m,t,c] = Σ_e x[b,t,e] · W[m,c,e]`.

    Axes: `b` sample of a batch, `t` token, `e` channel of a model, `m` head, `c` channel in which two
    things are compared.

    Source: Vaswani et al. 2017, section 3.2.2.

    Examples:
        >>> import torch
        >>> heads(torch.ones(2, 5, 12), torch.ones(3, 4, 12)).shape
        torch.Size([2, 3, 5, 4])
    """


@typed_einsum
def merged(y: Float[Tensor, "b m q d"], weight: Float[Tensor, "o m d"]) -> Float[Tensor, "b q o"]:
    """Project heads back into channels: the concatenation and the output projection in one.

    Equation: `Y[b,q,o] = Σ_m Σ_d y[b,m,q,d] · W[o,m,d]`.

    Axes: `b` sample of a batch, `m` head, `q` position of a query, `d` channel of a value, `o` channel
    that comes out.

    Source: Vaswani et al. 2017, section 3.2.2.

    Examples:
        >>> import torch
        >>> merged(torch.ones(2, 3, 5, 4), torch.ones(12, 3, 4)).shape
        torch.Size([2, 5, 12])
    """


@shape_checked
def scaled_dot_product(
    query: Float[Tensor, "b m q c"],
    key: Float[Tensor, "b m k c"],
    value: Float[Tensor, "b m k d"],
    mask: Tensor | None = None,
    mask_axes: str = "b q k",
    scale: float | None = None,
) -> Float[Tensor, "b m q d"]:
    """Compare queries with keys, and return the weighted sums of the values.

    Equation: `Y = softmax_k(scale · Q Kᵀ + mask) V`, with `scale` of `1 / sqrt(c)` unless given.

    A mask is boolean, True where a key may be attended to, or it has the scores' dtype and is added.
    `mask_axes` names its axes, some of `b m q k` in any order, so a mask with other axes is refused.

    Raises: `ShapeError` (TE201, TE202), `EquationError` (TE117) for a mask with another axis.

    Source: Vaswani et al. 2017, Attention is all you need, equation 1.

    Examples:
        >>> import torch
        >>> q, k, v = torch.randn(2, 3, 4, 6), torch.randn(2, 3, 5, 6), torch.randn(2, 3, 5, 7)
        >>> keep = torch.ones(2, 5, dtype=torch.bool)
        >>> scaled_dot_product(q, k, v, keep, mask_axes="b k").shape
        torch.Size([2, 3, 4, 7])
    """
    factor = 1 / math.sqrt(query.size(-1)) if scale is None else scale
    raw = shaped(scores(query * factor, key), "b m q k")
    weights = softmax(raw, "b m q k", over="k", mask=mask, mask_axes=None if mask is None else mask_axes)
    return mixture(weights, value)


@shape_checked
def fused_dot_product(
    query: Float[Tensor, "b m q c"],
    key: Float[Tensor, "b m k c"],
    value: Float[Tensor, "b m k d"],
    *,
    causal: bool = False,
) -> Float[Tensor, "b m q d"]:
    """`scaled_dot_product` by torch's kernels; `causal` hides later keys.

    Where `c` and `d` are one size, torch has kernels that never hold all scores at once; for other sizes it
    computes them as a whole.

    Equation: that of `scaled_dot_product`.

    Cost: the multiply-adds of `scaled_dot_product`, in one call of torch.

    Source: Dao et al. 2022, FlashAttention, algorithm 1.

    Examples:
        >>> import torch
        >>> q, k, v = torch.randn(2, 3, 4, 6), torch.randn(2, 3, 5, 6), torch.randn(2, 3, 5, 7)
        >>> torch.allclose(fused_dot_product(q, k, v), scaled_dot_product(q, k, v), atol=1e-5)
        True
    """
    return F.scaled_dot_product_attention(query, key, value, is_causal=causal)


@shape_checked
def multi_head(
    x: Float[Tensor, "b q e"],
    memory: Float[Tensor, "b k i"],
    to_query: Float[Tensor, "m c e"],
    to_key: Float[Tensor, "m c i"],
    to_value: Float[Tensor, "m d i"],
    to_output: Float[Tensor, "o m d"],
    mask: Tensor | None = None,
    mask_axes: str = "b q k",
) -> Float[Tensor, "b q o"]:
    """Attend with several heads from a sequence to a memory, which may be the same sequence.

    Equation: `Y[q] = Σ_m W_o[m] softmax_k(Q_m K_mᵀ / sqrt(c)) V_m`.

    Source: Vaswani et al. 2017, section 3.2.2.

    Examples:
        >>> import torch
        >>> x, w = torch.randn(2, 5, 12), torch.randn(3, 4, 12)
        >>> multi_head(x, x, w, w, w, torch.randn(12, 3, 4)).shape
        torch.Size([2, 5, 12])
    """
    query, key = heads(x, to_query), heads(memory, to_key)
    attended = scaled_dot_product(query, key, heads(memory, to_value), mask, mask_axes)
    return merged(attended, to_output)
