import torch
from jaxtyping import UInt8
from torch import Tensor


def letters(codes: UInt8[Tensor, "n"]) -> str:
    assert codes.device == torch.device("cpu")
    return "".join(map(chr, codes))
