"""Image-pooling attention: texts attend to a few patches of the image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from typed_einsum.checked import shape_checked, shaped
from typed_einsum.contraction import typed_einsum
from typed_einsum.diagnostics import Diagnostic
from typed_einsum.errors import ArgumentError
from typed_einsum.locations import caller_place
from typed_einsum.nn.published import POOLING, load_published
from typed_einsum.nn.settings import require_counts, require_heads
from typed_einsum.operations import rearrange, softmax


@typed_einsum
def patch_scores(
    query: Float[Tensor, "b n m c"], key: Float[Tensor, "b p m c"]
) -> Float[Tensor, "b m n p"]: ...


@typed_einsum
def patch_mixture(
    weights: Float[Tensor, "b m n p"], value: Float[Tensor, "b p m c"]
) -> Float[Tensor, "b n m c"]: ...


class ImagePoolingAttn(nn.Module):
    """Attend from each text to `k * k` patches of every level of the image, and add the result to the text.

    Equation: `y[b,n,g] = text[b,n,g] + scale · proj(Σ_p softmax_p(Σ_c query[b,n,m,c] · key[b,p,m,c] /
    sqrt(c)) · value[b,p,m,c])`, where `query` is a projection of the texts, `key` and `value` are
    projections of the patches.

    Axes: `n` are the texts and `g` is `ct`, their channels; `e` is `ec`, the channels in which they are
    compared with the image, in `m` (that is `nh`) heads of `c` channels; `p` are the patches of all levels,
    `k * k` each. `ch` are the channels of the levels.

    Args:
        ec: channels in which texts and patches are compared.
        ch: channels of each level of the image.
        ct: channels of a text.
        nh: heads; they divide `ec`.
        k: patches on each side of a level.
        scale: whether a factor for what is added is learnt.

    Returns: the texts, `b n g`.

    Raises: `SettingError` (TE410), in a call `ShapeError` (TE201 to TE203) and, where the levels are not as
    many as `ch`, `ArgumentError` (TE401, TE403).

    Cost: one 1x1 convolution and one pooling for each level; then attention from each text to the pooled
    patches, whose number the image's size does not change.

    Source: Cheng et al. 2024, YOLO-World, equation 3, which has no `scale`: that is in the authors' code.
    Parameters are named as in Ultralytics' code: `query.*`, `key.*`, `value.*`, `proj.*`, `projections.*`,
    and `scale`, only if it is learnt. The authors' `projections.0.conv.*` are renamed while they load.

    Examples:
        >>> import torch
        >>> from typed_einsum.nn import ImagePoolingAttn
        >>> attend = ImagePoolingAttn(ec=64, ch=(32, 48), ct=512, nh=8)
        >>> levels = [torch.randn(2, 32, 20, 24), torch.randn(2, 48, 10, 12)]
        >>> attend(levels, torch.randn(2, 5, 512)).shape
        torch.Size([2, 5, 512])
    """

    def __init__(
        self,
        ec: int = 256,
        ch: Sequence[int] = (),
        ct: int = 512,
        nh: int = 8,
        k: int = 3,
        scale: bool = False,
    ) -> None:
        super().__init__()
        levels = {f"ch[{level}]": channels for level, channels in enumerate(ch)}
        require_counts(ec=ec, ct=ct, nh=nh, k=k, **{"len(ch)": len(ch)}, **levels)
        require_heads("ec", ec, "nh", nh)
        self.axis_sizes = {"e": ec, "m": nh, "c": ec // nh, "g": ct, "p": len(ch) * k * k}
        self.query = nn.Sequential(nn.LayerNorm(ct), nn.Linear(ct, ec))
        self.key = nn.Sequential(nn.LayerNorm(ec), nn.Linear(ec, ec))
        self.value = nn.Sequential(nn.LayerNorm(ec), nn.Linear(ec, ec))
        self.proj = nn.Linear(ec, ct)
        self.scale = nn.Parameter(torch.zeros(1)) if scale else 1.0
        self.projections = nn.ModuleList(nn.Conv2d(channels, ec, 1) for channels in ch)
        load_published(self, POOLING)
        self.im_pools = nn.ModuleList(nn.AdaptiveMaxPool2d((k, k)) for _ in ch)

    @shape_checked
    def forward(self, x: Any, text: Float[Tensor, "b n g"]) -> Float[Tensor, "b n g"]:
        """Attend from the texts to `x`, a list or tuple with one `b i h w` for each level."""
        self._require_levels(len(x))
        pooled = []
        for level, project, pool in zip(x, self.projections, self.im_pools, strict=True):
            image = shaped(level, f"b i={project.in_channels} _ _")
            pooled.append(rearrange(pool(project(image)), "b e rows columns -> b (rows columns) e"))
        patches = shaped(torch.cat(pooled, 1), "b p e")
        query = rearrange(self.query(text), "b n (m c) -> b n m c")
        key = rearrange(self.key(patches), "b p (m c) -> b p m c")
        value = rearrange(self.value(patches), "b p (m c) -> b p m c")
        scores = patch_scores(query, key) / math.sqrt(self.axis_sizes["c"])
        weights = softmax(scores, "b m n p", over="p")
        seen = rearrange(patch_mixture(weights, value), "b n m c -> b n (m c)")
        attended: Tensor = self.proj(seen)
        return attended * self.scale + text

    def _require_levels(self, given: int) -> None:
        """Refuse too few levels (TE401) or too many (TE403)."""
        wanted = len(self.projections)
        if given != wanted:
            held = f"{given} level{'' if given == 1 else 's'}"
            summary = f"`x` has {held}, but `ch` lists the channels of {wanted}"
            repair = "pass a list with one image for each level, in the order of `ch`"
            code = "TE401" if given < wanted else "TE403"
            raise ArgumentError(Diagnostic(code, summary, caller_place(), help=repair))
