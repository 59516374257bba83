"""TE707: precision lost in a cast, to a lower dtype and back, or to whole numbers."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from typed_einsum.tensors import dtype_of, short
from typed_einsum.testing.audit.dimensions import TrackedAxes
from typed_einsum.testing.audit.facts import Bounded, Facts, Lowered
from typed_einsum.testing.audit.findings import Flaw, error
from typed_einsum.testing.audit.operations import Operation
from typed_einsum.testing.audit.rules.registry import rule
from typed_einsum.testing.audit.vocabulary import CASTS, LAYOUTS

BOUNDED = {"sin", "cos", "tanh", "sigmoid", "softmax"}
SAME_NUMBERS = LAYOUTS | {"cat", "stack", "repeat_interleave"}
LOW = (torch.bfloat16, torch.float16)


@rule("TE707")
def lost(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """A cast after which numbers that differed are equal."""
    yield from _raised_again(operation, facts)
    yield from _made_whole(operation, facts)


def _raised_again(operation: Operation, facts: Facts) -> Iterator[Flaw]:
    """A cast down that is cast up again: the numbers in between were rounded for nothing."""
    results = [tensor for tensor in operation.results if dtype_of(tensor).is_floating_point]
    if not results:
        return
    before = [dtype_of(tensor) for tensor in operation.tensors]
    now = dtype_of(results[0])
    found = facts.of(Lowered, operation.tensors)
    if any(map(torch.is_autocast_enabled, ("cpu", "cuda"))):
        return  # the caller asks for it
    if now in LOW:
        if operation.name == "arange" or any(
            dtype.is_floating_point and dtype not in LOW for dtype in before
        ):
            found.append(Lowered(short(now), operation.line))
        facts.add(results, *dict.fromkeys(found))
    elif found and any(dtype in LOW for dtype in before):
        cast = found[0]
        yield error(
            f"precision is lost: what becomes {cast.to} here becomes {short(now)} again later, and "
            "neighbouring values are equal by then",
            cast.line,
        )


def _made_whole(operation: Operation, facts: Facts) -> Iterator[Flaw]:
    """A sine as a whole number: cast back, as to the dtype of the positions that it was computed from."""
    found, results = facts.of(Bounded, operation.tensors), operation.results
    if operation.name in BOUNDED:
        facts.add(results, Bounded(operation.name))
    elif operation.name in CASTS and found and results and _is_whole(dtype_of(results[0])):
        to = short(dtype_of(results[0]))
        yield error(
            f"`{found[0].function}` returns at most 1, and becomes {to} here: only whole numbers are left",
            operation.line,
        )
    elif found and operation.name in SAME_NUMBERS:
        facts.add(results, *dict.fromkeys(found))


def _is_whole(dtype: torch.dtype) -> bool:
    return not dtype.is_floating_point and not dtype.is_complex and dtype != torch.bool
