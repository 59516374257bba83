"""TE714: an index that is a size: `pe[:, x.shape[1]]` where `pe[:, : x.shape[1]]` was meant."""

from __future__ import annotations

from collections.abc import Iterator

from typed_einsum.testing.audit.dimensions import TrackedAxes, shown
from typed_einsum.testing.audit.facts import Facts
from typed_einsum.testing.audit.findings import Flaw, error
from typed_einsum.testing.audit.operations import Operation
from typed_einsum.testing.audit.rules.registry import rule

SMALLEST = 7
"""An index below this may be any number; the sizes of axes begin above."""


@rule("TE714")
def at_a_size(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """An integer index that is the size of a named axis, into another axis."""
    if operation.name != "__getitem__" or not operation.tensors:
        return
    source = tracked.of(operation.tensors[0])
    index = operation.arguments[1]
    items = index if isinstance(index, tuple) else (index,)
    if any(item is Ellipsis for item in items):
        items = ()
    axes = iter(source)
    for item in items:
        if item is None:
            continue
        dimension = next(axes, ())
        if type(item) is not int:
            continue
        # A loop over an axis comes by every number, some of them sizes of others.
        is_alone = len(tracked.indices_at(operation.line, item)) == 1
        if is_alone and item >= SMALLEST:
            named = tracked.by_size(item)
            if named[0].named and named[0].whole is None and dimension and dimension[0].named:
                yield error(
                    f"axis `{shown(dimension)}` is indexed at {item}, the size of `{shown(named)}`: one "
                    "entry is taken; for as many entries, write a slice",
                    operation.line,
                )
