"""Final_state (2, b, h) viewed as (b, 2h, 1).

Source: https://github.com/graykode/nlp-tutorial/issues/68
Fix: transpose(0,1) first.
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(
    lstm_output: Float[Tensor, "b t 2*h"], final_state: Float[Tensor, "2 b h"]
) -> Float[Tensor, "b 2*h"]:
    batch_size = len(lstm_output)
    hidden = final_state.view(batch_size, -1, 1)
    attn_weights = torch.bmm(lstm_output, hidden).squeeze(2)
    soft_attn_weights = F.softmax(attn_weights, 1)
    return torch.bmm(lstm_output.transpose(1, 2), soft_attn_weights.unsqueeze(2)).squeeze(2)


def fixed(
    lstm_output: Float[Tensor, "b t 2*h"], final_state: Float[Tensor, "2 b h"]
) -> Float[Tensor, "b 2*h"]:
    batch_size = len(lstm_output)
    hidden = final_state.transpose(0, 1).reshape(batch_size, -1, 1)
    attn_weights = torch.bmm(lstm_output, hidden).squeeze(2)
    soft_attn_weights = F.softmax(attn_weights, 1)
    return torch.bmm(lstm_output.transpose(1, 2), soft_attn_weights.unsqueeze(2)).squeeze(2)


def reference(lstm_output, final_state):
    out = []
    for i, o in enumerate(lstm_output):
        q = torch.cat([final_state[0, i], final_state[1, i]])
        out.append((o @ q).softmax(0) @ o)
    return torch.stack(out)


def example():
    return dict(lstm_output=rnd(3, 5, 8), final_state=rnd(2, 3, 4))
