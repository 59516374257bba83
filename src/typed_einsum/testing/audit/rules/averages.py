"""Part of TE743: sums over one axis that are divided by the size of another one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from torch.nn import Parameter

from typed_einsum.testing.audit.dimensions import Dimension, TrackedAxes, is_named
from typed_einsum.testing.audit.facts import Facts
from typed_einsum.testing.audit.findings import Flaw, advice, error
from typed_einsum.testing.audit.operations import Operation, letters_of, reduced_axes, summed_axes
from typed_einsum.testing.audit.places import Added, OverCount
from typed_einsum.testing.audit.vocabulary import LAYOUTS, MATMULS, POINTWISE

LINEAR = LAYOUTS | {"diag", "diagonal", "add", "sub", "mul", "div", "neg"}
"""What a factor can be taken out of."""


def over_another_count(operation: Operation, tracked: TrackedAxes, facts: Facts, code: str) -> Iterator[Flaw]:
    """`x.sum(-1) / b` of (b, k): no mean over `k`; right if the sum over `b` follows."""
    name, tensors, results = operation.name, operation.tensors, operation.results
    if not tensors or not results:
        return
    over, averaged = _new(operation, tracked)
    if over is None:
        return
    known = facts.of(Added, tensors)
    for fact in facts.of(OverCount, tensors):
        if fact.axis in over and fact.axis in averaged:
            facts.clear(fact)
            yield error(
                f"a sum over {fact.over} is divided by the size of `{fact.axis}`, and the mean over "
                f"`{fact.axis}` divides by that again: divide by the size of what was summed",
                fact.line,
            )
        elif fact.axis in over:
            facts.clear(fact)
        elif name in LINEAR | MATMULS | {"sum", "mean", "einsum"}:
            facts.add(results, fact)
    averaged |= frozenset().union(*(fact.averaged for fact in known)) - over
    over = over.union(*(fact.over for fact in known))
    if name == "div" and len(tensors) == 1 and known:
        averaged |= _divide(operation, over, averaged, tracked, facts, code)
    if over:
        facts.add(results, Added(over, averaged))


def _new(operation: Operation, tracked: TrackedAxes) -> tuple[frozenset[str] | None, frozenset[str]]:
    """The axes that an operation sums, and those that it averages; None where that is not known."""
    name, tensors = operation.name, operation.tensors
    nothing: frozenset[str] = frozenset()
    if name in ("sum", "mean"):
        own, axes = tracked.of(tensors[0]), reduced_axes(operation)
        names = None if axes is None else _names(own[axis] for axis in axes)
        return names, (names or nothing) if name == "mean" else nothing
    if name in {*MATMULS, "einsum"} and len(tensors) == 2:
        if any(isinstance(each, Parameter) for each in tensors) or (
            name == "einsum" and not letters_of(operation)
        ):
            return None, nothing
        return _names(summed_axes(operation, 0, tracked)), nothing
    return (nothing if name in POINTWISE | LINEAR else None), nothing


def _names(dimensions: Iterable[Dimension]) -> frozenset[str] | None:
    """The names of axes; None if one has none."""
    found = [each for each in dimensions if each]
    return frozenset(factor.axis for each in found for factor in each) if all(map(is_named, found)) else None


def _divide(
    operation: Operation,
    over: frozenset[str],
    averaged: frozenset[str],
    tracked: TrackedAxes,
    facts: Facts,
    code: str,
) -> frozenset[str]:
    """Suspect a division by the size of an axis that was not summed; which axes it averages."""
    by: Any = operation.option("other", 1)
    if type(by) is not int:
        return frozenset()
    name = tracked.name_of_size(by) or tracked.name_of_size(by + 1)
    left = over - averaged
    if name and left and name not in left:
        summed = ", ".join(f"`{each}`" for each in sorted(left))
        fact = OverCount(name, summed, operation.line)
        facts.add(operation.results, fact)
        text = (
            f"a sum over {summed} is divided by the size of `{name}`: is the size of what was summed meant?"
        )
        facts.suspect(fact, code, advice(text, operation.line))
    return frozenset({name}) & over
