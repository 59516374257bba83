"""Output[:, :, -1] (last feature) instead of the last step; (b, t) meets a decoder of width t == d.

Source: https://github.com/scoutbee/pytorch-nlp-notebooks/issues/24
Fix: output[:, -1, :].
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(output: Float[Tensor, "b t d"], weight: Float[Tensor, "c d"]) -> Float[Tensor, "b c"]:
    return F.linear(output[:, :, -1], weight)


def fixed(output: Float[Tensor, "b t d"], weight: Float[Tensor, "c d"]) -> Float[Tensor, "b c"]:
    return F.linear(output[:, -1, :], weight)


def reference(output, weight):
    return torch.stack([weight @ s[-1] for s in output])


def example():
    return dict(output=rnd(2, 5, 5), weight=rnd(3, 5))
