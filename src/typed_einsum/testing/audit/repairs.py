"""Sizes that would have let a failed call go on: what only the body of a function knows of its input.

`x.view(b, heads, t, -1)` needs an axis to be divisible, `split([c, k, k])` needs one to be a sum. When such
a call fails, its own arguments say which size the axis must have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from typed_einsum.testing.audit.labels import Label, Labels
from typed_einsum.testing.audit.operations import Operation


@dataclass(frozen=True)
class Repair:
    """The axis `name` must have this size, or one divisible by it."""

    name: str
    size: int
    exact: bool


def repair_for(operation: Operation, labels: Labels) -> Iterator[Repair]:
    """The sizes that a failed call asks for."""
    if not operation.tensors:
        return
    source = labels.of(operation.tensors[0])
    match operation.name:
        case "view" | "reshape":
            yield from _reshape(source, _sizes(operation.arguments[1:], operation.options.get("shape")))
        case "unflatten":
            dim, sizes = operation.option("dim", 1), operation.option("sizes", 2)
            if isinstance(dim, int) and isinstance(sizes, list | tuple) and -len(source) <= dim < len(source):
                yield from _reshape((source[dim],), list(sizes))
        case "split" | "split_with_sizes":
            sizes = operation.option("split_size_or_sections", 1, operation.options.get("split_size"))
            dim = operation.option("dim", 2, 0)
            if isinstance(sizes, list | tuple) and isinstance(dim, int) and -len(source) <= dim < len(source):
                yield from _whole(source[dim], sum(sizes), exact=True)
        case _:
            return


def _sizes(arguments: Sequence[Any], named: Any) -> list[int]:
    given = arguments or ([] if named is None else [named])
    if len(given) == 1 and isinstance(given[0], list | tuple):
        given = given[0]
    return [int(size) for size in given if isinstance(size, int)]


def _reshape(source: Sequence[Label], sizes: list[int]) -> Iterator[Repair]:
    """Cancel what both sides have; the axis that is left must hold what is left of the target."""
    left = [part for label in source for part in label]
    rest: list[int] = []
    for size in sizes:
        match = next((part for part in left if part.size == size), None)
        if match is not None:
            left.remove(match)
        elif size != 1:
            rest.append(size)
    if len(left) == 1 and left[0].named and rest:
        needed = prod(size for size in rest if size > 0)
        yield from _whole((left[0],), needed, exact=-1 not in rest)


def _whole(label: Label, size: int, *, exact: bool) -> Iterator[Repair]:
    if len(label) == 1 and label[0].named and label[0].whole is None and size > 1:
        yield Repair(label[0].axis, size, exact)
