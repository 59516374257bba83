"""Part of TE706: products with weights summed over one axis, divided by the weights summed over another."""

from __future__ import annotations

from collections.abc import Iterator
from weakref import ref

from torch import Tensor

from typed_einsum.testing.audit.dimensions import Dimension, TrackedAxes, are_apart, shown
from typed_einsum.testing.audit.facts import Entries, Factors, Facts, Summed
from typed_einsum.testing.audit.findings import Flaw, advice, error
from typed_einsum.testing.audit.operations import Operation, letters_of, reduced_axes, summed_axes
from typed_einsum.testing.audit.vocabulary import LAYOUTS, MATMULS, POINTWISE

AT_MOST = 16
"""How many sums of what it was computed from are remembered of a tensor."""


def over_other_weights(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """`(x * mask[..., None]).sum(1) / mask.sum(0)` of (b, t, d): no average over `t`."""
    tensors, results = operation.tensors, operation.results
    if not tensors or not results:
        return
    if operation.name == "div" and len(tensors) == 2:
        yield from _divided(operation, facts)
    if operation.name in LAYOUTS and len(tensors) == 1:
        facts.add(results, Entries(ref(entries_of(tensors[0], facts))), *facts.of(Factors, tensors))
    elif operation.name in ("sum", "nansum"):
        _note_sum(operation, tracked, facts)
    elif operation.name in {*MATMULS, "einsum"} and len(tensors) == 2:
        _note_product(operation, tracked, facts)
    elif operation.name == "mul" and len(tensors) == 2:
        facts.add(results, Factors(tuple(ref(entries_of(each, facts)) for each in tensors)))
    if operation.name in POINTWISE | LAYOUTS | MATMULS | {"sum", "mean", "einsum"}:
        facts.add(results, *facts.of(Summed, tensors)[-AT_MOST:])


def entries_of(tensor: Tensor, facts: Facts) -> Tensor:
    """The tensor whose entries these are, before it was laid out otherwise."""
    found = [fact.tensor() for fact in facts.of(Entries, [tensor])]
    return next((each for each in found if each is not None), tensor)


def _note_sum(operation: Operation, tracked: TrackedAxes, facts: Facts) -> None:
    tensor, axes = operation.tensors[0], reduced_axes(operation)
    own = tracked.of(tensor)
    over = frozenset(own[axis] for axis in axes or () if own[axis])
    if not over:
        return
    found = [Summed(ref(entries_of(tensor, facts)), over, weighted=False)]
    for fact in facts.of(Factors, [tensor]):
        found += [Summed(each, over & _axes(each, tracked), weighted=True) for each in fact.tensors]
    facts.add(operation.results, *found)


def _axes(weights: ref[Tensor], tracked: TrackedAxes) -> frozenset[Dimension]:
    tensor = weights()
    return frozenset() if tensor is None else frozenset(tracked.of(tensor))


def _note_product(operation: Operation, tracked: TrackedAxes, facts: Facts) -> None:
    if operation.name == "einsum" and letters_of(operation) is None:
        return
    for index, tensor in enumerate(operation.tensors):
        over = frozenset(each for each in summed_axes(operation, index, tracked) if each)
        facts.add(operation.results, Summed(ref(entries_of(tensor, facts)), over, weighted=True))


def _divided(operation: Operation, facts: Facts) -> Iterator[Flaw]:
    """Of weights that both parts have summed, the axes; square matrices may be symmetric."""
    for above in facts.of(Summed, operation.tensors[:1]):
        for below in facts.of(Summed, operation.tensors[1:2]):
            weights = above.tensor()
            if weights is None or weights is not below.tensor() or below.weighted or not above.weighted:
                continue
            if above.over and below.over and _are_all_apart(above.over, below.over):
                first, second = (", ".join(sorted(map(shown, each.over))) for each in (above, below))
                text = (
                    f"products with weights are summed over `{first}`, and divided by the weights "
                    f"summed over `{second}`: they do not add up to 1; divide by their sum over `{first}`"
                )
                tell = advice if first == second else error
                yield tell(text, operation.line)
                return


def _are_all_apart(one: frozenset[Dimension], other: frozenset[Dimension]) -> bool:
    return all(are_apart(first, second) for first in one for second in other)
