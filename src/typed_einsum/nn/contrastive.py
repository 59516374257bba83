"""Contrastive heads: a score for each pixel of an image and each text."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from typed_einsum.checked import shape_checked
from typed_einsum.contraction import typed_einsum
from typed_einsum.nn.settings import require_counts
from typed_einsum.operations import normalize


@typed_einsum
def region_text_similarity(
    image: Float[Tensor, "b c h w"], text: Float[Tensor, "b k c"]
) -> Float[Tensor, "b k h w"]: ...


class ContrastiveHead(nn.Module):
    """Score each pixel of an image with each text, by the cosine of the angle between them.

    Equation: `y[b,k,h,w] = exp(logit_scale) · Σ_c x[b,c,h,w]/|x| · w[b,k,c]/|w| + bias`, with the lengths
    `|x|` and `|w|` over `c`.

    Axes: `c` are the channels that pixels and texts share, `k` the texts, `h w` the pixels. The published
    parameter name for the texts, `w`, is kept.

    Returns: the scores, `b k h w`, as logits.

    Raises: in a call `ShapeError` (TE201, TE202).

    Source: Cheng et al. 2024, YOLO-World, equation 1. Parameters are named as in the published module:
    `bias` (1,) and `logit_scale` (), which begin at -10 and log(1 / 0.07).

    Examples:
        >>> import torch
        >>> from typed_einsum.nn import ContrastiveHead
        >>> ContrastiveHead()(torch.randn(2, 512, 20, 24), torch.randn(2, 80, 512)).shape
        torch.Size([2, 80, 20, 24])
    """

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.tensor([-10.0]))
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    @shape_checked
    def forward(self, x: Float[Tensor, "b c h w"], w: Float[Tensor, "b k c"]) -> Float[Tensor, "b k h w"]:
        """Score pixels against texts."""
        image = normalize(x, "b c h w", over="c")
        text = normalize(w, "b k c", over="c")
        return region_text_similarity(image, text) * self.logit_scale.exp() + self.bias


class BNContrastiveHead(nn.Module):
    """Score each pixel of an image with each text, with batch norm instead of division by the pixel's length.

    Equation: `y[b,k,h,w] = exp(logit_scale) · Σ_c batch_norm(x)[b,c,h,w] · w[b,k,c]/|w| + bias`, with the
    length `|w|` over `c`.

    Axes: `c` is `embed_dims`, the channels that pixels and texts share; `k` the texts, `h w` the pixels. The
    published parameter name for the texts, `w`, is kept.

    Returns: the scores, `b k h w`, as logits.

    Raises: `SettingError` (TE410), in a call `ShapeError` (TE201, TE202).

    Source: Cheng et al. 2024, YOLO-World, section 3.2 and its published code. Parameters are named as
    there: `norm.*`, `bias` (1,) and `logit_scale` (), which begin at -10 and -1.

    Examples:
        >>> import torch
        >>> from typed_einsum.nn import BNContrastiveHead
        >>> BNContrastiveHead(512)(torch.randn(2, 512, 20, 24), torch.randn(2, 80, 512)).shape
        torch.Size([2, 80, 20, 24])
    """

    def __init__(self, embed_dims: int) -> None:
        super().__init__()
        require_counts(embed_dims=embed_dims)
        self.axis_sizes = {"c": embed_dims}
        self.norm = nn.BatchNorm2d(embed_dims)
        self.bias = nn.Parameter(torch.tensor([-10.0]))
        self.logit_scale = nn.Parameter(torch.tensor(-1.0))

    @shape_checked
    def forward(self, x: Float[Tensor, "b c h w"], w: Float[Tensor, "b k c"]) -> Float[Tensor, "b k h w"]:
        """Score pixels against texts."""
        text = normalize(w, "b k c", over="c")
        return region_text_similarity(self.norm(x), text) * self.logit_scale.exp() + self.bias
