from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


@dataclass
class Config:
    width: int = 48
    heads: int = 4


class Block(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.axis_sizes = {"e": config.width}
        self.linear = nn.Linear(config.width, config.width)

    def forward(self, x: Float[Tensor, "b t e"]) -> Float[Tensor, "b t e"]:
        return self.linear(x)


class Vit(nn.Module):
    def __init__(self, image_size: int | tuple[int, int], patch_size: int | tuple[int, int] = 8):
        super().__init__()
        self.axis_sizes = {"s": image_size, "n": (image_size // patch_size) ** 2}
        assert image_size % patch_size == 0 and image_size > 0

    def forward(self, x: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b n"]:
        return x.sum((1, 2, 3))[:, None].expand(-1, self.axis_sizes["n"])


class Split(nn.Module):
    def forward(self, q: Float[Tensor, "b q c"], size: tuple[int, int]) -> Float[Tensor, "b h w c"]:
        return q.unflatten(1, size)


class Time(nn.Module):
    def forward(self, time: Float[Tensor, "b"] | Int[Tensor, "b"]) -> Float[Tensor, "b 2"]:
        return torch.stack([time.float().sin(), time.float().cos()], -1)
