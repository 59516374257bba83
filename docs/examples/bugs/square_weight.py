"""A projection contracts the wrong axis of its weight, and a square weight hides it.

Source: https://github.com/rasbt/LLMs-from-scratch/issues/857
The weight is stored as (d_out, d_in), the letters read it as (d_in, d_out). As long as the two sizes are
equal, every shape is right and every number wrong.

What check says:

    TE701 fails at sizes that its annotations allow: RuntimeError: einsum(): subscript d has size 19 for
    operand 1 which does not broadcast with previously seen size 17 (at b=11 n=13 d_in=17 d_out=19) (in
    project)
"""

import torch
from jaxtyping import Float
from torch import Tensor

from typed_einsum import shape_checked


@shape_checked
def project(x: Float[Tensor, "b n d_in"], weight: Float[Tensor, "d_out d_in"]) -> Float[Tensor, "b n d_out"]:
    return torch.einsum("bnd,di->bni", x, weight)
