"""Masks predicted flat for (b q) viewed as (q, b).

Source: https://github.com/Jingkang50/OpenPSG/issues/56
Fix: view(b, q) then transpose.
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def buggy(hs: Float[Tensor, "layers b q c"], memory: Float[Tensor, "b c h w"]) -> Float[Tensor, "q b h w"]:
    last = hs[-1]
    b, q, c = last.shape
    m = torch.einsum("bqc,bchw->bqhw", last, memory)
    flat = m.flatten(0, 1)
    return flat.view(q, b, *flat.shape[1:])


def fixed(hs: Float[Tensor, "layers b q c"], memory: Float[Tensor, "b c h w"]) -> Float[Tensor, "q b h w"]:
    last = hs[-1]
    b, q, c = last.shape
    m = torch.einsum("bqc,bchw->bqhw", last, memory)
    flat = m.flatten(0, 1)
    return flat.view(b, q, *flat.shape[1:]).transpose(0, 1)


def reference(hs, memory):
    return torch.stack(
        [
            torch.stack([(hs[-1, b, q][:, None, None] * memory[b]).sum(0) for b in range(memory.shape[0])])
            for q in range(hs.shape[2])
        ]
    )


def example():
    return dict(hs=rnd(2, 2, 4, 3), memory=rnd(2, 3, 5, 5))
