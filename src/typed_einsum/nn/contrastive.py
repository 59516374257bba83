"""Contrastive heads: a score for each pixel of an image and each text."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.compiler import is_compiling

from typed_einsum.checked import shape_checked
from typed_einsum.contraction import typed_einsum
from typed_einsum.diagnostics import Diagnostic
from typed_einsum.errors import ArgumentError, ShapeError
from typed_einsum.locations import caller_place
from typed_einsum.nn.published import bias_with_an_axis
from typed_einsum.nn.settings import require_counts, require_evaluation
from typed_einsum.operations import normalize


@typed_einsum
def region_text_similarity(
    image: Float[Tensor, "b c h w"], text: Float[Tensor, "b k c"]
) -> Float[Tensor, "b k h w"]: ...


@typed_einsum
def region_vocabulary_similarity(
    image: Float[Tensor, "b c h w"], vocabulary: Float[Tensor, "k c"]
) -> Float[Tensor, "b k h w"]: ...


def similarity(image: Tensor, w: Tensor | None, vocabulary: Tensor | None) -> Tensor:
    """The product of each pixel with each text, scaled to length 1, of its image or of all images."""
    if (w is None) == (vocabulary is None):
        raise _not_one_set_of_texts(w)
    if vocabulary is not None:
        return region_vocabulary_similarity(image, normalize(vocabulary, "k c", over="c"))
    assert w is not None
    # While a graph is traced, the sizes stay open, and the product compares them.
    if not is_compiling() and len(w) == 1 != len(image):
        raise _one_set_for_a_batch(len(image))
    return region_text_similarity(image, normalize(w, "b k c", over="c"))


class ContrastiveHead(nn.Module):
    """Score each pixel of an image with each text, by the cosine of the angle between them.

    Equation: `y[b,k,h,w] = exp(logit_scale) · Σ_c x[b,c,h,w]/|x| · w[b,k,c]/|w| + bias`, with the lengths
    `|x|` and `|w|` over `c`.

    Axes: `c` are the channels that pixels and texts share, `k` the texts, `h w` the pixels. The texts are
    called `w`, as in the authors' code. To share one set of texts between all images, pass it as
    `vocabulary`, `k c`.

    Returns: the scores, `b k h w`, as logits.

    Raises: in a call `ShapeError` (TE201, TE202), `ArgumentError` (TE401 without texts, TE403 with two sets).

    Cost: two norms, and `b · k · h · w · c` multiply-adds.

    Source: Cheng et al. 2024, YOLO-World, equation 1, whose scale is here the exponential of a parameter. As
    in Ultralytics' code, `bias` (1,) begins at -10 and `logit_scale` () at log(1 / 0.07). The authors'
    `bias` is a scalar, which their detection head sets to log(5 / classes / (640 / stride)²).

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
        self.register_load_state_dict_pre_hook(bias_with_an_axis)  # type: ignore[no-untyped-call]

    @shape_checked
    def forward(
        self,
        x: Float[Tensor, "b c h w"],
        w: Float[Tensor, "#b k c"] | None = None,
        *,
        vocabulary: Float[Tensor, "k c"] | None = None,
    ) -> Float[Tensor, "b k h w"]:
        """Score pixels against the texts of their image, or against one vocabulary for all images."""
        image = normalize(x, "b c h w", over="c")
        return similarity(image, w, vocabulary) * self.logit_scale.exp() + self.bias


class BNContrastiveHead(nn.Module):
    """Score each pixel of an image with each text, with batch norm instead of division by the pixel's length.

    Equation: `y[b,k,h,w] = exp(logit_scale) · Σ_c batch_norm(x)[b,c,h,w] · w[b,k,c]/|w| + bias`, with the
    length `|w|` over `c`.

    Axes: `c` is `embed_dims`, the channels that pixels and texts share; `k` the texts, `h w` the pixels. The
    texts are called `w`, as in the authors' code.

    Args:
        embed_dims: channels that pixels and texts share.

    Returns: the scores, `b k h w`, as logits.

    Raises: `SettingError` (TE410), in a call as `ContrastiveHead`.

    Cost: one batch norm, one norm, and `b · k · h · w · c` multiply-adds; none after `fuse`.

    Source: the authors' code of YOLO-World (Cheng et al. 2024); equation 1 of the paper divides by the
    pixel's length instead. As in Ultralytics' code, the parameters are `norm.*`, `bias` (1,), which begins
    at -10, and `logit_scale` (), which begins at -1. The authors' `bias` is a scalar, which their detection
    head sets to log(5 / classes / (640 / stride)²); it loads as well.

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
        self.register_load_state_dict_pre_hook(bias_with_an_axis)  # type: ignore[no-untyped-call]

    def forward(
        self,
        x: Float[Tensor, "b c h w"],
        w: Float[Tensor, "#b k c"] | None = None,
        *,
        vocabulary: Float[Tensor, "k c"] | None = None,
    ) -> Float[Tensor, "b k h w"]:
        """Score pixels against the texts of their image, or against one vocabulary for all images."""
        return x if self.is_fused else self._scored(x, w, vocabulary)

    @property
    def is_fused(self) -> bool:
        """Whether the layer before computes the scores."""
        return "norm" not in self._modules

    @shape_checked
    def _scored(
        self,
        x: Float[Tensor, "b c h w"],
        w: Float[Tensor, "#b k c"] | None,
        vocabulary: Float[Tensor, "k c"] | None,
    ) -> Float[Tensor, "b k h w"]:
        return similarity(self.norm(x), w, vocabulary) * self.logit_scale.exp() + self.bias

    def fuse(self) -> BNContrastiveHead:
        """Leave the scores to the layer before, into which a detector has folded the head and its texts.

        With one fixed vocabulary the head is a 1x1 convolution: `weight[k,c] = exp(logit_scale) · w[k,c]/|w|`
        behind the batch norm, and `bias`. Detectors such as YOLOE's fold it into the convolution before, and
        call this: from then on the head returns its input, and has no parameters.

        Returns: the head itself.

        Raises: `ArgumentError` (TE411) in training mode.
        """
        require_evaluation("BNContrastiveHead", self.training)
        if not self.is_fused:
            del self.norm, self.bias, self.logit_scale
        return self


def _one_set_for_a_batch(images: int) -> ShapeError:
    summary = f"axis `b` is {images} in `x` but 1 in `w`"
    repair = "one set of texts for all images? pass vocabulary=w[0]"
    return ShapeError(Diagnostic("TE201", summary, caller_place(), help=repair))


def _not_one_set_of_texts(w: Tensor | None) -> ArgumentError:
    code, summary = "TE401", "expected texts to score pixels with, got none"
    repair = "pass `w`, texts for each image, or `vocabulary`, texts for all images"
    if w is not None:
        code, summary = "TE403", "expected one set of texts, got `w` and `vocabulary`"
        repair = "pass one of them: `w` holds texts for each image, `vocabulary` those for all images"
    return ArgumentError(Diagnostic(code, summary, caller_place(), help=repair))
