"""TE708: a bool tensor added to numbers."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from typed_einsum.tensors import dtype_of
from typed_einsum.testing.audit.dimensions import TrackedAxes
from typed_einsum.testing.audit.facts import Facts
from typed_einsum.testing.audit.findings import Flaw, error
from typed_einsum.testing.audit.operations import Operation
from typed_einsum.testing.audit.rules.registry import rule


@rule("TE708")
def added(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """A mask added to numbers: True counts as 1, where minus infinity may be meant."""
    if operation.name not in ("add", "sub") or len(operation.tensors) != 2:
        return
    dtypes = [dtype_of(tensor) for tensor in operation.tensors]
    if torch.bool in dtypes and any(dtype.is_floating_point for dtype in dtypes):
        yield error(
            "a bool tensor is added to numbers: True counts as 1; use masked_fill, or say `.to(x.dtype)`",
            operation.line,
        )
