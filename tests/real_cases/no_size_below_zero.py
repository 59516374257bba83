import torch
from jaxtyping import Float
from torch import Tensor


def flow(video: Float[Tensor, "batch frame c"]) -> Float[Tensor, "batch frame-1 c"]:
    return video[:, 1:] - video[:, :-1]


def homogeneous(points: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim+1"]:
    return torch.cat([points, torch.ones_like(points[..., :1])], -1)
