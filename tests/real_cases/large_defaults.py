import torch
from jaxtyping import Float
from torch import Tensor, nn


class Encoder(nn.Module):
    def __init__(self, width: int = 384, depth: int = 12, side: int = 64):
        super().__init__()
        self.axis_sizes = {"e": width, "t": side * side}
        self.layers = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])

    def forward(self, x: Float[Tensor, "b t e"]) -> Float[Tensor, "b t e"]:
        for layer in self.layers:
            y = layer(x)
            x = x + torch.softmax(y @ y.mT, -1) @ y
        return x
