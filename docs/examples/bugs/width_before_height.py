"""A resize is told (width, height) where it expects (height, width).

Source: https://github.com/qdrant/fastembed/pull/646
Every model that shipped took square images, for which the two orders are one.

What check says:

    TE201 axis `oh` is 29 in `like` but 31 in the result (in resized)
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from typed_einsum import shape_checked


@shape_checked
def resized(x: Float[Tensor, "b c h w"], like: Float[Tensor, "b k oh ow"]) -> Float[Tensor, "b c oh ow"]:
    height, width = like.shape[2:]
    return F.interpolate(x, size=(width, height), mode="nearest")
