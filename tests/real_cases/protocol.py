from typing import Protocol

from jaxtyping import Float
from torch import Tensor


class Log(Protocol):
    def __call__(self, loss: float) -> None: ...


def merge(x: Float[Tensor, "b d"], log: Log) -> Float[Tensor, "b d"]:
    log(0.0)
    return x


def twice(x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    return 2 * x
