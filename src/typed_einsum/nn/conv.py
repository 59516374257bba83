"""Convolution, batch norm and activation as one layer, and a bottleneck of two such layers."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from jaxtyping import Float
from torch import Tensor, nn

from typed_einsum.checked import shape_checked
from typed_einsum.contraction import typed_einsum
from typed_einsum.nn.settings import Sides, pair, require_counts, require_evaluation, require_heads

M = TypeVar("M", bound=nn.Module)


@typed_einsum
def scale_filters(
    weight: Float[Tensor, "o i k l"], factor: Float[Tensor, " o"]
) -> Float[Tensor, "o i k l"]: ...


class Conv(nn.Module):
    """Convolve, normalise over the batch, activate: the layer that YOLO models are made of.

    Equation: `y = SiLU(batch_norm(weight * x))`, without the SiLU where `act=False`. The convolution has no
    bias of its own, and pads so that stride 1 keeps the image's size.

    Axes: `i` is `c1`, `o` is `c2`; `p q` are `h w` divided by the stride `s`, rounded up. `k` is the side of
    the kernel, or its height and width; `p` the padding, where it is not to keep the size; `g` the number of
    groups, and `d` the dilation. `act` may be another activation, a module; `Conv.default_act` is the one
    that all convolutions share which have none of their own.

    Args:
        c1: channels of the image.
        c2: channels of the result.
        k: the side of the kernel, or its height and width.
        s: the stride.
        p: the padding, where it is not to keep the size.
        g: groups; they divide `c1` and `c2`.
        d: the dilation.
        act: True for SiLU, False for none, or another activation, a module.

    Returns: the activated image, `b o p q`.

    Raises: `SettingError` (TE410), in a call `ShapeError` (TE201, TE202).

    Cost: one convolution, one batch norm and one activation of torch.

    Source: Redmon and Farhadi 2018, YOLOv3, section 2.5, for the batch norm. The activation of their code is
    a leaky ReLU; SiLU is that of later YOLO models. Parameters are named as in Ultralytics' code:
    `conv.weight`, `bn.*`.

    Examples:
        >>> import torch
        >>> from typed_einsum.nn import Conv
        >>> Conv(3, 16, k=3, s=2)(torch.randn(2, 3, 20, 24)).shape
        torch.Size([2, 16, 10, 12])
    """

    default_act: ClassVar[nn.Module] = nn.SiLU()

    def __init__(
        self,
        c1: int,
        c2: int,
        k: Sides = 1,
        s: Sides = 1,
        p: Sides | None = None,
        g: int = 1,
        d: Sides = 1,
        act: bool | nn.Module = True,
    ) -> None:
        super().__init__()
        kernel, stride, dilation = pair("k", k), pair("s", s), pair("d", d)
        require_counts(c1=c1, c2=c2, g=g)
        require_heads("c1", c1, "g", g, "groups")
        require_heads("c2", c2, "g", g, "groups")
        self.axis_sizes = {"i": c1, "o": c2}
        padding = _keeping_size(kernel, dilation) if p is None else pair("p", p, least=0)
        self.conv = nn.Conv2d(c1, c2, kernel, stride, padding, dilation, g, bias=False)
        self.bn: nn.Module = nn.BatchNorm2d(c2)
        self.act = act if isinstance(act, nn.Module) else self.default_act if act else nn.Identity()

    @shape_checked
    def forward(self, x: Float[Tensor, "b i h w"]) -> Float[Tensor, "b o p q"]:
        """Convolve, normalise, activate."""
        image: Tensor = self.act(self.bn(self.conv(x)))
        return image

    @shape_checked
    def forward_fuse(self, x: Float[Tensor, "b i h w"]) -> Float[Tensor, "b o p q"]:
        """Convolve and activate: for a convolution into which the batch norm was folded from outside."""
        image: Tensor = self.act(self.conv(x))
        return image

    def fuse(self) -> Conv:
        """Fold the batch norm into the convolution, for inference. A second call does nothing.

        Equation: `weight'[o] = weight[o] · s[o]`, `bias'[o] = shift[o] - mean[o] · s[o]`, with
        `s[o] = gain[o] / sqrt(variance[o] + eps)`.

        Returns: the layer itself; `bn` is then the identity.

        Raises: `ArgumentError` (TE411) in training mode, where batch norm uses the batch's own statistics.
        """
        require_evaluation("Conv", self.training)
        norm = self.bn
        if isinstance(norm, nn.BatchNorm2d):
            mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
            factor = norm.weight / (variance + norm.eps).sqrt()
            bias, weight = norm.bias - mean * factor, scale_filters(self.conv.weight, factor)
            self.conv.bias = nn.Parameter(bias.detach(), requires_grad=False)
            self.conv.weight = nn.Parameter(weight.detach(), requires_grad=False)
            self.bn = nn.Identity()
        return self


def _keeping_size(kernel: tuple[int, int], dilation: tuple[int, int]) -> tuple[int, int]:
    """The padding with which stride 1 keeps the size of an image; a kernel of even side adds one."""
    height, width = ((d * (k - 1) + 1) // 2 for k, d in zip(kernel, dilation, strict=True))
    return height, width


def fuse_convolutions(module: M) -> M:
    """Fuse every `Conv` inside a module, which is then for inference only."""
    require_evaluation(type(module).__name__, module.training)
    for inner in module.modules():
        if isinstance(inner, Conv):
            inner.fuse()
    return module


class Bottleneck(nn.Module):
    """Two 3x3 convolutions; the input is added if `shortcut` is set and the channels agree.

    Equation: `y = x + conv(conv(x))`.

    Axes: `i` is `c1`, `o` is `c2`; `e` is the share of `c2` between the convolutions, `g` the groups
    of the second, and `k` the sides of the two kernels.

    Args:
        c1: channels of the image.
        c2: channels of the result.
        shortcut: whether to add the input, where `c1` is `c2`.
        g: groups of the second convolution.
        k: the sides of the two kernels.
        e: the share of `c2` between the convolutions.

    Returns: the image, `b o h w`.

    Raises: `SettingError` (TE410), in a call `ShapeError` (TE201, TE202).

    Cost: that of two `Conv`, and one addition where the input is added.

    Source: He et al. 2016, Deep residual learning for image recognition, section 3, for adding the input.
    Their bottleneck is 1x1, 3x3, 1x1, with a ReLU after the sum; this one is that of YOLOv8, which has none
    there. Parameters are named as in Ultralytics' code: `cv1.*`, `cv2.*`.

    Examples:
        >>> import torch
        >>> from typed_einsum.nn import Bottleneck
        >>> Bottleneck(16, 16)(torch.randn(2, 16, 20, 24)).shape
        torch.Size([2, 16, 20, 24])
    """

    def __init__(
        self,
        c1: int,
        c2: int,
        shortcut: bool = True,
        g: int = 1,
        k: tuple[Sides, Sides] = (3, 3),
        e: float = 0.5,
    ) -> None:
        super().__init__()
        require_counts(c1=c1, c2=c2, g=g)
        self.axis_sizes = {"i": c1, "o": c2}
        between = int(c2 * e)
        require_counts(**{"int(c2 * e)": between})
        self.cv1 = Conv(c1, between, k[0])
        self.cv2 = Conv(between, c2, k[1], g=g)
        self.add = shortcut and c1 == c2

    @shape_checked
    def forward(self, x: Float[Tensor, "b i h w"]) -> Float[Tensor, "b o h w"]:
        """Convolve twice, and add the input."""
        convolved: Tensor = self.cv2(self.cv1(x))
        return x + convolved if self.add else convolved
