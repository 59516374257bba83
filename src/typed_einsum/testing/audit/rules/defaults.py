"""TE744: an operation along the axis that it takes where none is said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from typed_einsum.testing.audit.dimensions import Dimension, TrackedAxes, shown, shown_all
from typed_einsum.testing.audit.facts import Facts
from typed_einsum.testing.audit.findings import Flaw, error
from typed_einsum.testing.audit.operations import Operation
from typed_einsum.testing.audit.rules.registry import rule
from typed_einsum.testing.audit.vocabulary import FEATURES, SOFTMAXES


@rule("TE744")
def along_the_default(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """`F.cosine_similarity(x, y)` of (b, t, d) compares each feature over the times."""
    default, position = (1, 2) if operation.name == "cosine_similarity" else (0, 1)
    if operation.name not in {"cosine_similarity", *SOFTMAXES}:
        return
    own = tracked.of(operation.tensors[0]) if operation.tensors else ()
    is_said = operation.option("dim", position) is not None
    if is_said or len(own) < 3 or (default == 0 and len(own) > 3):  # of four axes softmax takes the second
        return
    if len(own[-1]) != 1 or len(own[default]) != 1 or (default == 1 and not _is_beside(own)):
        return
    yield error(
        f"`{operation.name}` without `dim` works along axis {default} of {shown_all(own)}, "
        f"`{shown(own[default])}`: for `{shown(own[-1])}`, say `dim=-1`",
        operation.line,
    )


def _is_beside(own: Sequence[Dimension]) -> bool:
    """Whether the last axis holds features, and axis 1 does not."""
    beside = own[1][0]
    is_axis = beside.named and not beside.is_count
    return own[-1][0].axis in FEATURES and is_axis and beside.axis not in FEATURES
