"""Part of TE704: what a reduction leaves of a square, along the axis that was reduced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit.facts import Facts
from typed_einsum.testing.audit.findings import Flaw, advice, error
from typed_einsum.testing.audit.operations import Operation, reduced_axes
from typed_einsum.testing.audit.places import Aligned, Left
from typed_einsum.testing.audit.rules.ordering import origin_of
from typed_einsum.testing.audit.vocabulary import POINTWISE, REDUCTIONS

ENTRYWISE = POINTWISE | {"rsqrt", "reciprocal", "log1p", "expm1", "nan_to_num", "clamp_min"}
SCALES = {"sub", "div", "mul"}


def along_the_reduced(operation: Operation, facts: Facts, code: str) -> Iterator[Flaw]:
    """`x / x.sum(0)[:, None]` of a square: each row is divided by the sum of a column."""
    tensors = operation.tensors
    if not tensors or not operation.results:
        return
    if operation.name in SCALES and len(tensors) == 2:
        wrong = list(_own_reduction(operation, facts)) if operation.name != "mul" else []
        yield from wrong
        if not wrong:
            _met(operation, facts, code)
    elif operation.name in REDUCTIONS:
        _note(operation, facts)
    elif len(tensors) == 1:
        _carry(operation, facts)


def _own_reduction(operation: Operation, facts: Facts) -> Iterator[Flaw]:
    """`x / x.sum(1)` of a square: the result of a reduction is aligned with the last axes."""
    tensor, short = operation.tensors
    shape = shape_of(tensor)
    for fact in facts.of(Left, [short]):
        if fact.origin is not origin_of(tensor, facts) or fact.over == 0 or None in fact.axes:
            continue
        if len(fact.axes) == len(shape) - 1 and shape[fact.over] > 1:
            yield error(
                f"without keepdim=True this reduction over axis {fact.over} is broadcast along axis "
                f"{fact.over} again, and not along axis {fact.over - 1}: say keepdim=True",
                operation.line,
            )


def _note(operation: Operation, facts: Facts) -> None:
    source, axes = operation.tensors[0], reduced_axes(operation)
    rank = len(shape_of(source))
    if axes is not None and len(axes) == 1 < rank != len(shape_of(operation.results[0])):
        left = tuple(axis for axis in range(rank) if axis not in axes)
        facts.add(operation.results[:1], Left(origin_of(source, facts), axes[0], left))


def _carry(operation: Operation, facts: Facts) -> None:
    """Through what changes entries alone, and through axes of one entry that are put beside others."""
    for fact in facts.of(Left, operation.tensors):
        axes: list[int | None] = list(fact.axes)
        if operation.name == "unsqueeze":
            at = operation.option("dim", 1)
            axes.insert(at % (len(axes) + 1), None)
        elif operation.name == "__getitem__":
            key = operation.arguments[1]
            items = key if isinstance(key, tuple) else (key,)
            if not all(item is None or (type(item) is slice and item == slice(None)) for item in items):
                continue  # what is not of Python, such as an array, has an `==` of its own
            own = iter(axes)
            axes = [None if item is None else next(own) for item in items] + list(own)
        elif operation.name not in ENTRYWISE:
            continue
        facts.add(operation.results, replace(fact, axes=tuple(axes)))


def _met(operation: Operation, facts: Facts, code: str) -> None:
    """Once along the axis that is left, as in `d[:, None] * x * d`, the others may be meant."""
    for tensor, short in (operation.tensors, operation.tensors[::-1]):
        shape = shape_of(tensor)
        for fact in facts.of(Left, [short]):
            rank = 1 + len(fact.axes) - fact.axes.count(None)
            if fact.origin is not origin_of(tensor, facts) or rank != len(shape):
                continue
            places = dict(enumerate(fact.axes, len(shape) - len(fact.axes)))
            left, key = places.get(fact.over), Aligned(fact.origin, fact.over)
            if left is None:
                facts.clear(key)
            elif shape[fact.over] > 1:
                text = (
                    f"a reduction over axis {fact.over} is used along axis {fact.over} of what it was "
                    f"computed from, and not along axis {left}: only for a symmetric matrix is that the same"
                )
                facts.suspect(key, code, advice(text, operation.line))
