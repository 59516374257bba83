"""The same projection as in square_weight.py, its equation written down: it does not get past the import.

Source: https://github.com/rasbt/LLMs-from-scratch/issues/857
The letter `d` stands for `d_in` in one operand and for `d_out` in the other, which no size can hide.

What check says:

    TE110 letter `d` stands for `d_in` in `x` but for `d_out` in `weight`
"""

from jaxtyping import Float
from torch import Tensor

from typed_einsum import typed_einsum


@typed_einsum("bnd,di->bni")
def project(
    x: Float[Tensor, "b n d_in"], weight: Float[Tensor, "d_out d_in"]
) -> Float[Tensor, "b n d_out"]: ...
