"""A decay is one axis short, and broadcasts against the wrong one.

Source: https://github.com/arcee-ai/DAM/pull/48
`rate` gets two new axes where three are needed: its heads meet the axis `p` of the state instead of `h`. The
model runs whenever the size of a head equals the number of heads.

What check says:

    TE701 fails at sizes that its annotations allow: `mul` of (b, h, p, n) and (b, h, h, 1), which do not
    broadcast (at b=11 h=13 p=17 n=19) (in decayed)
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
