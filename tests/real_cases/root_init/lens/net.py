from jaxtyping import Float
from torch import Tensor, nn

import lens.config  # noqa: F401


class Net(nn.Module):
    def forward(self, x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        return x
