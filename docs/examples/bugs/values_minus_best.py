"""The maxima of the rows are laid along the columns.

Source: https://github.com/facebookresearch/Pearl/pull/133
`best` has shape (b,), and it is broadcast along the last axis, the actions. With as many actions as rows
in the batch nothing raises, and column j is compared with the maximum of row j.

What check says:

    TE719 `sub` of (b) and (b, n) needs `b` and `n` to be one size, which no annotation says: give both axes
    one name, or mend this line (in regret)
"""

from jaxtyping import Float
from torch import Tensor

from typed_einsum import shape_checked


@shape_checked
def regret(values: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
    best = values.max(1).values
    return best - values
