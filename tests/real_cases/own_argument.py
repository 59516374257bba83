from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


class Matrix:
    def __init__(self, *parts):
        self.parts, self.dtype = parts, torch.float32
        self.shape = tuple(len(part) for part in parts)

    def scaled(self: Float[Matrix, "n n"], by: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
        return by
