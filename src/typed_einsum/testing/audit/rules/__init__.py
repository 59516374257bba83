"""The rules: each looks at one call of torch and yields what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator

from typed_einsum.testing.audit.findings import Found
from typed_einsum.testing.audit.labels import Labels
from typed_einsum.testing.audit.notes import Notes
from typed_einsum.testing.audit.operations import Operation
from typed_einsum.testing.audit.rules import (
    broadcasting,
    effects,
    einsums,
    indexing,
    masks,
    norms,
    orders,
    picks,
    precision,
    softmaxes,
)


def before(operation: Operation, labels: Labels) -> Iterator[Found]:
    """What is wrong with a call that is about to run, and may fail for it."""
    if operation.name == "einsum":
        yield from einsums.strict(operation, labels)


def after(operation: Operation, labels: Labels, notes: Notes) -> Iterator[Found]:
    """What is wrong with a call that has run."""
    yield from broadcasting.against_itself(operation, labels)
    yield from broadcasting.losses(operation, labels, notes)
    yield from indexing.at_a_size(operation, labels)
    yield from precision.lowered(operation, notes)
    yield from precision.truncated(operation, notes)
    yield from precision.booleans(operation)
    yield from softmaxes.contracted(operation, labels, notes)
    yield from orders.meeting(operation, labels)
    yield from picks.gathered(operation, labels)
    yield from picks.crossed(operation, labels, notes)
    yield from picks.positions(operation, labels, notes)
    yield from norms.own(operation, labels, notes)
    yield from effects.none_at_all(operation, labels)
    yield from masks.orientation(operation, labels, notes)
