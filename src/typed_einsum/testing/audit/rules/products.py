"""TE732: a product of two factors, each of which is summed over an axis that the other has not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from typed_einsum.tensors import dtype_of, shape_of
from typed_einsum.testing.audit.dimensions import Dimension, TrackedAxes, is_named, shown, size_of
from typed_einsum.testing.audit.facts import Facts, OuterProduct
from typed_einsum.testing.audit.findings import Flaw, error
from typed_einsum.testing.audit.operations import Operation, reduced_axes
from typed_einsum.testing.audit.rules.registry import rule

CODE = "TE732"


@rule(CODE)
def summed_apart(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """`(x[:, None] * y).sum()` is `x.sum() * y.sum()`: nothing of `x` is matched with anything of `y`."""
    tensors = operation.tensors
    if operation.name in ("sum", "mean") and tensors:
        axes = reduced_axes(operation) or ()
        for fact in facts.of(OuterProduct, tensors[:1]):
            if set(axes) & set(fact.left) and set(axes) & set(fact.right):
                facts.suspect(fact, CODE, error(fact.message, fact.line))
    else:  # a table of all pairs that is used for more than its sum
        for fact in facts.of(OuterProduct, tensors):
            facts.clear(fact)
    if operation.name == "mul" and len(tensors) == 2 and not _may_count(tensors):
        _note(operation, tracked, facts)
    yield from ()


def _may_count(tensors: Sequence[Tensor]) -> bool:
    """Whether a product may be a mask of pairs, whose sum is a count; or the square of one tensor."""
    bases = [tensor._base if tensor._base is not None else tensor for tensor in tensors]
    return bases[0] is bases[1] or not all(dtype_of(tensor).is_floating_point for tensor in tensors)


def _note(operation: Operation, tracked: TrackedAxes, facts: Facts) -> None:
    one, other = (tracked.of(tensor) for tensor in operation.tensors)
    rank = len(shape_of(operation.results[0]))
    left, right = _alone(one, other, rank), _alone(other, one, rank)
    if left and right:
        names = [", ".join(f"`{shown(each)}`" for each in found.values()) for found in (left, right)]
        message = (
            f"a product is summed over {names[0]} of one factor and {names[1]} of the other: it is "
            "the product "
            "of two sums, and no entries are matched; give both factors the axis that is meant"
        )
        facts.add(operation.results, OuterProduct(tuple(left), tuple(right), message, operation.line))


def _alone(one: Sequence[Dimension], other: Sequence[Dimension], rank: int) -> dict[int, Dimension]:
    """The named axes that one operand has and the other has not, by their place in the result."""
    found = {}
    for back, dimension in enumerate(reversed(one), 1):
        meeting = other[-back] if back <= len(other) else ()
        if is_named(dimension) and size_of(dimension) > 1 and size_of(meeting) == 1:
            found[rank - back] = dimension
    return found
