"""The stage of YOLO-World's neck: convolutions side by side, the last of them text-guided."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from typed_einsum.checked import shape_checked, shaped
from typed_einsum.nn.conv import Bottleneck, Conv, fuse_convolutions
from typed_einsum.nn.max_sigmoid import MaxSigmoidAttnBlock
from typed_einsum.nn.published import STAGE, load_published
from typed_einsum.nn.settings import require_counts, require_heads


class C2fAttn(nn.Module):
    """Refine an image in a chain of `n` bottlenecks and one text-guided attention, and keep every stage.

    Equation: `y = cv2(concat(u, v, m_1, ..., m_n, attn(m_n, texts)))`, where `u, v = cv1(x)` in two halves,
    `m_1 = bottleneck_1(v)`, and so on: each from the one before.

    Axes: `i` is `c1` and `o` is `c2`, the channels before and after; `s` is `int(c2 * e)`, the channels of
    each stage. `n` may be 0. `ec`, `nh`, `gc` and the texts are those of `MaxSigmoidAttnBlock`; `shortcut`
    and `g` are those of `Bottleneck`.

    Args:
        c1: channels of the image.
        c2: channels of the result.
        n: bottlenecks; may be 0.
        ec: channels in which pixels and texts are compared.
        nh: heads of the attention.
        gc: channels of a text.
        shortcut: whether a bottleneck adds its input.
        g: groups of a bottleneck's second convolution.
        e: the share of `c2` that each stage has.

    Returns: the image, `b o h w`.

    Raises: as `MaxSigmoidAttnBlock` does.

    Cost: that of its parts, as published: two `Conv`, `n` times `Bottleneck`, and one `MaxSigmoidAttnBlock`.

    Source: Cheng et al. 2024, YOLO-World, section 3.3 (text-guided CSPLayer). Parameters are named as in
    Ultralytics' code: `cv1.*`, `cv2.*`, `m.0.*`, ..., `attn.*`. Those of the authors (`main_conv`,
    `final_conv`, `blocks`, `attn_block`) are renamed while they load.

    Examples:
        >>> import torch
        >>> from typed_einsum.nn import C2fAttn
        >>> stage = C2fAttn(96, 64, n=2, ec=32, nh=1)
        >>> stage(torch.randn(2, 96, 20, 24), torch.randn(2, 5, 512)).shape
        torch.Size([2, 64, 20, 24])
    """

    def __init__(
        self,
        c1: int,
        c2: int,
        n: int = 1,
        ec: int = 128,
        nh: int = 1,
        gc: int = 512,
        shortcut: bool = False,
        g: int = 1,
        e: float = 0.5,
    ) -> None:
        super().__init__()
        stage = int(c2 * e)
        require_counts(c1=c1, c2=c2, nh=nh, **{"int(c2 * e)": stage})
        require_counts(0, n=n)
        require_heads("int(c2 * e)", stage, "nh", nh)
        self.axis_sizes = {"i": c1, "o": c2, "s": stage, "g": gc}
        self.c = stage
        self.cv1 = Conv(c1, 2 * stage)
        self.cv2 = Conv((3 + n) * stage, c2)
        self.m = nn.ModuleList(Bottleneck(stage, stage, shortcut, g, e=1.0) for _ in range(n))
        self.attn = MaxSigmoidAttnBlock(stage, stage, nh=nh, ec=ec, gc=gc)
        load_published(self, STAGE)

    @shape_checked
    def forward(
        self,
        x: Float[Tensor, "b i h w"],
        guide: Float[Tensor, "b *texts g"] | None = None,
        *,
        mask: Bool[Tensor, "b n"] | None = None,
        vocabulary: Float[Tensor, "v g"] | None = None,
    ) -> Float[Tensor, "b o h w"]:
        """Refine the image by its texts."""
        return self._refined(self.cv1(x).chunk(2, 1), guide, mask, vocabulary)

    @shape_checked
    def forward_split(
        self,
        x: Float[Tensor, "b i h w"],
        guide: Float[Tensor, "b *texts g"] | None = None,
        *,
        mask: Bool[Tensor, "b n"] | None = None,
        vocabulary: Float[Tensor, "v g"] | None = None,
    ) -> Float[Tensor, "b o h w"]:
        """As `forward`, with `split` in place of `chunk`, for exporters that lack it."""
        return self._refined(self.cv1(x).split((self.c, self.c), 1), guide, mask, vocabulary)

    @shape_checked
    def _refined(
        self,
        halves: tuple[Float[Tensor, "b s h w"], Float[Tensor, "b s h w"]],
        guide: Float[Tensor, "b *texts g"] | None,
        mask: Bool[Tensor, "b n"] | None,
        vocabulary: Float[Tensor, "v g"] | None,
    ) -> Float[Tensor, "b o h w"]:
        stages = [*halves]
        for bottleneck in self.m:
            stages.append(shaped(bottleneck(stages[-1]), "b s h w"))
        attended = self.attn(stages[-1], guide, mask=mask, vocabulary=vocabulary)
        stages.append(shaped(attended, "b s h w"))
        image: Tensor = self.cv2(torch.cat(stages, 1))
        return image

    def encode_guide(self, vocabulary: Float[Tensor, "v g"]) -> Float[Tensor, "v m c"]:
        """Project a fixed vocabulary once, as `MaxSigmoidAttnBlock.encode_guide` does."""
        return self.attn.encode_guide(vocabulary)

    def fuse(self) -> C2fAttn:
        """Fold the batch norms into the convolutions, for inference.

        Returns: the stage itself.

        Raises: `ArgumentError` (TE411) in training mode.
        """
        return fuse_convolutions(self)
