""" "kbpq,bipqzx->kizx": term's in axis labelled like residue's out axis.

Source: https://github.com/qianyingcao/Laplace-Neural-Operator/issues/4
Fix: "kipq,bipqzx->kizx".
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(
    residue: Float[Tensor, "k out p q"], term: Float[Tensor, "inp out p q z x"]
) -> Float[Tensor, "k out z x"]:
    return torch.einsum("kbpq,bipqzx->kizx", residue, term)


def fixed(
    residue: Float[Tensor, "k out p q"], term: Float[Tensor, "inp out p q z x"]
) -> Float[Tensor, "k out z x"]:
    return torch.einsum("kipq,bipqzx->kizx", residue, term)


def reference(residue, term):
    s = term.sum(0)
    return torch.stack(
        [torch.stack([(r[i][..., None, None] * s[i]).sum((0, 1)) for i in range(len(r))]) for r in residue]
    )


def example():
    return dict(residue=rnd(2, 3, 2, 2), term=rnd(3, 3, 2, 2, 4, 5))
