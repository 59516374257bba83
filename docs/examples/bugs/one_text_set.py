"""One vocabulary for a batch of images, dealt out among them.

Source: https://github.com/AILab-CVC/YOLO-World/issues/135
The caller passes the texts once, (1, n, e), for all images. The issue reports the view that fails; wherever
the batch divides n it succeeds, and each image is scored against its share of the vocabulary.

What check says:

    TE201 axis `b` is 11 in `images` but 1 in `texts` (in detect)
"""

import torch
from jaxtyping import Float
from torch import Tensor

from typed_einsum import einsum, shape_checked

HEADS = 8


@shape_checked
def region_scores(
    images: Float[Tensor, "b m c h w"], texts: Float[Tensor, "b n m*c"]
) -> Float[Tensor, "b m h w n"]:
    heads = texts.view(images.shape[0], -1, *images.shape[1:3])
    return einsum("b m c h w, b n m c -> b m h w n", images, heads)


@shape_checked
def detect(images: Float[Tensor, "b e h w"], vocabulary: Float[Tensor, "n e"]) -> Float[Tensor, "b n h w"]:
    scores = region_scores(images.unflatten(1, (HEADS, -1)), vocabulary[None])
    return torch.movedim(scores.mean(dim=1), -1, 1)
