"""Text-guided attention over an image: each pixel is weighted by its score with the best text."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from typed_einsum.checked import shape_checked, shaped
from typed_einsum.contraction import einsum, typed_einsum
from typed_einsum.diagnostics import Diagnostic
from typed_einsum.errors import ArgumentError, ShapeError
from typed_einsum.locations import caller_place
from typed_einsum.nn.conv import Conv, fuse_convolutions
from typed_einsum.nn.published import BLOCK, load_published
from typed_einsum.nn.settings import require_counts, require_evaluation, require_heads
from typed_einsum.operations import rearrange


@typed_einsum(max="n")
def best_score(
    embed: Float[Tensor, "b m c h w"], guide: Float[Tensor, "b n m c"]
) -> Float[Tensor, "b m h w"]: ...


@typed_einsum(max="v")
def best_score_of_all(
    embed: Float[Tensor, "b m c h w"], vocabulary: Float[Tensor, "v m c"]
) -> Float[Tensor, "b m h w"]: ...


@typed_einsum
def gated(
    value: Float[Tensor, "b m d h w"], weight: Float[Tensor, "b m h w"]
) -> Float[Tensor, "b m d h w"]: ...


class MaxSigmoidAttnBlock(nn.Module):
    """Weight each pixel of an image, for each head, by its score with the best of the texts.

    Equation: `y[b,m,d,h,w] = value[b,m,d,h,w] · scale[m] · sigmoid(max_n Σ_c embed[b,m,c,h,w] ·
    guide[b,n,m,c] / sqrt(c) + bias[m])`, where `embed` and `value` are projections of the image and
    `guide` one of the texts.

    Axes: `i` is `c1` and `o` is `c2`, the channels before and after; `m` is `nh`, the heads; `c` is
    `ec // nh` channels of a head in which texts are compared, `d` is `c2 // nh` channels of a head of the
    image; `g` is `gc`, the channels of a text, and `n` the texts.

    Pass texts as `guide`, with axes `b n g` or, for one text for each image, `b g`; or as `vocabulary`,
    `v g`, to share them between all images; or once, to `encode_guide`. `mask` is False where a text of
    `guide` is padding. The weight of an image with only padding is 0.

    Args:
        c1: channels of the image.
        c2: channels of the result.
        nh: heads; they divide `ec` and `c2`.
        ec: channels in which pixels and texts are compared.
        gc: channels of a text.
        scale: whether each head learns a factor for its weights.

    Returns: the weighted image, `b o h w`.

    Raises: `SettingError` (TE410) where heads do not divide channels, in a call `ShapeError` (TE201, TE202,
    TE207 where there are no texts), `DtypeError` (TE301), `ArgumentError` (TE401 without texts, TE403 with
    two sets of them).

    Cost: two convolutions and one linear layer, as published. The scores of all texts are never in memory at
    once: the maximum is taken tile by tile.

    Source: Cheng et al. 2024, YOLO-World, equation 2, which has no heads, no division, no `bias` and no
    `scale`: those are in the authors' code, where no configuration asks for `scale`. Parameters are named as
    in Ultralytics' code, so that its checkpoints load; those of the authors (`embed_conv`, `guide_fc`,
    `project_conv`) are renamed while they load. Checkpoints do not contain the `eps` of batch norm, which
    these models set to 1e-3.

    Examples:
        >>> import torch
        >>> from typed_einsum.nn import MaxSigmoidAttnBlock
        >>> block = MaxSigmoidAttnBlock(64, 64, nh=2, ec=64, gc=512)
        >>> image, texts = torch.randn(2, 64, 20, 24), torch.randn(2, 5, 512)
        >>> block(image, texts).shape
        torch.Size([2, 64, 20, 24])
    """

    bias: Tensor
    encoded: Tensor | None

    def __init__(
        self, c1: int, c2: int, nh: int = 1, ec: int = 128, gc: int = 512, scale: bool = False
    ) -> None:
        super().__init__()
        require_counts(c1=c1, c2=c2, nh=nh, ec=ec, gc=gc)
        require_heads("c2", c2, "nh", nh)
        require_heads("ec", ec, "nh", nh)
        self.axis_sizes = {"i": c1, "o": c2, "m": nh, "c": ec // nh, "d": c2 // nh, "g": gc}
        self.ec = Conv(c1, ec, act=False) if c1 != ec else None
        self.gl = nn.Linear(gc, ec)
        self.bias = nn.Parameter(torch.zeros(nh))
        self.proj_conv = Conv(c1, c2, k=3, act=False)
        self.scale = nn.Parameter(torch.ones(1, nh, 1, 1)) if scale else 1.0
        self.register_buffer("encoded", None, persistent=False)
        load_published(self, BLOCK)
        self.register_load_state_dict_post_hook(_forget_encoded)  # type: ignore[no-untyped-call]

    @shape_checked
    def forward(
        self,
        x: Float[Tensor, "b i h w"],
        guide: Float[Tensor, "b *texts g"] | None = None,
        *,
        mask: Bool[Tensor, "b n"] | None = None,
        vocabulary: Float[Tensor, "v g"] | None = None,
    ) -> Float[Tensor, "b o h w"]:
        """Weight the image by its texts."""
        embed = rearrange(x if self.ec is None else self.ec(x), "b (m c) h w -> b m c h w")
        value = rearrange(self.proj_conv(x), "b (m d) h w -> b m d h w")
        best = self._best_score(embed, guide, mask, vocabulary)
        bias = shaped(self.bias[:, None, None], "m 1 1")
        weight = shaped((best + bias).sigmoid() * self.scale, "b m h w")
        if mask is not None:
            weight = weight.masked_fill(~mask.any(1)[:, None, None, None], 0)
        weighted = gated(value, weight.type_as(value))  # autocast adds the bias in float32
        return rearrange(weighted, "b m d h w -> b (m d) h w")

    @shape_checked
    def _best_score(
        self,
        embed: Float[Tensor, "b m c h w"],
        guide: Float[Tensor, "b *texts g"] | None,
        mask: Bool[Tensor, "b n"] | None,
        vocabulary: Float[Tensor, "v g"] | None,
    ) -> Float[Tensor, "b m h w"]:
        """The score of the best text, for each head and pixel."""
        encoded = self.encoded if vocabulary is None else self._encoded(vocabulary)
        _require_one_set_of_texts(guide, mask, vocabulary, encoded)
        if guide is None:
            assert encoded is not None
            return best_score_of_all(embed, encoded)
        if guide.ndim > 3:
            raise _too_many_axes(guide)
        texts = shaped(guide.unsqueeze(1) if guide.ndim == 2 else guide, "b n g")
        if mask is None:
            return best_score(embed, self._encoded(texts))
        # What padding holds, even NaN, would reach the gradient of the projection: 0 times NaN is NaN.
        encoded = self._encoded(texts.masked_fill(~mask.unsqueeze(2), 0))
        return einsum("b m c h w, b n m c -> b m h w", embed, encoded, max="n", where={"b n": mask})

    @shape_checked
    def _encoded(self, texts: Float[Tensor, "*b n g"]) -> Float[Tensor, "*b n m c"]:
        """Projected texts, divided by sqrt(c) already here, so that half-precision scores do not overflow."""
        return rearrange(self.gl(texts), "*b n (m c) -> *b n m c") / math.sqrt(self.axis_sizes["c"])

    @shape_checked
    def encode_guide(self, vocabulary: Float[Tensor, "v g"]) -> Float[Tensor, "v m c"]:
        """Project a fixed vocabulary once; later calls without texts use it for all images.

        It moves with the module and is not in its checkpoint. `train()` and loading a checkpoint drop it;
        after any other change of the weights, encode again.

        Returns: the projected texts, `v m c`, divided by the square root of `c`.

        Raises: `ShapeError` (TE201, TE202), `ArgumentError` (TE411) in training mode.

        Examples:
            >>> import torch
            >>> from typed_einsum.nn import MaxSigmoidAttnBlock
            >>> block = MaxSigmoidAttnBlock(64, 64, nh=2, ec=64).eval()
            >>> block.encode_guide(torch.randn(80, 512)).shape
            torch.Size([80, 2, 32])
            >>> block(torch.randn(2, 64, 20, 24)).shape
            torch.Size([2, 64, 20, 24])
        """
        require_evaluation("MaxSigmoidAttnBlock", self.training)
        self.encoded = self._encoded(vocabulary).detach()
        return self.encoded

    def fuse(self) -> MaxSigmoidAttnBlock:
        """Fold the batch norms into the convolutions, for inference.

        Returns: the block itself.

        Raises: `ArgumentError` (TE411) in training mode.
        """
        return fuse_convolutions(self)

    def train(self, mode: bool = True) -> MaxSigmoidAttnBlock:
        """Switch between training and evaluation; training drops what `encode_guide` projected."""
        if mode:
            self.encoded = None
        return super().train(mode)


def _too_many_axes(guide: Tensor) -> ShapeError:
    summary = f"`guide` has {guide.ndim} axes; texts are `b n g`, or `b g` where each image has one"
    return ShapeError(Diagnostic("TE202", summary, caller_place(), help="pass guide.flatten(1, -2)"))


def _require_one_set_of_texts(
    guide: Tensor | None, mask: Tensor | None, vocabulary: Tensor | None, encoded: Tensor | None
) -> None:
    """Refuse a call without texts (TE401), with two sets of texts, or with a mask but no guide (TE403)."""
    if guide is None and encoded is None:
        code, summary = "TE401", "expected texts to weight the image with, got none"
        repair = "pass `guide`, or `vocabulary`, or call encode_guide(vocabulary) before"
    elif guide is None and mask is not None:
        code, summary = "TE403", "`mask` tells which texts of `guide` are padding, but there is no `guide`"
        repair = "a vocabulary needs no mask: pass its real texts only"
    elif guide is not None and vocabulary is not None:
        code, summary = "TE403", "expected one set of texts, got `guide` and `vocabulary`"
        repair = "pass one of them: `guide` holds texts for each image, `vocabulary` those for all images"
    else:
        return
    raise ArgumentError(Diagnostic(code, summary, caller_place(), help=repair))


def _forget_encoded(block: MaxSigmoidAttnBlock, _keys: Any) -> None:
    """A hook after loading a checkpoint: drop texts that were projected with the old weights."""
    block.encoded = None
