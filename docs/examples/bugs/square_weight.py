"""A projection contracts the wrong axis of its weight, and a square weight hides it.

Source: https://github.com/rasbt/LLMs-from-scratch/issues/857
The weight is stored as (d_out, d_in), the letters read it as (d_in, d_out). As long as the two sizes are
equal, every shape is right and every number wrong.

What check says:

    TE110 letter `d` stands for `d_in` in operand 1 but for `d_out` in operand 2 (in project)
"""

import torch
from jaxtyping import Float
from torch import Tensor

from typed_einsum import shape_checked


@shape_checked
def project(x: Float[Tensor, "b n d_in"], weight: Float[Tensor, "d_out d_in"]) -> Float[Tensor, "b n d_out"]:
    return torch.einsum("bnd,di->bni", x, weight)
