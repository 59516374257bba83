"""TE743: scores and sums that are scaled by the size of another axis than the one that was summed."""

from __future__ import annotations

from collections.abc import Iterator
from math import isclose

from torch.nn import Parameter

from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit.dimensions import TrackedAxes, shown, size_of
from typed_einsum.testing.audit.facts import Contracted, Facts
from typed_einsum.testing.audit.findings import Flaw, error
from typed_einsum.testing.audit.operations import Operation, summed_axes
from typed_einsum.testing.audit.rules.averages import over_another_count
from typed_einsum.testing.audit.rules.registry import rule
from typed_einsum.testing.audit.vocabulary import MATMULS, POINTWISE

CODE = "TE743"
RANK = 3
"""Products of matrices without a batch may be projections, which are scaled by the size of their result."""


@rule(CODE)
def scaled_by_another(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """`q @ k.mT / sqrt(t)` of (b, t, d): the sum has as many terms as `d` has entries."""
    tensors, results = operation.tensors, operation.results
    yield from over_another_count(operation, tracked, facts, CODE)
    if operation.name in {*MATMULS, "einsum"} and len(tensors) == 2:
        is_batched = all(len(shape_of(tensor)) >= RANK for tensor in tensors)
        if is_batched and not any(isinstance(tensor, Parameter) for tensor in tensors):
            summed = summed_axes(operation, 0, tracked)
            facts.add(results, *(Contracted(each) for each in summed if len(summed) == 1 and each))
    elif operation.name in POINTWISE and tensors and results:
        shape = shape_of(results[0])
        found = facts.of(Contracted, [tensor for tensor in tensors if shape_of(tensor) == shape])
        facts.add(results, *found)
        if operation.name in ("mul", "div"):
            yield from _scaled(operation, tracked, found)


def _scaled(operation: Operation, tracked: TrackedAxes, found: list[Contracted]) -> Iterator[Flaw]:
    numbers = [each for each in operation.arguments if type(each) is float]
    own = {factor.axis for dimension in tracked.of(operation.tensors[0]) for factor in dimension}
    for number in numbers:
        size = _squared(number)
        name = tracked.name_of_size(size)
        for fact in found:
            if (
                name in own
                and all(name != factor.axis for factor in fact.over)
                and size_of(fact.over) != size
            ):
                yield error(
                    f"products summed over `{shown(fact.over)}` are scaled by the square root of the size of "
                    f"`{name}`: the sum has as many terms as `{shown(fact.over)}` has entries",
                    operation.line,
                )


def _squared(number: float) -> int:
    """The whole number of which this is the square root, or one divided by it; 0 if there is none."""
    if number <= 0:
        return 0
    square = max(number * number, 1 / (number * number))
    return round(square) if isclose(square, round(square), rel_tol=1e-9) else 0
