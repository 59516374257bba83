""" "bix,ioxz->boz": residue is (batch, out, x), contracted with the in axis.

Source: https://github.com/qianyingcao/Laplace-Neural-Operator/issues/4
Fix: "box,ioxz->boz" summing i.
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(residue: Float[Tensor, "b out x"], term: Float[Tensor, "inp out x z"]) -> Float[Tensor, "b out z"]:
    return torch.einsum("bix,ioxz->boz", residue, term)


def fixed(residue: Float[Tensor, "b out x"], term: Float[Tensor, "inp out x z"]) -> Float[Tensor, "b out z"]:
    return torch.einsum("box,ioxz->boz", residue, term)


def reference(residue, term):
    b, o, x = residue.shape
    out = torch.zeros(b, o, term.shape[-1])
    for i in range(term.shape[0]):
        for p in range(x):
            out += residue[:, :, p, None] * term[i, :, p]
    return out


def example():
    return dict(residue=rnd(2, 4, 3), term=rnd(4, 4, 3, 5))
