"""How large a module is, and whether that is known before it is called."""

from __future__ import annotations

from torch import nn
from torch.nn.parameter import is_lazy


def count_parameters(module: nn.Module) -> int:
    """The numbers in the parameters of a module; a lazy one has no shape before the first call."""
    return sum(each.numel() for each in module.parameters() if not is_lazy(each))


def is_unfinished(module: nn.Module) -> bool:
    """Whether the first call gives a parameter its shape, so that calls of other sizes are refused."""
    return any(map(is_lazy, module.parameters()))
