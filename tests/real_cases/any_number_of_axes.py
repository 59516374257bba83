import torch
from jaxtyping import Float
from torch import Tensor


def capacity(x: Float[Tensor, "item *component d"]) -> Float[Tensor, "*component item"]:
    squared = torch.einsum("i...d,j...d->...ij", x, x) ** 2
    return torch.diagonal(squared, dim1=1, dim2=2) / squared.sum(-1)


def focus(poses: Float[Tensor, "*poses 4 4"], start: Float[Tensor, "3"]) -> Float[Tensor, "3"]:
    directions, origins = poses[:, :3, 2], poses[:, :3, 3]
    return ((start - origins) * directions).mean(0)
