"""Image_features.norm(dim=1) on (b, tokens, d).

Source: https://github.com/xmed-lab/CLIP_Surgery/issues/35
Fix: dim=-1.
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(
    image_features: Float[Tensor, "b n d"], text_features: Float[Tensor, "c d"]
) -> Float[Tensor, "b n c"]:
    image_features = image_features / image_features.norm(dim=1, keepdim=True)
    text_features = text_features / text_features.norm(dim=-1, keepdim=True)
    return image_features @ text_features.t()


def fixed(
    image_features: Float[Tensor, "b n d"], text_features: Float[Tensor, "c d"]
) -> Float[Tensor, "b n c"]:
    image_features = image_features / image_features.norm(dim=-1, keepdim=True)
    text_features = text_features / text_features.norm(dim=-1, keepdim=True)
    return image_features @ text_features.t()


def reference(image_features, text_features):
    return torch.stack(
        [
            torch.stack([torch.stack([F.cosine_similarity(p, t, dim=0) for t in text_features]) for p in im])
            for im in image_features
        ]
    )


def example():
    return dict(image_features=rnd(2, 5, 4), text_features=rnd(3, 4))
