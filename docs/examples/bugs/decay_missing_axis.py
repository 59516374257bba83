"""A decay is one axis short, and broadcasts against the wrong one.

Source: https://github.com/arcee-ai/DAM/pull/48
`rate` gets two new axes where three are needed: its heads meet the axis `p` of the state instead of `h`. The
model runs whenever the size of a head equals the number of heads.

What check says:

    TE719 `mul` of (b, h, p, n) and (b, h, h, 1) needs `h` and `p` to be one size, which no annotation says:
    give both axes one name, or mend this line (in decayed)
"""

import torch
from jaxtyping import Float
from torch import Tensor

from typed_einsum import shape_checked


@shape_checked
def decayed(
    state: Float[Tensor, "b h p n"], step: Float[Tensor, "b h"], rate: Float[Tensor, "h"]
) -> Float[Tensor, "b h p n"]:
    decay = torch.exp(step[..., None, None] * rate.unsqueeze(-1).unsqueeze(0))
    return state * decay
