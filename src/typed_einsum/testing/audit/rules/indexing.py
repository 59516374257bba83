"""An index that is a size: `pe[:, x.shape[1]]` where `pe[:, : x.shape[1]]` was meant."""

from __future__ import annotations

from collections.abc import Iterator

from typed_einsum.testing.audit.findings import Found
from typed_einsum.testing.audit.labels import Labels, shown
from typed_einsum.testing.audit.operations import Operation

SMALLEST = 7
"""An index below this may be any number; the sizes of axes begin above."""


def at_a_size(operation: Operation, labels: Labels) -> Iterator[Found]:
    """An integer index that is the size of a named axis, into another axis."""
    if operation.name != "__getitem__" or not operation.tensors:
        return
    source = labels.of(operation.tensors[0])
    index = operation.arguments[1]
    items = index if isinstance(index, tuple) else (index,)
    if any(item is Ellipsis for item in items):
        items = ()
    axes = iter(source)
    for item in items:
        if item is None:
            continue
        label = next(axes, ())
        if type(item) is not int:
            continue
        # A loop over an axis comes by every number, some of them sizes of others.
        alone = len(labels.indices_at(operation.file, operation.line, item)) == 1
        if alone and item >= SMALLEST:
            named = labels.by_size(item)
            if named[0].named and named[0].whole is None and label and label[0].named:
                name = shown(named)
                text = (
                    f"axis `{shown(label)}` is indexed at {item}, the size of `{name}`: one entry is taken; "
                )
                text += "for as many entries, write a slice"
                yield "TE714", "error", text, (operation.file, operation.line)
