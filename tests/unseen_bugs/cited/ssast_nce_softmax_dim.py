"""Total[j, i] = x_j . c_i softmaxed over -1 (contexts), should be over candidates.

Source: https://github.com/YuanGongND/ssast/issues/13
Fix: dim=0.
"""

import torch
import torch.nn.functional as F
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(encode: Float[Tensor, "n d"], pred: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
    total = torch.mm(encode, pred.transpose(0, 1))
    nce = torch.sum(torch.diag(F.log_softmax(total, dim=-1)))
    return nce / (-1.0 * len(encode))


def fixed(encode: Float[Tensor, "n d"], pred: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
    total = torch.mm(encode, pred.transpose(0, 1))
    nce = torch.sum(torch.diag(F.log_softmax(total, dim=0)))
    return nce / (-1.0 * len(encode))


def reference(encode, pred):
    return -sum((encode @ pred[i]).log_softmax(0)[i] for i in range(len(pred))) / len(pred)


def example():
    return dict(encode=rnd(5, 4), pred=rnd(5, 4, seed=1))
