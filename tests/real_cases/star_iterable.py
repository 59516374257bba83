from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor


def hcat(*images: Iterable[Float[Tensor, "channel _ _"]]) -> Float[Tensor, "channel height width"]:
    gap = torch.ones(images[0].shape[0], 1, 1)
    return torch.cat([gap.expand(-1, image.shape[1], -1) for image in images], 2)
