"""TE706: weights normalised over one axis and summed over another, and unit vectors multiplied so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from torch.nn import Parameter

from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit.dimensions import (
    WRITTEN_ONE,
    Dimension,
    TrackedAxes,
    are_apart,
    shown,
    shown_all,
)
from typed_einsum.testing.audit.facts import Facts, Normalised, Reduced, Scores, Unit, Weighted
from typed_einsum.testing.audit.findings import Flaw, SourceLine, advice, error
from typed_einsum.testing.audit.operations import Operation, reduced_axes, summed_axes
from typed_einsum.testing.audit.rules.fractions import over_other_weights
from typed_einsum.testing.audit.rules.registry import rule
from typed_einsum.testing.audit.vocabulary import (
    ACTIVATIONS,
    MATMULS,
    PERMUTES,
    POINTWISE,
    SOFTMAXES,
    VIEWS,
)

CODE = "TE706"


@rule(CODE)
def over_another_axis(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """Softmax over queries where keys are summed, and the like."""
    tensors = operation.tensors
    yield from over_other_weights(operation, tracked, facts)
    match operation.name:
        case name if name in SOFTMAXES and tensors:
            _note_softmax(operation, tracked, facts)
        case name if name in {*MATMULS, "einsum"} and len(tensors) == 2:
            if not any(isinstance(tensor, Parameter) for tensor in tensors):
                _suspect_weights(operation, tracked, facts)
                facts.add(operation.results, Scores())
            yield from _cosines(operation, tracked, facts)
        case "mul" if len(tensors) == 2:
            yield from _met(operation, facts)
            _note_weighted(operation, tracked, facts)
            _carry(operation, facts)
        case "kl_div" if len(tensors) == 2:
            yield from _met(operation, facts)
        case "sum":
            yield from _summed(operation, tracked, facts)
        case "nll_loss" if len(tensors) > 1:
            yield from _picked(operation, tracked, facts, 1 if len(shape_of(tensors[0])) > 1 else 0)
        case "gather" if len(tensors) > 1:
            yield from _gathered(operation, tracked, facts)
        case "normalize" if tensors:
            dim, rank = operation.option("dim", 2, 1), len(shape_of(tensors[0]))
            if isinstance(dim, int) and -rank <= dim < rank:
                facts.add(operation.results, Unit(tracked.of(tensors[0])[dim], operation.line))
        case name if name in POINTWISE | PERMUTES | VIEWS:
            _carry(operation, facts)
            _carry_unit(operation, facts)
            _note_division(operation, facts)
        case "unbind" | "cat" | "stack" | "__getitem__" | "chunk" | "split" if tensors:
            _carry_unit_pieces(operation, facts)
        case _:
            return


def _note_softmax(operation: Operation, tracked: TrackedAxes, facts: Facts) -> None:
    tensor = operation.tensors[0]
    dim = operation.option("dim", 1)
    rank = len(shape_of(tensor))
    if isinstance(dim, int) and -rank <= dim < rank:
        over = tracked.of(tensor)[dim]
        if over == WRITTEN_ONE:  # whose weights are all 1, which has a code of its own
            return
        scores = bool(facts.of(Scores, [tensor]))
        is_log = operation.name == "log_softmax"
        facts.add(operation.results, Normalised(over, scores, is_log, operation.line, dim % rank == rank - 1))


def _note_division(operation: Operation, facts: Facts) -> None:
    """`x / x.sum(dim)`; what was divided before, by sums over another axis, is balanced in turns."""
    tensors = operation.tensors
    if operation.name != "div" or len(tensors) != 2 or facts.of(Normalised, tensors[:1]):
        return
    for fact in facts.of(Reduced, tensors[1:]):
        if fact.is_sum and fact.kept and fact.source() is tensors[0] and fact.over not in ((), WRITTEN_ONE):
            is_last = fact.axis == len(shape_of(tensors[0])) - 1
            found = Normalised(fact.over, True, False, operation.line, is_last, by_division=True)
            facts.add(operation.results, found)


def _met(operation: Operation, facts: Facts) -> Iterator[Flaw]:
    """Logarithms of weights with other weights, as in a divergence: both add up over one axis."""
    for one in facts.of(Normalised, operation.tensors[:1]):
        for other in facts.of(Normalised, operation.tensors[1:2]):
            logarithm, weights = (one, other) if one.logarithm else (other, one)
            if logarithm.logarithm and not weights.logarithm and are_apart(one.over, other.over):
                yield error(
                    f"log-probabilities over `{shown(logarithm.over)}` meet weights that are normalised over "
                    f"`{shown(weights.over)}`; both belong over one axis",
                    weights.line,
                )


def _note_weighted(operation: Operation, tracked: TrackedAxes, facts: Facts) -> None:
    for tensor in operation.tensors:
        own = tracked.of(tensor)
        for fact in facts.of(Normalised, [tensor]):
            if fact.logarithm and fact.over in own:
                facts.add(operation.results, Weighted(fact.over, own.index(fact.over) - len(own), fact.line))


def _carry(operation: Operation, facts: Facts) -> None:
    """Scores scaled or masked are scores; weights divided, or through a function, are other weights."""
    first = operation.tensors[:1]
    if not all(shape_of(tensor) == shape_of(result) for tensor in first for result in operation.results) and (
        operation.name not in PERMUTES | VIEWS
    ):
        return
    weights = facts.of(Normalised, first)
    if operation.name in ACTIVATIONS or (operation.name == "div" and len(operation.tensors) > 1):
        weights = []
    if operation.name in PERMUTES:
        weights = [replace(fact, turned=True) for fact in weights]
    if operation.name == "log":
        weights = [replace(fact, logarithm=True) for fact in weights]
    facts.add(operation.results, *facts.of(Scores, first), *facts.of(Weighted, first), *weights)


def _suspect_weights(operation: Operation, tracked: TrackedAxes, facts: Facts) -> None:
    """Weights that are mixed over another axis than their own, and not over their own one later.

    Talking heads mix weights over the heads before the sum over the keys. Weights over the last axis that
    are transposed for the sum are meant: shares, as of clusters.
    """
    for index, tensor in enumerate(operation.tensors[:2]):
        summed = summed_axes(operation, index, tracked)
        for fact in facts.of(Normalised, [tensor]):
            if not fact.of_scores or fact.logarithm or not summed:
                continue
            is_share = fact.at_end and (fact.turned or operation.name == "einsum")
            if is_share or not all(are_apart(fact.over, each) for each in summed):
                facts.clear(fact)
                continue
            message = _message(fact, summed, tracked.of(tensor))
            tell = advice if fact.by_division else error
            facts.suspect(fact, CODE, tell(message, fact.line))
            facts.add(operation.results, fact)


def _message(fact: Normalised, summed: Sequence[Dimension], own: Sequence[Dimension]) -> str:
    """Two axes of one name are told by their places."""
    over, what = fact.over, "division" if fact.by_division else "softmax"
    first, second = shown(over), ", ".join(shown(each) for each in summed)
    here = there = ""
    if first == second and over in own:
        here, there = (f", axis {own.index(each)} of {shown_all(own)}" for each in (over, summed[0]))
    return (
        f"weights are normalised over `{first}`{here}{',' * bool(here)} but summed over `{second}`{there}: "
        f"they do not add up to 1; the {what} belongs over the axis that is summed"
    )


def _summed(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """The sum of a cross entropy written out: targets times log-probabilities, over their axis."""
    axes = reduced_axes(operation)
    own = tracked.of(operation.tensors[0])
    if axes is None or len(axes) != 1:
        return
    for fact in facts.of(Weighted, operation.tensors[:1]):
        if axes[0] - len(own) != fact.at and are_apart(own[axes[0]], fact.over):
            yield _logarithms(fact.over, own[axes[0]], "summed over", fact.line)


def _logarithms(over: Dimension, used: Dimension, how: str, line: SourceLine) -> Flaw:
    return error(
        f"log-probabilities are normalised over `{shown(over)}` but {how} `{shown(used)}`; the "
        f"log_softmax belongs over `{shown(used)}`",
        line,
    )


def _picked(operation: Operation, tracked: TrackedAxes, facts: Facts, axis: int) -> Iterator[Flaw]:
    """Log-probabilities of which one is picked along an axis over which they do not add up to 1."""
    along = tracked.of(operation.tensors[0])[axis]
    for fact in facts.of(Normalised, operation.tensors[:1]):
        if fact.logarithm and are_apart(fact.over, along, twins=False):
            yield _logarithms(fact.over, along, "one is picked along", fact.line)


def _gathered(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """One class for each entry; an index repeated along an axis picks among positions, and is right."""
    tensor, index = operation.tensors[:2]
    dim, shape = operation.option("dim", 1), shape_of(tensor)
    if not isinstance(dim, int) or not -len(shape) <= dim < len(shape) or shape_of(index)[dim] != 1:
        return
    own = tracked.of(tensor)
    overs = [own.index(fact.over) for fact in facts.of(Normalised, [tensor]) if fact.over in own]
    if all(index.stride(at) and shape_of(index)[at] == shape[at] for at in overs):
        yield from _picked(operation, tracked, facts, dim)


def _carry_unit(operation: Operation, facts: Facts) -> None:
    """Unit vectors stay so when they are permuted; vectors divided by their length are such vectors."""
    tensors = operation.tensors
    if operation.name == "div" and len(tensors) == 2:
        for fact in facts.of(Reduced, tensors[1:]):
            if fact.is_norm and fact.kept and fact.source() is tensors[0]:
                facts.add(operation.results, Unit(fact.over, operation.line))
    elif len(tensors) == 1:
        facts.add(operation.results, *facts.of(Unit, tensors))
        if operation.name in POINTWISE:  # a length may be clamped before the division
            facts.add(operation.results, *facts.of(Reduced, tensors))


def _carry_unit_pieces(operation: Operation, facts: Facts) -> None:
    """Pieces of unit vectors, and what is put together of such pieces alone."""
    found = [facts.of(Unit, [tensor]) for tensor in operation.tensors]
    if operation.name in ("cat", "stack"):
        is_same = all(each == found[0] for each in found)
        facts.add(operation.results, *(found[0] if is_same else ()))
    else:
        facts.add(operation.results, *found[0])


def _cosines(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """Both operands have unit vectors, but not both along the axis that is summed."""
    units = [facts.of(Unit, [tensor]) for tensor in operation.tensors]
    if not all(units):
        return
    for index, found in enumerate(units):
        summed = summed_axes(operation, index, tracked)
        if summed and all(are_apart(fact.over, each) for fact in found for each in summed):
            over, sums = shown(found[0].over), shown(summed[0])
            yield error(
                f"vectors are normalised along `{over}` but multiplied along `{sums}`: the products are "
                f"not cosines; normalise along `{sums}`",
                found[0].line,
            )
            return
