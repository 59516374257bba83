import torch
from jaxtyping import Float
from torch import Tensor, nn


class Condition(nn.Module):
    def __init__(self, width: int = 384) -> None:
        super().__init__()
        self.width, self.norm = width, nn.LayerNorm(width)

    def forward(self, trunk: Float[Tensor, "b n p"], inputs: Float[Tensor, "b n q"]) -> Float[Tensor, "b n p+q"]:
        both = torch.cat((trunk, inputs), -1)
        assert both.shape[-1] == self.width
        return self.norm(both)


class Harmonics(nn.Module):
    def forward(self, x: Float[Tensor, "*bs k"]) -> Float[Tensor, "*bs 4"]:
        assert x.shape[-1] == 3, f"directions have three dimensions. Got {x.shape[-1]}"
        return torch.cat((torch.ones_like(x[..., :1]), x), -1)
