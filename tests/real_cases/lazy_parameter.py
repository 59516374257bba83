from jaxtyping import Float
from torch import Tensor, nn


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.LazyLinear(3)
        self.scale = nn.Linear(3, 3)

    def forward(self, x: Float[Tensor, "b c"]) -> Float[Tensor, "b 3"]:
        return self.scale(self.linear(x))
