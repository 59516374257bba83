"""What a tensor of a given shape may hold, and where in memory its entries may lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from typed_einsum.tensors import DTYPES

LAYOUTS = ("contiguous", "transposed", "sliced", "expanded", "channels_last")
"""Where a tensor's entries lie: in order; axes in reverse; part of a larger tensor; one entry along an axis;
or, of four axes, the second one last."""

FLOATS = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
INDICES = (torch.int64, torch.int32)
INTEGERS = (*INDICES, torch.int16, torch.int8, torch.uint8)
COMPLEX = (torch.complex64, torch.complex128)
USUAL = (*FLOATS, *INTEGERS, torch.bool, *COMPLEX)
"""The dtypes in common use, the simplest of each kind first."""

NO_INTEGERS = {kind for kind in DTYPES.values() if kind.is_floating_point or kind.is_complex} | {torch.bool}

SAME_EVERYWHERE = ("zeros", "ones", "all True", "all False")
LARGE, MOST_LARGE = 1e4, 6e4
"""The scale of large numbers, and the most that one may be: half precision ends at 65504."""
ANY_INTEGER = 100


def contents_of(dtype: torch.dtype) -> tuple[str, ...]:
    """What a tensor of this dtype may hold, the simplest first."""
    if dtype is torch.bool:
        return "all True", "any", "all False"
    if dtype.is_floating_point or dtype.is_complex:
        return "zeros", "ones", "from 0 to 1", "of both signs", "large"
    return "zeros", "any"


def filled(shape: Sequence[int], dtype: torch.dtype, contents: str, most: int | None, seed: int) -> Tensor:
    """Finite numbers; integers are below `most` if there is one."""
    random = torch.Generator().manual_seed(seed)
    match contents:
        case "zeros" | "all False":
            return torch.zeros(*shape, dtype=dtype)
        case "ones" | "all True":
            return torch.ones(*shape, dtype=dtype)
        case "from 0 to 1":
            return torch.rand(*shape, generator=random).to(dtype)
        case "of both signs":
            return torch.randn(*shape, generator=random).to(dtype)
        case "large":
            numbers = torch.randn(*shape, generator=random) * LARGE
            return numbers.clamp(-MOST_LARGE, MOST_LARGE).to(dtype)
    if dtype is torch.bool:
        return torch.rand(*shape, generator=random) > 0.5
    low, high = (0, max(1, most)) if most is not None else (-ANY_INTEGER * dtype.is_signed, ANY_INTEGER)
    return torch.randint(low, high, tuple(shape), generator=random).to(dtype)


def laid_out(layout: str, shape: tuple[int, ...], fill: Callable[[Sequence[int]], Tensor]) -> Tensor:
    """A tensor of this shape in a layout, from one that lies in order."""
    match layout:
        case "transposed":
            return fill(shape[::-1]).permute(*reversed(range(len(shape))))
        case "sliced":
            return fill([*shape[:-1], shape[-1] + 2]).narrow(-1, 1, shape[-1])
        case "expanded":
            at = max(range(len(shape)), key=shape.__getitem__)
            return fill([*shape[:at], 1, *shape[at + 1 :]]).expand(shape)
        case "channels_last":
            return fill(shape).contiguous(memory_format=torch.channels_last)
        case _:
            return fill(shape)


def allows(layout: str, shape: tuple[int, ...]) -> bool:
    """Whether a tensor of this shape can lie so, and not in order at the same time."""
    match layout:
        case "transposed":
            return len(shape) > 1
        case "sliced":
            return len(shape) > 0
        case "expanded":
            return any(size > 1 for size in shape)
        case "channels_last":
            return len(shape) == 4
        case _:
            return True


def usual(shape: tuple[int, ...], dtype: torch.dtype, device: str) -> Tensor:
    """Floats between 0 and 1; integers 0, a valid index; or True, which as a mask keeps everything."""
    if device == "meta":
        return torch.empty(shape, dtype=dtype, device=device)
    if dtype.is_floating_point or dtype.is_complex:
        return torch.rand(shape, device=device).to(dtype)
    return torch.full(shape, dtype is torch.bool, dtype=dtype, device=device)
