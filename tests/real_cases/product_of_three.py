from einops import rearrange
from jaxtyping import Float
from torch import Tensor


def unpack(image: Float[Tensor, "b v c h w"], opacity: Float[Tensor, "b vrs"]) -> Float[Tensor, "b v h w s"]:
    _, v, _, h, w = image.shape
    return rearrange(opacity, "b (v h w s) -> b v h w s", v=v, h=h, w=w)
