from jaxtyping import Float
from torch import Tensor, nn

from ..geometry.rays import twice


class Net(nn.Module):
    def forward(self, x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        return twice(x)
