from jaxtyping import Float
from torch import Tensor, nn


def merge(x: Float[Tensor, "b h t d"]) -> Float[Tensor, "b t h*d"]:
    b, h, t, d = x.shape
    return x.reshape(b, t, h * d)


class Model(nn.Module):
    def split(self, x: Float[Tensor, "b t e"]) -> Float[Tensor, "b 2 t e/2"]:
        return x.unflatten(-1, (2, -1)).transpose(1, 2)
