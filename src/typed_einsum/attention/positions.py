"""Relative positions: in the keys and values, in the scores, or separately for rows and columns."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

from typed_einsum.attention.buckets import offsets
from typed_einsum.attention.dot_product import mixture, scores
from typed_einsum.checked import shape_checked
from typed_einsum.contraction import typed_einsum
from typed_einsum.operations import softmax
from typed_einsum.tensors import device_of


@typed_einsum
def relative_scores(
    query: Float[Tensor, "b m q c"], relative: Float[Tensor, "q k c"]
) -> Float[Tensor, "b m q k"]:
    """The dot product of each query with the vector of its distance to each key.

    Equation: `S[b,m,q,k] = Σ_c Q[b,m,q,c] · A[q,k,c]`.

    Axes: `b` sample of a batch, `m` head, `q` position of a query, `c` channel in which two things are
    compared, `k` position of a key.

    Source: Shaw et al. 2018, Self-attention with relative position representations, equation 4.

    Examples:
        >>> import torch
        >>> relative_scores(torch.ones(2, 3, 4, 6), torch.ones(4, 5, 6)).shape
        torch.Size([2, 3, 4, 5])
    """


@typed_einsum
def relative_mixture(
    weights: Float[Tensor, "b m q k"], relative: Float[Tensor, "q k d"]
) -> Float[Tensor, "b m q d"]:
    """The weighted sum of the vectors that distances add to the values.

    Equation: `Y[b,m,q,d] = Σ_k W[b,m,q,k] · A[q,k,d]`.

    Axes: `b` sample of a batch, `m` head, `q` position of a query, `k` position of a key, `d` channel of
    a value.

    Source: Shaw et al. 2018, Self-attention with relative position representations, equation 3.

    Examples:
        >>> import torch
        >>> relative_mixture(torch.ones(2, 3, 4, 5), torch.ones(4, 5, 7)).shape
        torch.Size([2, 3, 4, 7])
    """


@typed_einsum
def offset_scores(
    query: Float[Tensor, "b m q c"], offset: Float[Tensor, "m j c"]
) -> Float[Tensor, "b m q j"]:
    """The dot product of each query with each offset.

    Equation: `S[b,m,q,j] = Σ_c Q[b,m,q,c] · R[m,j,c]`.

    Axes: `b` sample of a batch, `m` head, `q` position of a query, `c` channel in which two things are
    compared, `j` offset between two positions, or bucket of offsets.

    Source: Dai et al. 2019, Transformer-XL, section 3.3, term (b).

    Examples:
        >>> import torch
        >>> offset_scores(torch.ones(2, 3, 4, 6), torch.ones(3, 9, 6)).shape
        torch.Size([2, 3, 4, 9])
    """


@typed_einsum
def column_bias(bias: Float[Tensor, "m c"], key: Float[Tensor, "b m k c"]) -> Float[Tensor, "b m k"]:
    """A score for each key that does not depend on the query.

    Equation: `S[b,m,k] = Σ_c u[m,c] · K[b,m,k,c]`.

    Axes: `m` head, `c` channel in which two things are compared, `b` sample of a batch, `k` position of a
    key.

    Source: Dai et al. 2019, Transformer-XL, section 3.3, term (c).

    Examples:
        >>> import torch
        >>> column_bias(torch.ones(3, 6), torch.ones(2, 3, 5, 6)).shape
        torch.Size([2, 3, 5])
    """


@typed_einsum
def offset_bias(bias: Float[Tensor, "m c"], offset: Float[Tensor, "m j c"]) -> Float[Tensor, "m j"]:
    """A score for each offset that does not depend on the query.

    Equation: `S[m,j] = Σ_c v[m,c] · R[m,j,c]`.

    Axes: `m` head, `c` channel in which two things are compared, `j` offset between two positions, or
    bucket of offsets.

    Source: Dai et al. 2019, Transformer-XL, section 3.3, term (d).

    Examples:
        >>> import torch
        >>> offset_bias(torch.ones(3, 6), torch.ones(3, 9, 6)).shape
        torch.Size([3, 9])
    """


@typed_einsum
def row_distances(
    query: Float[Tensor, "b h w c"], relative: Float[Tensor, "h y c"]
) -> Float[Tensor, "b h w y"]:
    """The dot product of each pixel with the vector of its distance to each row.

    Equation: `S[b,h,w,y] = Σ_c Q[b,h,w,c] · R[h,y,c]`.

    Axes: `b` sample of a batch, `h` row of an image, `w` column of an image, `c` channel in which two
    things are compared, `y` second row of an image: that of a key, or of a filter.

    Source: Li et al. 2022, MViTv2, equation 4; as used by Kirillov et al. 2023, Segment anything.

    Examples:
        >>> import torch
        >>> row_distances(torch.ones(2, 4, 5, 6), torch.ones(4, 7, 6)).shape
        torch.Size([2, 4, 5, 7])
    """


@typed_einsum
def column_distances(
    query: Float[Tensor, "b h w c"], relative: Float[Tensor, "w x c"]
) -> Float[Tensor, "b h w x"]:
    """The dot product of each pixel with the vector of its distance to each column.

    Equation: `S[b,h,w,x] = Σ_c Q[b,h,w,c] · R[w,x,c]`.

    Axes: `b` sample of a batch, `h` row of an image, `w` column of an image, `c` channel in which two
    things are compared, `x` second column of an image: that of a key, or of a filter.

    Source: Li et al. 2022, MViTv2, equation 4; as used by Kirillov et al. 2023, Segment anything.

    Examples:
        >>> import torch
        >>> column_distances(torch.ones(2, 4, 5, 6), torch.ones(5, 8, 6)).shape
        torch.Size([2, 4, 5, 8])
    """


@shape_checked
def relative_position(
    query: Float[Tensor, "b m q c"],
    key: Float[Tensor, "b m k c"],
    value: Float[Tensor, "b m k d"],
    of_keys: Float[Tensor, "q k c"],
    of_values: Float[Tensor, "q k d"],
    mask: Tensor | None = None,
    mask_axes: str = "b q k",
) -> Float[Tensor, "b m q d"]:
    """Attend where each pair of positions adds a vector to the key, and one to the value.

    The mask is that of `scaled_dot_product`; `mask_axes` names its axes, some of `b m q k` in any order.

    Equation: `Y[q] = Σ_k softmax_k(Q[q] · (K[k] + A[q,k]) / sqrt(c)) (V[k] + B[q,k])`.

    Source: Shaw et al. 2018, Self-attention with relative position representations, equations 3 and 4.

    Examples:
        >>> import torch
        >>> q, k, v = torch.randn(2, 3, 4, 6), torch.randn(2, 3, 5, 6), torch.randn(2, 3, 5, 7)
        >>> relative_position(q, k, v, torch.randn(4, 5, 6), torch.randn(4, 5, 7)).shape
        torch.Size([2, 3, 4, 7])
    """
    query = query / math.sqrt(query.size(-1))
    raw = scores(query, key) + relative_scores(query, of_keys)
    weights = softmax(raw, "b m q k", over="k", mask=mask, mask_axes=None if mask is None else mask_axes)
    return mixture(weights, value) + relative_mixture(weights, of_values)


@shape_checked
def offset_position_scores(
    query: Float[Tensor, "b m q c"],
    key: Float[Tensor, "b m k c"],
    offset: Float[Tensor, "m q+k-1 c"],
    content: Float[Tensor, "m c"],
    position: Float[Tensor, "m c"],
) -> Float[Tensor, "b m q k"]:
    """Scores with four terms: content and offset, each multiplied with the query and with a bias.

    `offset` holds one vector for each of the `q + k - 1` offsets, the most negative first.

    Equation: `S[q,k] = Q[q]·K[k] + Q[q]·R[k-q] + u·K[k] + v·R[k-q]`.

    Raises: `ShapeError` (TE201, TE202, TE205 for another number of offsets).

    Source: Dai et al. 2019, Transformer-XL, section 3.3. There `R` has the offset `q - k`, the largest first;
    here it has `k - q`, the most negative first, which is the same order of vectors.

    Examples:
        >>> import torch
        >>> q, k, r = torch.randn(2, 3, 4, 6), torch.randn(2, 3, 5, 6), torch.randn(3, 8, 6)
        >>> offset_position_scores(q, k, r, torch.randn(3, 6), torch.randn(3, 6)).shape
        torch.Size([2, 3, 4, 5])
    """
    by_offset = offset_scores(query, offset) + offset_bias(position, offset).unsqueeze(1)
    by_content = scores(query, key) + column_bias(content, key).unsqueeze(2)
    which = offsets(query.size(2), key.size(2), device_of(query)).expand_as(by_content)
    return by_content + by_offset.gather(3, which)


@shape_checked
def decomposed_position_scores(
    query: Float[Tensor, "b h w c"],
    rows: Float[Tensor, "h y c"],
    columns: Float[Tensor, "w x c"],
) -> Float[Tensor, "b h w y x"]:
    """A bias for each pair of pixels that is the sum of one for their rows and one for their columns.

    Equation: `S[h,w,y,x] = Q[h,w] · R_h[h,y] + Q[h,w] · R_w[w,x]`.

    Source: Li et al. 2022, MViTv2, equations 3 and 4, without their axis of time. Equation 3 divides the
    whole sum of scores and bias by `sqrt(c)`; here, as in released code, the bias is not divided.

    Examples:
        >>> import torch
        >>> q = torch.randn(2, 4, 5, 6)
        >>> decomposed_position_scores(q, torch.randn(4, 7, 6), torch.randn(5, 8, 6)).shape
        torch.Size([2, 4, 5, 7, 8])
    """
    return row_distances(query, rows).unsqueeze(-1) + column_distances(query, columns).unsqueeze(-2)
