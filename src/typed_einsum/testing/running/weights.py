"""How large a module is."""

from __future__ import annotations

from torch import nn
from torch.nn.parameter import is_lazy


def count_parameters(module: nn.Module) -> int:
    """The numbers in the parameters of a module; a lazy one has no shape before the first call."""
    return sum(each.numel() for each in module.parameters() if not is_lazy(each))
