"""TE735: a dimension in which two axes are merged, cut between entries of the inner one."""

from __future__ import annotations

from collections.abc import Iterator

from typed_einsum.testing.audit.dimensions import Dimension, TrackedAxes, shown
from typed_einsum.testing.audit.facts import Facts
from typed_einsum.testing.audit.findings import Flaw, error
from typed_einsum.testing.audit.operations import Operation
from typed_einsum.testing.audit.rules.registry import rule


@rule("TE735")
def cut_across(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """`x[..., :3]` of `3*2`: the first three entries are one row and a half, not the first column."""
    if operation.name != "__getitem__" or not operation.tensors:
        return
    key, own = operation.arguments[1], tracked.of(operation.tensors[0])
    items = list(key) if isinstance(key, tuple) else [key]
    if items and items[0] is Ellipsis:
        pairs = list(zip(reversed(items[1:]), reversed(own), strict=False))
    else:
        pairs = list(zip(items, own, strict=False))
    if any(item is None or item is Ellipsis for item, _ in pairs):
        return
    for item, dimension in pairs:
        if isinstance(item, slice) and _is_across(item, dimension):
            outer, inner = (shown((factor,)) for factor in dimension)
            yield error(
                f"`{shown(dimension)}` is cut after {dimension[0].size} entries, as many as its outer axis "
                f"`{outer}` has; but entries of `{outer}` lie {dimension[1].size} apart, since "
                f"`{inner}` is the "
                "inner axis: split the two first",
                operation.line,
            )


def _is_across(item: slice, dimension: Dimension) -> bool:
    """Whether a slice ends or begins after as many entries as the outer one of two axes has."""
    if len(dimension) != 2 or item.step is not None:
        return False
    outer, inner = (factor.size for factor in dimension)
    bounds = {item.start or 0, item.stop}
    return outer % inner != 0 and bounds in ({0, outer}, {outer, None}, {outer, outer * inner})
