"""What has no effect: a softmax over one entry, a reduction of what has no axes."""

from __future__ import annotations

from collections.abc import Iterator

from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit.findings import Found
from typed_einsum.testing.audit.labels import WRITTEN_ONE, Labels, shown_all
from typed_einsum.testing.audit.operations import REDUCTIONS, Operation

SOFTMAXES = {"softmax", "log_softmax", "softmin"}


def none_at_all(operation: Operation, labels: Labels) -> Iterator[Found]:
    """`softmax(x @ w, dim=1)` of a column is 1 everywhere; `loss.mean(dim=0)` of a number is that number."""
    if not operation.tensors:
        return
    tensor = operation.tensors[0]
    own = labels.of(tensor)
    dim = operation.option("dim", 1)
    place = operation.file, operation.line
    if operation.name in SOFTMAXES and isinstance(dim, int) and -len(own) <= dim < len(own):
        if own[dim] == WRITTEN_ONE:
            text = f"a {operation.name} over axis {dim % len(own)} of {shown_all(own)}, which has one entry: "
            value = "0" if operation.name == "log_softmax" else "1"
            yield (
                "TE717",
                "error",
                f"{text}the result is {value} everywhere; take the axis of the choices",
                place,
            )
    elif operation.name in REDUCTIONS and not shape_of(tensor) and isinstance(dim, int):
        text = (
            f"`{operation.name}` over axis {dim} of a number changes nothing: all axes were reduced before; "
        )
        yield "TE717", "error", f"{text}say there which ones", place
