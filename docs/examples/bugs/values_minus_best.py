"""The maxima of the rows are laid along the columns.

Source: https://github.com/facebookresearch/Pearl/pull/133
`best` has shape (b,), and it is broadcast along the last axis, the actions. With as many actions as rows
in the batch nothing raises, and column j is compared with the maximum of row j.

What check says:

    TE701 fails at sizes that its annotations allow: `sub` of (b) and (b, n), which do not broadcast (at
    b=11 n=13) (in regret)
"""

from jaxtyping import Float
from torch import Tensor

from typed_einsum import shape_checked


@shape_checked
def regret(values: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
    best = values.max(1).values
    return best - values
