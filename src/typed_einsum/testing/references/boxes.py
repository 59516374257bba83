"""Overlap of boxes."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def box_iou(one: Float[Tensor, "n 4"], other: Float[Tensor, "m 4"]) -> Float[Tensor, "n m"]:
    """The area that two boxes share over the area that they cover, for every pair.

    Args:
        one: boxes as left, top, right, bottom.
        other: boxes of the same form.

    Examples:
        >>> import torch
        >>> from typed_einsum.testing import references
        >>> references.box_iou(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 1, 3, 2]]))
        tensor([[0.2000]])
    """
    result = one.new_zeros(len(one), len(other))
    for i, (left, top, right, bottom) in enumerate(one.tolist()):
        for j, (left_, top_, right_, bottom_) in enumerate(other.tolist()):
            width = min(right, right_) - max(left, left_)
            height = min(bottom, bottom_) - max(top, top_)
            shared = max(width, 0.0) * max(height, 0.0)
            covered = (right - left) * (bottom - top) + (right_ - left_) * (bottom_ - top_) - shared
            result[i, j] = shared / covered if covered else 0.0
    return result
