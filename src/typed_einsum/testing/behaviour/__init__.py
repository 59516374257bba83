"""What a change of the input does to the result: samples, promises, and a reference to compare with.

Shapes say nothing here, so a call runs on real numbers, and is compared with other runs of itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typed_einsum.diagnostics import Place
from typed_einsum.locations import shown_path
from typed_einsum.testing.audit import Finding
from typed_einsum.testing.audit.dimensions import TrackedAxes
from typed_einsum.testing.audit.findings import Flaw, SourceLine
from typed_einsum.testing.audit.operations import Operation
from typed_einsum.testing.behaviour import (
    direction,
    effects,
    matching,
    narrowing,
    promised,
    references,
    reuse,
    roles,
    samples,
    softmaxes,
    turns,
)
from typed_einsum.testing.behaviour.trace import steps_of
from typed_einsum.testing.calls.call import Call, same
from typed_einsum.testing.contracts.promises import Promises


def _in_vain(call: Call) -> Iterator[tuple[str, Flaw]]:
    """Operations without which the results are the same; one run shows where they may be."""
    additions, places = softmaxes.Additions(), turns.Turns()

    def see(index: int, operation: Operation, tracked: TrackedAxes) -> Any:
        additions.see(index, operation, tracked)
        places.see(index, operation, tracked)
        return operation.result

    steps_of(call, call.arguments, see)
    yield from softmaxes.added_in_vain(call, additions)
    yield from turns.turned_in_vain(call, places)


def behaviour(call: Call, promises: Promises, place: Place) -> Iterator[Finding]:
    """Everything that needs numbers; `place` is where the function is defined."""
    pristine = reuse.Pristine.of(call)
    first = call.results
    if first is None:
        return
    again = call.outputs(call.arguments)
    if again is None or not all(same(one, two) for (_, one), (_, two) in zip(first, again, strict=True)):
        if pristine is None:
            return
        call = pristine.on_copies()
    definition = SourceLine(place.file, place.line)
    random = call.is_random()
    found = [*samples.leaks(call, promises.couples or (), random, definition)]
    found += promised.broken(call, promises, definition)
    if not random:
        found += matching.unmatched(call, definition)
        found += narrowing.dependent_on_size(call, definition)
        found += roles.told_apart(call, definition)
        found += effects.without_effect(call, definition)
        found += _in_vain(call)
        found += direction.against_time(call, promises.said_of_entries)
    if promises.reference is not None:
        found += references.differences(call, promises.reference, definition)
    if pristine is not None:
        found += reuse.stale(pristine, definition)
    if promises.like is not None:
        name = f"`{getattr(promises.like, '__name__', type(promises.like).__name__)}`"
        found += references.differences(call, promises.like, definition, name)
    for code, flaw in found:
        file, number = flaw.line
        column = (place.column or 1) if flaw.line == definition else 1
        yield Finding(code, flaw.severity, flaw.message, shown_path(file), number, column)
