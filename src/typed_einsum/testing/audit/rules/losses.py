"""TE705: a loss of two tensors of unequal shapes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit.dimensions import (
    WRITTEN_ONE,
    Dimension,
    TrackedAxes,
    is_named,
    shown,
    shown_all,
    size_of,
)
from typed_einsum.testing.audit.facts import Difference, Facts
from typed_einsum.testing.audit.findings import Flaw, error
from typed_einsum.testing.audit.operations import Operation, is_total
from typed_einsum.testing.audit.rules.registry import rule
from typed_einsum.testing.audit.vocabulary import LOSSES, REDUCTIONS

POWERS = {"pow", "square", "abs"}


@rule("TE705")
def unequal(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """A loss of two shapes, by name or written out as the mean of a squared difference."""
    tensors = operation.tensors
    match operation.name:
        case name if name in LOSSES and len(tensors) >= 2 and shape_of(tensors[0]) != shape_of(tensors[1]):
            yield error(_message(name, tensors, tracked), operation.line)
        case "sub" if len(tensors) == 2:
            axis = _met_one(*(tracked.of(tensor) for tensor in tensors))
            if axis:
                facts.add(operation.results, Difference(axis, operation.line))
        case name if name in POWERS:
            found = facts.of(Difference, tensors[:1])
            facts.add(operation.results, *(Difference(fact.axis, fact.line, True) for fact in found))
        case name if name in REDUCTIONS and tensors and is_total(operation):
            for fact in facts.of(Difference, tensors[:1]):
                if fact.squared:
                    yield error(
                        "a loss of unequal shapes: the difference repeats an axis of size 1 along "
                        f"`{fact.axis}`",
                        fact.line,
                    )


def _message(name: str, tensors: Sequence[Tensor], tracked: TrackedAxes) -> str:
    shapes = " and ".join(shown_all(tracked.of(tensor)) for tensor in tensors[:2])
    return f"`{name}` of {shapes}: unequal shapes are broadcast; give both the same"


def _met_one(one: Sequence[Dimension], other: Sequence[Dimension]) -> str:
    """The named axis that an axis of size 1 in the data meets, if there is one."""
    for left, right in zip(reversed(one), reversed(other), strict=False):
        for dimension, meeting in ((left, right), (right, left)):
            if meeting == WRITTEN_ONE and size_of(dimension) > 1 and is_named(dimension):
                return shown(dimension)
    return ""
