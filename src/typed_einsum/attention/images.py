"""Attention on images: along rows and columns, into slots, and with texts."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from typed_einsum.checked import shape_checked
from typed_einsum.contraction import typed_einsum
from typed_einsum.operations import normalize, softmax
from typed_einsum.tensors import dtype_of


@typed_einsum
def row_scores(
    query: Float[Tensor, "b m h w c"], key: Float[Tensor, "b m h x c"]
) -> Float[Tensor, "b m h w x"]:
    """Scores between the pixels of one row.

    Equation: `S[b,m,h,w,x] = Σ_c Q[b,m,h,w,c] · K[b,m,h,x,c]`.

    Axes: `b` sample of a batch, `m` head, `h` row of an image, `w` column of an image, `c` channel in
    which two things are compared, `x` second column of an image: that of a key, or of a filter.

    Source: Ho et al. 2019, Axial attention, section 3.

    Examples:
        >>> import torch
        >>> row_scores(torch.ones(2, 3, 4, 5, 6), torch.ones(2, 3, 4, 5, 6)).shape
        torch.Size([2, 3, 4, 5, 5])
    """


@typed_einsum
def row_mixture(
    weights: Float[Tensor, "b m h w x"], value: Float[Tensor, "b m h x d"]
) -> Float[Tensor, "b m h w d"]:
    """The weighted sum of the values in one row.

    Equation: `Y[b,m,h,w,d] = Σ_x W[b,m,h,w,x] · V[b,m,h,x,d]`.

    Axes: `b` sample of a batch, `m` head, `h` row of an image, `w` column of an image, `x` second column
    of an image: that of a key, or of a filter, `d` channel of a value.

    Source: Ho et al. 2019, Axial attention, section 3.

    Examples:
        >>> import torch
        >>> row_mixture(torch.ones(2, 3, 4, 5, 5), torch.ones(2, 3, 4, 5, 7)).shape
        torch.Size([2, 3, 4, 5, 7])
    """


@typed_einsum
def column_scores(
    query: Float[Tensor, "b m h w c"], key: Float[Tensor, "b m y w c"]
) -> Float[Tensor, "b m w h y"]:
    """Scores between the pixels of one column.

    Equation: `S[b,m,w,h,y] = Σ_c Q[b,m,h,w,c] · K[b,m,y,w,c]`.

    Axes: `b` sample of a batch, `m` head, `h` row of an image, `w` column of an image, `c` channel in
    which two things are compared, `y` second row of an image: that of a key, or of a filter.

    Source: Ho et al. 2019, Axial attention, section 3.

    Examples:
        >>> import torch
        >>> column_scores(torch.ones(2, 3, 4, 5, 6), torch.ones(2, 3, 4, 5, 6)).shape
        torch.Size([2, 3, 5, 4, 4])
    """


@typed_einsum
def column_mixture(
    weights: Float[Tensor, "b m w h y"], value: Float[Tensor, "b m y w d"]
) -> Float[Tensor, "b m h w d"]:
    """The weighted sum of the values in one column.

    Equation: `Y[b,m,h,w,d] = Σ_y W[b,m,w,h,y] · V[b,m,y,w,d]`.

    Axes: `b` sample of a batch, `m` head, `w` column of an image, `h` row of an image, `y` second row of
    an image: that of a key, or of a filter, `d` channel of a value.

    Source: Ho et al. 2019, Axial attention, section 3.

    Examples:
        >>> import torch
        >>> column_mixture(torch.ones(2, 3, 5, 4, 4), torch.ones(2, 3, 4, 5, 7)).shape
        torch.Size([2, 3, 4, 5, 7])
    """


@typed_einsum
def slot_scores(slot: Float[Tensor, "b s c"], key: Float[Tensor, "b k c"]) -> Float[Tensor, "b s k"]:
    """The dot product of each slot with each input.

    Equation: `S[b,s,k] = Σ_c Q[b,s,c] · K[b,k,c]`.

    Axes: `b` sample of a batch, `s` slot, `c` channel in which two things are compared, `k` position of a
    key.

    Source: Locatello et al. 2020, Object-centric learning with slot attention, equation 1.

    Examples:
        >>> import torch
        >>> slot_scores(torch.ones(2, 3, 6), torch.ones(2, 5, 6)).shape
        torch.Size([2, 3, 5])
    """


@typed_einsum
def slot_updates(weights: Float[Tensor, "b s k"], value: Float[Tensor, "b k d"]) -> Float[Tensor, "b s d"]:
    """The weighted sum of the inputs for each slot.

    Equation: `U[b,s,d] = Σ_k W[b,s,k] · V[b,k,d]`.

    Axes: `b` sample of a batch, `s` slot, `k` position of a key, `d` channel of a value.

    Source: Locatello et al. 2020, Object-centric learning with slot attention, equation 2.

    Examples:
        >>> import torch
        >>> slot_updates(torch.ones(2, 3, 5), torch.ones(2, 5, 7)).shape
        torch.Size([2, 3, 7])
    """


@typed_einsum
def region_scores(image: Float[Tensor, "b c h w"], text: Float[Tensor, "b n c"]) -> Float[Tensor, "b n h w"]:
    """The dot product of each text with each pixel.

    Equation: `S[b,n,h,w] = Σ_c X[b,c,h,w] · T[b,n,c]`.

    Axes: `b` sample of a batch, `c` channel in which two things are compared, `h` row of an image, `w`
    column of an image, `n` text or document.

    Source: Cheng et al. 2024, YOLO-World, equation 1.

    Examples:
        >>> import torch
        >>> region_scores(torch.ones(2, 6, 4, 5), torch.ones(2, 3, 6)).shape
        torch.Size([2, 3, 4, 5])
    """


@typed_einsum
def pooled_scores(
    text: Float[Tensor, "b n m c"], patch: Float[Tensor, "b p m c"]
) -> Float[Tensor, "b m n p"]:
    """The dot product of each text with each pooled patch.

    Equation: `S[b,m,n,p] = Σ_c Q[b,n,m,c] · K[b,p,m,c]`.

    Axes: `b` sample of a batch, `n` text or document, `m` head, `c` channel in which two things are
    compared, `p` patch of an image.

    Source: Cheng et al. 2024, YOLO-World, equation 3.

    Examples:
        >>> import torch
        >>> pooled_scores(torch.ones(2, 3, 4, 6), torch.ones(2, 9, 4, 6)).shape
        torch.Size([2, 4, 3, 9])
    """


@typed_einsum
def pooled_mixture(
    weights: Float[Tensor, "b m n p"], patch: Float[Tensor, "b p m d"]
) -> Float[Tensor, "b n m d"]:
    """The weighted sum of the pooled patches for each text.

    Equation: `Y[b,n,m,d] = Σ_p W[b,m,n,p] · V[b,p,m,d]`.

    Axes: `b` sample of a batch, `m` head, `n` text or document, `p` patch of an image, `d` channel of a
    value.

    Source: Cheng et al. 2024, YOLO-World, equation 3.

    Examples:
        >>> import torch
        >>> pooled_mixture(torch.ones(2, 4, 3, 9), torch.ones(2, 9, 4, 7)).shape
        torch.Size([2, 3, 4, 7])
    """


@typed_einsum
def gram(feature: Float[Tensor, "b i h w"], other: Float[Tensor, "b o h w"]) -> Float[Tensor, "b i o"]:
    """The correlation of two sets of feature maps, summed over all pixels.

    Equation: `G[b,i,o] = Σ_h Σ_w F[b,i,h,w] · F'[b,o,h,w]`.

    Axes: `b` sample of a batch, `i` channel that goes in, `h` row of an image, `w` column of an image,
    `o` channel that comes out.

    Source: Gatys et al. 2016, Image style transfer, equation 3.

    Examples:
        >>> import torch
        >>> gram(torch.ones(2, 3, 4, 5), torch.ones(2, 6, 4, 5))[0, 0]
        tensor([20., 20., 20., 20., 20., 20.])
    """


@shape_checked
def axial(
    query: Float[Tensor, "b m h w c"], key: Float[Tensor, "b m h w c"], value: Float[Tensor, "b m h w d"]
) -> Float[Tensor, "b m h w d"]:
    """Attend along rows, then along columns of the result.

    Equation: `R = softmax_x(Q K[h,x]) V[h,x]`, then `Y = softmax_y(Q K[y,w]) R[y,w]`.

    Source: Ho et al. 2019, Axial attention, section 3. Each direction is a layer with its own queries, keys
    and values there; here both share the queries and keys.

    Examples:
        >>> import torch
        >>> x = torch.randn(2, 3, 4, 5, 6)
        >>> axial(x, x, x).shape
        torch.Size([2, 3, 4, 5, 6])
    """
    query = query / math.sqrt(query.size(-1))
    along_rows = softmax(row_scores(query, key), "b m h w x", over="x")
    along_columns = softmax(column_scores(query, key), "b m w h y", over="y")
    return column_mixture(along_columns, row_mixture(along_rows, value))


@shape_checked
def slot_attention(
    slot: Float[Tensor, "b s c"],
    key: Float[Tensor, "b k c"],
    value: Float[Tensor, "b k d"],
    eps: float = 1e-8,
) -> Float[Tensor, "b s d"]:
    """One round of slot attention: a softmax over slots, then an average of the inputs of each slot.

    Equation: `A = softmax_s(Q Kᵀ / sqrt(c)) + eps`, `U[s] = Σ_k A[s,k] V[k] / Σ_k A[s,k]`.

    Source: Locatello et al. 2020, Object-centric learning with slot attention, equations 1 and 2, with the
    `eps` of algorithm 1. A whole round there also updates the slots by a GRU and an MLP.

    Examples:
        >>> import torch
        >>> slot_attention(torch.randn(2, 3, 6), torch.randn(2, 5, 6), torch.randn(2, 5, 7)).shape
        torch.Size([2, 3, 7])
    """
    share = softmax(slot_scores(slot / math.sqrt(slot.size(-1)), key), "b s k", over="s")
    # Half precision cannot represent `eps`; without it, a slot without weight would divide 0 by 0.
    share = share + max(eps, torch.finfo(dtype_of(share)).tiny)
    return slot_updates(share / share.sum(2, keepdim=True), value)


@shape_checked
def region_text(
    image: Float[Tensor, "b c h w"], text: Float[Tensor, "b n c"], scale: float = 1.0, bias: float = 0.0
) -> Float[Tensor, "b n h w"]:
    """The cosine between each pixel and each text, scaled and shifted.

    Equation: `S = scale · (X / |X|) · (T / |T|) + bias`.

    Source: Cheng et al. 2024, YOLO-World, equation 1.

    Examples:
        >>> import torch
        >>> region_text(torch.randn(2, 6, 4, 5), torch.randn(2, 3, 6)).shape
        torch.Size([2, 3, 4, 5])
    """
    of_image, of_text = normalize(image, "b c h w", over="c"), normalize(text, "b n c", over="c")
    return region_scores(of_image, of_text) * scale + bias


@shape_checked
def image_pooling(
    text: Float[Tensor, "b n m c"], key: Float[Tensor, "b p m c"], value: Float[Tensor, "b p m d"]
) -> Float[Tensor, "b n m d"]:
    """Attend from each text to an image that is pooled to a few patches.

    Equation: `Y = softmax_p(T Kᵀ / sqrt(c)) V`.

    Source: Cheng et al. 2024, YOLO-World, equation 3.

    Examples:
        >>> import torch
        >>> text, key = torch.randn(2, 3, 4, 6), torch.randn(2, 9, 4, 6)
        >>> value = torch.randn(2, 9, 4, 7)
        >>> image_pooling(text, key, value).shape
        torch.Size([2, 3, 4, 7])
    """
    raw = pooled_scores(text / math.sqrt(text.size(-1)), key)
    return pooled_mixture(softmax(raw, "b m n p", over="p"), value)
