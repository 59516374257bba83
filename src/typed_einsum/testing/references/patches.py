"""Images as patches and as columns."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from typed_einsum.tensors import shape_of


def patchify(
    image: Float[Tensor, "b c h w"], size: int, *, channels_last: bool = True
) -> Float[Tensor, "b n d"]:
    """Square patches without overlap, row by row, each as one vector.

    Args:
        image: `h` and `w` are multiples of `size`.
        size: of a patch.
        channels_last: whether the channels of a pixel lie together in a vector, or the pixels of a channel.

    Examples:
        >>> import torch
        >>> from typed_einsum.testing import references
        >>> image = torch.randn(2, 3, 4, 6)
        >>> expected = torch.nn.functional.unfold(image, 2, stride=2).mT
        >>> torch.equal(references.patchify(image, 2, channels_last=False), expected)
        True
    """
    samples, channels, h, w = shape_of(image)
    places = [(row, column) for row in range(0, h, size) for column in range(0, w, size)]
    inside = [(i, j) for i in range(size) for j in range(size)]
    result = image.new_empty(samples, len(places), size * size * channels)
    for b in range(samples):
        for n, (row, column) in enumerate(places):
            if channels_last:
                order = [(channel, i, j) for i, j in inside for channel in range(channels)]
            else:
                order = [(channel, i, j) for channel in range(channels) for i, j in inside]
            for at, (channel, i, j) in enumerate(order):
                result[b, n, at] = image[b, channel, row + i, column + j]
    return result


def im2col(
    image: Float[Tensor, "b c h w"], size: int, *, stride: int = 1, padding: int = 0
) -> Float[Tensor, "b d n"]:
    """The windows that a convolution sees, row by row, each as one column: `torch.nn.functional.unfold`.

    Examples:
        >>> import torch
        >>> from typed_einsum.testing import references
        >>> image = torch.randn(2, 3, 4, 5)
        >>> expected = torch.nn.functional.unfold(image, 3, padding=1, stride=2)
        >>> torch.equal(references.im2col(image, 3, padding=1, stride=2), expected)
        True
    """
    samples, channels, h, w = shape_of(image)
    rows = range(-padding, h + padding - size + 1, stride)
    columns = range(-padding, w + padding - size + 1, stride)
    result = image.new_zeros(samples, channels * size * size, len(rows) * len(columns))
    for b in range(samples):
        for n, (row, column) in enumerate((row, column) for row in rows for column in columns):
            at = 0
            for channel in range(channels):
                for i in range(row, row + size):
                    for j in range(column, column + size):
                        if 0 <= i < h and 0 <= j < w:
                            result[b, at, n] = image[b, channel, i, j]
                        at += 1
    return result
