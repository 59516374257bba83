"""Timestep cast to bf16 before the sinusoid.

Source: https://github.com/modelscope/DiffSynth-Studio/pull/1025
Fix: sinusoid in float, cast after.
"""

import torch
from drawn import rnd
from jaxtyping import Float
from torch import Tensor


def sinusoid(dim: int, position: Tensor) -> Tensor:
    freq = 10000.0 ** (-(torch.arange(dim // 2).to(position) / (dim // 2)))
    s = torch.outer(position, freq)
    return torch.cat([s.cos(), s.sin()], 1).to(position.dtype)


def buggy(x: Float[Tensor, "b 16"], timestep: Float[Tensor, "b"]) -> Float[Tensor, "b 16"]:
    t = timestep.to(torch.bfloat16)
    return x + sinusoid(16, t).to(x.dtype)


def fixed(x: Float[Tensor, "b 16"], timestep: Float[Tensor, "b"]) -> Float[Tensor, "b 16"]:
    return x + sinusoid(16, timestep).to(x.dtype)


def reference(x, timestep):
    return torch.stack([r + sinusoid(16, t[None])[0] for r, t in zip(x, timestep)])


def example():
    return dict(x=rnd(2, 16), timestep=torch.tensor([998.3897, 501.25]))
