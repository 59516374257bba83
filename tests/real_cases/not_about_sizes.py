import os

from jaxtyping import Float
from torch import Tensor


def perceptual(image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b"]:
    raise_from_library()
    return image.mean((1, 2, 3))


def raise_from_library() -> None:
    open("/nonexistent/weights.bin").close()


def colored(x: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch 3"]:
    return os.no_such_function(x)
