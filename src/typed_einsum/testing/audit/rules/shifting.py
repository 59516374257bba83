"""TE742: entries that are shifted along one axis, and cut or added up along another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit.dimensions import TrackedAxes, shown, shown_all
from typed_einsum.testing.audit.facts import Facts
from typed_einsum.testing.audit.findings import Flaw, error
from typed_einsum.testing.audit.operations import Operation
from typed_einsum.testing.audit.places import Cut, Moved
from typed_einsum.testing.audit.rules.ordering import shifts_of
from typed_einsum.testing.audit.rules.registry import rule
from typed_einsum.testing.audit.vocabulary import POINTWISE

CODE = "TE742"
RUNNING = {"cumsum", "cumprod", "logcumsumexp", "cummax", "cummin"}


@rule(CODE)
def along_another(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """`roll(x, 1, dims=1)[:, :, 1:]`: what came round the end of axis 1 is still there."""
    tensors, results = operation.tensors, operation.results
    if operation.name == "__setitem__":
        for fact in facts.of(Moved, tensors[:1]):
            facts.clear(fact)
    if not tensors or not results:
        return
    if operation.name == "roll":
        _note_roll(operation, tracked, facts)
    elif operation.name == "cat":
        _note_put_before(operation, facts)
    elif operation.name in RUNNING:
        _added_up(operation, tracked, facts)
    elif operation.name == "__getitem__":
        _cut(operation, tracked, facts)
    elif operation.name in POINTWISE:
        for tensor in tensors:
            if shape_of(tensor) == shape_of(results[0]):
                facts.add(results, *facts.of(Moved, [tensor]), *facts.of(Cut, [tensor]))
    yield from ()


def _note_roll(operation: Operation, tracked: TrackedAxes, facts: Facts) -> None:
    own = tracked.of(operation.tensors[0])
    shifts = list(shifts_of(operation, own))
    if len(shifts) == 1:
        axis, by = shifts[0]
        facts.add(operation.results, Moved(axis - len(own), by, operation.line))


def _note_put_before(operation: Operation, facts: Facts) -> None:
    """`cat([ones, x[:-1]])`: as long as before, and shifted by one."""
    rank = len(shape_of(operation.results[0]))
    axis = operation.option("dim", 1, 0)
    if len(operation.tensors) != 2 or type(axis) is not int or not -rank <= axis < rank:
        return
    at = axis % rank - rank
    for tensor, other in (operation.tensors, operation.tensors[::-1]):
        for cut in facts.of(Cut, [tensor]):
            if cut.axis == at and shape_of(other)[at] == cut.start + cut.end:
                facts.add(operation.results, Moved(at, 0, operation.line))


def _added_up(operation: Operation, tracked: TrackedAxes, facts: Facts) -> None:
    tensor = operation.tensors[0]
    rank = len(shape_of(tensor))
    axis = operation.option("dim", 1)
    if type(axis) is not int or not -rank <= axis < rank:
        return
    for fact in facts.of(Moved, [tensor]):
        if fact.axis == axis % rank - rank:
            facts.clear(fact)
        elif fact.by == 0:
            _suspect(fact, axis % rank - rank, f"`{operation.name}` runs along", tensor, tracked, facts)


def _cut(operation: Operation, tracked: TrackedAxes, facts: Facts) -> None:
    """What is left of an axis: a cut of what was shifted belongs to the axis of the shift."""
    tensor = operation.tensors[0]
    cuts = list(_cuts(operation.arguments[1], tensor))
    if len(cuts) == 1 and len(shape_of(operation.results[0])) == len(shape_of(tensor)):
        facts.add(operation.results, *cuts)
    for fact in facts.of(Moved, [tensor]):
        if any(cut.axis == fact.axis for cut in cuts):
            facts.clear(fact)
        for cut in cuts:
            is_end = cut.start == fact.by if fact.by > 0 else cut.end == -fact.by
            if fact.by and cut.axis != fact.axis and is_end:
                _suspect(fact, cut.axis, "the cut is along", tensor, tracked, facts)


def _cuts(key: Any, tensor: Tensor) -> Iterator[Cut]:
    """The axes of which a key leaves out entries at an end; one that is indexed by a number is cut, too."""
    items = key if isinstance(key, tuple) else (key,)
    rank = len(shape_of(tensor))
    if any(item is None or isinstance(item, Tensor) for item in items):
        return
    at = next((at for at, item in enumerate(items) if item is Ellipsis), len(items))
    placed = [*enumerate(items[:at]), *enumerate(items[at + 1 :], rank - len(items) + at + 1)]
    for axis, item in placed:
        size = shape_of(tensor)[axis]
        if type(item) is int:
            yield Cut(axis - rank, 0, size)
        elif isinstance(item, slice) and item.step in (None, 1):
            start, stop, _ = item.indices(size)
            if start < stop and (start or stop < size):
                yield Cut(axis - rank, start, size - stop)


def _suspect(fact: Moved, axis: int, how: str, tensor: Tensor, tracked: TrackedAxes, facts: Facts) -> None:
    own = tracked.of(tensor)
    text = (
        f"entries are shifted along `{shown(own[fact.axis])}`, axis {fact.axis % len(own)} of "
        f"{shown_all(own)}, but {how} `{shown(own[axis])}`: both belong to one axis"
    )
    facts.suspect(fact, CODE, error(text, fact.line))
