import torch
from jaxtyping import Float, Int
from packaging.version import Version
from torch import Tensor


def chains(ids: Int[Tensor, "n"]) -> Int[Tensor, "n"]:
    ids = ids - 1  # ids count from 1
    assert torch.amin(ids) >= 0
    return ids


def newest(versions: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    return versions.sort(key=Version(f"v.{versions.sum().item()}"))
