"""TE734: an assignment to a slice that is empty."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit.dimensions import WRITTEN_ONE, TrackedAxes, shown_all
from typed_einsum.testing.audit.facts import Facts
from typed_einsum.testing.audit.findings import Flaw, error
from typed_einsum.testing.audit.operations import Operation
from typed_einsum.testing.audit.rules.registry import rule


@rule("TE734")
def to_nothing(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """`mask[:, :-4] = 1` of a mask with one entry there, since another axis was meant."""
    if operation.name != "__setitem__" or not isinstance(operation.arguments[0], Tensor):
        return
    tensor, key = operation.arguments[:2]
    items = key if isinstance(key, tuple) else (key,)
    if any(item is Ellipsis for item in items):  # an array has an `==` of its own
        return
    own = tracked.of(tensor)
    places = [item for item in items if item is not None]
    for axis, (item, dimension, size) in enumerate(zip(places, own, shape_of(tensor), strict=False)):
        if isinstance(item, slice) and dimension in ((), WRITTEN_ONE) and _is_beyond(item, size):
            yield error(
                f"nothing is assigned: `{_shown(item)}` along axis {axis} of {shown_all(own)} is "
                "empty, since this "
                "axis has one entry; slice the axis that is meant",
                operation.line,
            )


def _is_beyond(item: slice, size: int) -> bool:
    """Whether a slice is empty because a bound lies outside of the axis."""
    bounds = [bound for bound in (item.start, item.stop) if type(bound) is int]
    return not range(*item.indices(size)) and any(abs(bound) > size for bound in bounds)


def _shown(item: slice) -> str:
    def text(bound: Any) -> str:
        return "" if bound is None else str(bound)

    return f"{text(item.start)}:{text(item.stop)}"
