"""Sizes that would have let a failed call go on: what only the body of a function knows of its input.

`x.view(b, heads, t, -1)` needs an axis to be divisible, `split([c, k, k])` needs one to be a sum, and a layer
needs as many features as its weight has. When such a call fails, its own arguments say which size the axis
must have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import gcd, prod
from typing import Any

from torch import Tensor
from torch.nn import Parameter

from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit.dimensions import Dimension, Factor, TrackedAxes
from typed_einsum.testing.audit.operations import Operation, letters_of
from typed_einsum.testing.audit.vocabulary import POINTWISE


@dataclass(frozen=True)
class Repair:
    """The axis `name` must have this size, or one divisible by it.

    `held` is the size of a tensor that has no name, such as what a module keeps. Of a function alone it says
    that the annotation allows too much, of a module how large the module is.
    """

    name: str
    size: int
    exact: bool
    held: bool = False


def repair_for(operation: Operation, tracked: TrackedAxes) -> Iterator[Repair]:
    """The sizes that a failed call asks for."""
    if not operation.tensors:
        return
    source = tracked.of(operation.tensors[0])
    match operation.name:
        case "view" | "reshape":
            yield from _reshape(
                source, _sizes(operation.arguments[1:], operation.options.get("shape")), tracked
            )
        case "unflatten":
            dim, sizes = operation.option("dim", 1), operation.option("sizes", 2)
            if isinstance(dim, int) and isinstance(sizes, list | tuple) and -len(source) <= dim < len(source):
                yield from _reshape((source[dim],), list(sizes), tracked)
        case "split" | "split_with_sizes":
            sizes = operation.option("split_size_or_sections", 1, operation.options.get("split_size"))
            dim = operation.option("dim", 2, 0)
            if isinstance(sizes, list | tuple) and isinstance(dim, int) and -len(source) <= dim < len(source):
                yield from _whole(source[dim], sum(sizes), exact=True)
        case name if name in FEATURES:
            yield from _layer(operation, source)
            yield from _features_held(operation, tracked)
        case "addmm" | "baddbmm" if len(operation.tensors) == 3:
            left, right = (tracked.of(tensor) for tensor in operation.tensors[1:])
            yield from _held(left[-1], right[-2])
        case "einsum" if (letters := letters_of(operation)) is not None:
            met: dict[str, Dimension] = {}
            for operand, tensor in zip(letters[0], operation.tensors, strict=True):
                for letter, dimension in zip(operand, tracked.of(tensor), strict=True):
                    yield from _held(met.setdefault(letter, dimension), dimension)
        case "cdist" if len(operation.tensors) > 1:
            yield from _held(source[-1], tracked.of(operation.tensors[1])[-1])
        case name if name in POINTWISE:
            for one, other in combinations([tracked.of(tensor) for tensor in operation.tensors[:3]], 2):
                for pair in zip(reversed(one), reversed(other), strict=False):
                    yield from _held(*pair)
        case _:
            return


FEATURES = {
    **{"linear": (-1, 1), "matmul": (-1, -2)},
    **{"conv1d": (-2, 1), "conv2d": (-3, 1), "conv3d": (-4, 1)},
    **{"layer_norm": (-1, -1), "rms_norm": (-1, -1), "batch_norm": (1, 0)},
}
"""Where a layer has its features: in the input, and in the parameter that must have as many."""


_TOLD = re.compile(
    r"xpect\w*\D*(?P<wanted>\d+)\D+got \D*(?P<given>\d+)|got (?P<has>\d+) expected (?P<needs>\d+)"
)


def told_by(error: Exception, sizes: Mapping[str, int]) -> Iterator[Repair]:
    """What a layer says that refuses an input itself: `Expected 5, got 17`, where one axis is 17."""
    found = _TOLD.search(str(error))
    if found is None:
        return
    wanted, given = (
        int(found[one] or found[other]) for one, other in (("wanted", "needs"), ("given", "has"))
    )
    names = [name for name, size in sizes.items() if size == given]
    if len(names) == 1 and wanted > 1:
        yield Repair(names[0], wanted, exact=True, held=True)


def _layer(operation: Operation, source: Sequence[Dimension]) -> Iterator[Repair]:
    """As many features as the first parameter has."""
    here, there = FEATURES[operation.name]
    parameter: Tensor | None = next((each for each in operation.tensors if isinstance(each, Parameter)), None)
    if parameter is None or operation.tensors[0] is parameter:
        return
    shape = shape_of(parameter)
    if -len(source) <= here < len(source) and -len(shape) <= there < len(shape):
        groups = operation.option("groups", 6, 1) if operation.name.startswith("conv") else 1
        yield from _whole(source[here], shape[there] * groups, exact=True)


def _features_held(operation: Operation, tracked: TrackedAxes) -> Iterator[Repair]:
    """As many features as a tensor has that was made of parameters, such as normalised weights."""
    here, there = FEATURES[operation.name]
    if len(operation.tensors) < 2:
        return
    source, weight = (tracked.of(tensor) for tensor in operation.tensors[:2])
    if -len(source) <= here < len(source) and -len(weight) <= there < len(weight):
        yield from _held(source[here], weight[there])


def _held(one: Dimension, other: Dimension) -> Iterator[Repair]:
    """Where a named axis meets a size without a name, it must have that size."""
    for named, held in ((one, other), (other, one)):
        if len(held) == 1 and not held[0].named:
            yield from (
                Repair(found.name, found.size, True, held=True)
                for found in _whole(named, held[0].size, exact=True)
            )


def _sizes(arguments: Sequence[Any], named: Any) -> list[int]:
    given = arguments or ([] if named is None else [named])
    if len(given) == 1 and isinstance(given[0], list | tuple):
        given = given[0]
    return [int(size) for size in given if isinstance(size, int)]


def _reshape(source: Sequence[Dimension], sizes: list[int], tracked: TrackedAxes) -> Iterator[Repair]:
    """Cancel what both sides have; the axis that is left must hold what is left of the target.

    That may be a multiple of a named axis, such as the three times `e` of a fused projection.
    """
    left = [factor for dimension in source for factor in dimension]
    rest: list[int] = []
    for size in sizes:
        match = next((factor for factor in left if factor.size == size), None)
        if match is not None:
            left.remove(match)
        elif size != 1:
            rest.append(size)
    if len(left) > 1 and rest and rest[0] > 1:
        yield from _whole(left[:1], rest[0], exact=False)  # groups are taken from the first axis
    if len(left) != 1 or not rest:
        return
    needed = prod(size for size in rest if size > 0)
    if left[0].named:
        yield from _whole(left, needed, exact=-1 not in rest)
    elif (axis := tracked.divisor_of(left[0].size)) is not None:
        yield from _whole((axis,), needed // gcd(needed, left[0].size // axis.size), exact=False)


def _whole(dimension: Sequence[Factor], size: int, *, exact: bool) -> Iterator[Repair]:
    if len(dimension) == 1 and dimension[0].named and dimension[0].whole is None and size > 1:
        yield Repair(dimension[0].axis, size, exact)
