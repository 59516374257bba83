"""The mask of a softmax: which scores it keeps, with its axes matched to the scores' by name."""

from __future__ import annotations

import torch
from torch import Tensor

from typed_einsum.diagnostics import Diagnostic
from typed_einsum.errors import DtypeError
from typed_einsum.locations import caller_place
from typed_einsum.messages import MASK
from typed_einsum.operations.axes import ReducedAxes
from typed_einsum.scopes.text import VALUE
from typed_einsum.tensors import autocasts, dtype_of, short


def masked(
    scores: Tensor, of_scores: ReducedAxes, mask: Tensor, of_mask: ReducedAxes
) -> tuple[Tensor, Tensor]:
    """Which scores a mask keeps, and the scores with what it adds; both broadcast to the scores' axes."""
    mask = _aligned(mask, of_mask.parts(mask.ndim), of_scores.parts(scores.ndim))
    kind, wanted = dtype_of(mask), dtype_of(scores)
    if kind == torch.bool:
        return mask, scores
    if not kind.is_floating_point:
        summary = f"{MASK} has dtype {short(kind)}; a mask is boolean, or floats to add to the scores"
        repair = "mask.bool() keeps the scores where an integer mask is 1"
        raise DtypeError(Diagnostic("TE301", summary, caller_place(), help=repair))
    if kind != wanted and not autocasts():
        summary = f"{VALUE} is {short(wanted)} but {MASK} is {short(kind)}"
        repair = f"pass mask.to({wanted}), or a boolean mask"
        raise DtypeError(Diagnostic("TE302", summary, caller_place(), help=repair))
    return mask > -torch.inf, scores + mask


def _aligned(mask: Tensor, held: list[tuple[str, int]], wanted: list[tuple[str, int]]) -> Tensor:
    """The mask with its axes in the order wanted, and an axis of size 1 for each that it lacks."""
    if held == wanted:
        return mask
    order = [held.index(part) for part in wanted if part in held]
    return mask.permute(order)[tuple(slice(None) if part in held else None for part in wanted)]
