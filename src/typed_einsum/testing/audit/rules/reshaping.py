"""TE703: a reshape that mixes axes, and axes that two tensors have merged in different orders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit.dimensions import Dimension, Factor, TrackedAxes, shown, size_of
from typed_einsum.testing.audit.facts import Facts
from typed_einsum.testing.audit.findings import Flaw, error
from typed_einsum.testing.audit.operations import Operation, letters_of
from typed_einsum.testing.audit.reshapes import Mixed, message, mixed_up, regrouped
from typed_einsum.testing.audit.rules.registry import rule
from typed_einsum.testing.audit.vocabulary import CLASS_LOSSES, LOSSES, MATMULS, POINTWISE, VIEWS

MOST = 4
"""Tensors that meet in one operation, as far as is looked."""

PAIRED = {"cosine_embedding_loss", "margin_ranking_loss", "triplet_margin_loss", "cosine_similarity", "stack"}


@rule("TE703")
def mixed(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """`x.reshape(b, t, h * d)` of (b, h, t, d); `x.reshape(b * t)` beside `y.T.reshape(t * b)`."""
    if operation.name in VIEWS and operation.tensors and operation.results:
        before, shape = tracked.of(operation.tensors[0]), shape_of(operation.results[0])
        found = regrouped(before, shape)
        if isinstance(found, Mixed) and found.is_certain:
            yield error(message(before, mixed_up(found, before, shape, tracked), found), operation.line)
    for one, other in _meetings(operation, tracked):
        if are_ordered_otherwise(one, other):
            yield error(
                f"`{operation.name}` combines `{shown(one)}` with `{shown(other)}`: the same axes, merged "
                "in another order, so that entries are matched wrongly; permute one before its reshape",
                operation.line,
            )


def are_ordered_otherwise(one: Dimension, other: Dimension) -> bool:
    """Whether an axis that is part of both has another stride in each; twins may be symmetric."""
    if size_of(one) != size_of(other) or not (_is_distinct(one) and _is_distinct(other)):
        return False
    strides = _strides(other)
    return any(strides.get(factor, stride) != stride for factor, stride in _strides(one).items())


def _is_distinct(dimension: Dimension) -> bool:
    return len({factor.axis for factor in dimension}) == len(dimension) > 1


def _strides(dimension: Dimension) -> dict[Factor, int]:
    """How far apart the entries of each named axis are within a dimension."""
    return {
        factor: size_of(dimension[at + 1 :])
        for at, factor in enumerate(dimension)
        if factor.named and not factor.extends
    }


def _meetings(operation: Operation, tracked: TrackedAxes) -> Iterator[tuple[Dimension, Dimension]]:
    """The pairs of dimensions whose entries an operation combines one by one."""
    tensors = operation.tensors
    if len(tensors) < 2:
        return
    one, other = (tracked.of(tensor) for tensor in tensors[:2])
    match operation.name:
        case name if name in POINTWISE | LOSSES | PAIRED:
            for pair in combinations(tensors[:MOST], 2):
                yield from _from_the_right(*(tracked.of(tensor) for tensor in pair))
        case name if name in CLASS_LOSSES:
            same = len(shape_of(tensors[0])) == len(shape_of(tensors[1]))
            yield from _from_the_right(one if same else (*one[:1], *one[2:]), other)
        case name if name in MATMULS and one and other:
            yield one[-1], other[-2] if len(other) > 1 else other[-1]
            yield from _from_the_right(one[:-2], other[:-2])
        case "cat":
            along = operation.option("dim", 1, 0)
            if isinstance(along, int) and len(one) == len(other) and -len(one) <= along < len(one):
                pairs = list(zip(one, other, strict=True))
                yield from pairs[: along % len(one)] + pairs[along % len(one) + 1 :]
        case "einsum" if (letters := letters_of(operation)) is not None:
            held: dict[str, Dimension] = {}
            for operand, tensor in zip(letters[0], operation.tensors, strict=True):
                for letter, dimension in zip(operand, tracked.of(tensor), strict=True):
                    yield held.setdefault(letter, dimension), dimension
        case _:
            return


def _from_the_right(
    one: Sequence[Dimension], other: Sequence[Dimension]
) -> Iterator[tuple[Dimension, Dimension]]:
    yield from zip(reversed(one), reversed(other), strict=False)
