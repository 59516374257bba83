from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor


def union(x: Float[Tensor, "b m 3"] | Float[Tensor, "m 3"], mask: Bool[Tensor, "m"]) -> Float[Tensor, "m"]:
    return x.sum(-1).reshape(-1, mask.shape[0]).sum(0) * mask


def many(xs: list[Float[Tensor, "b d"]], y: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    return sum(xs, y)


def named(xs: dict[str, Float[Tensor, "b c"]], y: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
    return sum(xs.values(), y)


def plain(x: Tensor, y: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    return x + y


@dataclass
class Sampled:
    features: Float[Tensor, "batch ray c"]
    valid: Bool[Tensor, "batch ray"]


def masked(sampled: Sampled, weight: Float[Tensor, "c"]) -> Float[Tensor, "batch ray"]:
    return sampled.features @ weight * sampled.valid
