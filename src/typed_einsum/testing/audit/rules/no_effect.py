"""TE717: a softmax, a mask or a reduction without effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from typed_einsum.tensors import dtype_of, shape_of
from typed_einsum.testing.audit.dimensions import (
    WRITTEN_ONE,
    Dimension,
    TrackedAxes,
    shown,
    shown_all,
    size_of,
)
from typed_einsum.testing.audit.facts import Facts, Masked, MaskPart, OneChoice, Penalty
from typed_einsum.testing.audit.findings import Flaw, SourceLine, error
from typed_einsum.testing.audit.operations import Operation
from typed_einsum.testing.audit.rules.registry import rule
from typed_einsum.testing.audit.vocabulary import PERMUTES, POINTWISE, REDUCTIONS, SOFTMAXES, VIEWS

JOINTS = {"bitwise_and", "bitwise_or", "logical_and", "logical_or"}
FAR_BELOW = -1e3
"""A number below this, in a mask or under it, is meant as minus infinity."""


@rule("TE717")
def without_effect(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """A softmax over one entry, a reduction of a number, a mask that does not vary along the softmax."""
    if not operation.tensors:
        return
    dim = operation.option("dim", 1)
    own = tracked.of(operation.tensors[0])
    if operation.name == "scaled_dot_product_attention":
        yield from _attended(operation, tracked, facts)
    elif operation.name in SOFTMAXES:
        if isinstance(dim, int) and -len(own) <= dim < len(own):
            yield from _over_one(operation, dim % len(own), tracked)
            yield from _masked_elsewhere(operation, dim % len(own), tracked, facts)
    elif operation.name in ("argmax", "argmin") and own:
        choice = OneChoice(operation.line)
        if not _is_one(own, dim):
            facts.clear(choice)  # in a loop, the last round may have one left
            return
        message = f"`{operation.name}` of {shown_all(own)} chooses among one entry: the result is always 0; "
        flaw = error(f"{message}take the axis of the choices", operation.line)
        facts.suspect(choice, "TE717", flaw)
    elif operation.name in REDUCTIONS and not shape_of(operation.tensors[0]) and isinstance(dim, int):
        yield error(
            f"`{operation.name}` over axis {dim} of a number changes nothing: all axes were reduced "
            "before; say there which ones",
            operation.line,
        )
    else:
        _note_masks(operation, facts)


def _is_one(own: Sequence[Dimension], dim: Any) -> bool:
    """Whether the axis of an argmax, or all of them, has one entry in the data."""
    if isinstance(dim, int):
        return -len(own) <= dim < len(own) and own[dim] == WRITTEN_ONE
    return dim is None and WRITTEN_ONE in own and all(size_of(each) == 1 for each in own)


def _over_one(operation: Operation, axis: int, tracked: TrackedAxes) -> Iterator[Flaw]:
    """`softmax(x @ w, dim=1)` of a column is 1 everywhere."""
    own = tracked.of(operation.tensors[0])
    if own[axis] == WRITTEN_ONE:
        value = "0" if operation.name == "log_softmax" else "1"
        yield error(
            f"a {operation.name} over axis {axis} of {shown_all(own)}, which has one entry: the result is "
            f"{value} everywhere; take the axis of the choices",
            operation.line,
        )


def _note_masks(operation: Operation, facts: Facts) -> None:
    tensors, name = operation.tensors, operation.name
    if name == "masked_fill" and len(tensors) == 2 and _is_far(operation.option("value", 2)):
        _carry(operation, facts)
        facts.add(operation.results, *_masks(tensors[1], tensors[0], operation.line, facts))
    elif name in JOINTS and len(tensors) == 2:
        facts.add(operation.results, *(part for each in tensors for part in _parts(each, operation, facts)))
    elif name in ("bitwise_not", "logical_not"):
        facts.add(operation.results, *facts.of(MaskPart, tensors))
    elif name == "mul" and len(tensors) == 1 and any(map(_is_far, operation.arguments)):
        facts.add(operation.results, Penalty())
    elif name == "add" and len(tensors) == 2:
        _carry(operation, facts)
        for mask, scores in (tensors, tensors[::-1]):
            if facts.of(Penalty, [mask]):
                facts.add(operation.results, Masked(_varies(mask, scores), operation.line))
    elif name in PERMUTES | VIEWS | {"__getitem__"}:
        facts.add(operation.results, *facts.of(Penalty, tensors[:1]))
    elif name in POINTWISE:
        _carry(operation, facts)


def _carry(operation: Operation, facts: Facts) -> None:
    first = operation.tensors[:1]
    if first and operation.results and shape_of(first[0]) == shape_of(operation.results[0]):
        facts.add(operation.results, *facts.of(Masked, first), *facts.of(Penalty, first))


def _parts(mask: Tensor, operation: Operation, facts: Facts) -> list[MaskPart]:
    """The masks of which one is made, as they lie in what they are joined to."""
    rank = len(shape_of(operation.results[0]))
    found = facts.of(MaskPart, [mask]) or [MaskPart(_varies(mask, mask), operation.line)]
    return [replace(part, varies=_lead(rank, part.varies)) for part in found]


def _masks(mask: Tensor, scores: Tensor, line: SourceLine, facts: Facts) -> list[Masked]:
    """A mask of scores; of one that was joined of several, each of them."""
    rank = len(shape_of(scores))
    found = facts.of(MaskPart, [mask])
    if found:
        return [Masked(_lead(rank, part.varies), part.line) for part in found]
    return [Masked(_varies(mask, scores), line)]


def _lead(rank: int, varies: tuple[bool, ...]) -> tuple[bool, ...]:
    return (*[False] * (rank - len(varies)), *varies)


def _is_far(value: Any) -> bool:
    return isinstance(value, int | float) and value <= FAR_BELOW


def _varies(mask: Tensor, scores: Tensor) -> tuple[bool, ...]:
    """Whether a mask differs along each axis of the scores; an expanded axis holds one entry."""
    rank, shape = len(shape_of(scores)), shape_of(mask)
    own = [size > 1 and mask.stride(axis) != 0 for axis, size in enumerate(shape)]
    return tuple([False] * (rank - len(own)) + own)


def _attended(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """The mask of `scaled_dot_product_attention`, of which the last axis is that of the keys."""
    query, key, mask = (
        operation.option(name, at) for at, name in ((0, "query"), (1, "key"), (3, "attn_mask"))
    )
    if isinstance(mask, Tensor) and dtype_of(mask) == torch.bool and isinstance(query, Tensor):
        own = (*tracked.of(query)[:-1], tracked.of(key)[-2])
        masks = [Masked(_lead(len(own), each.varies), each.line) for each in facts.of(MaskPart, [mask])]
        alone = Masked(_lead(len(own), _varies(mask, mask)), operation.line)
        yield from _along_queries(masks or [alone], own, len(own) - 1)


def _masked_elsewhere(operation: Operation, dim: int, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """A padding mask that varies along the queries instead of the keys."""
    tensor = operation.tensors[0]
    yield from _along_queries(facts.of(Masked, [tensor]), tracked.of(tensor), dim)


def _along_queries(masks: Sequence[Masked], own: Sequence[Dimension], dim: int) -> Iterator[Flaw]:
    over = own[dim]
    twins = [axis for axis, each in enumerate(own) if axis != dim and shown(each) == shown(over) != "1"]
    for mask in masks:
        if len(mask.varies) != len(own) or mask.varies[dim] or not any(mask.varies[axis] for axis in twins):
            continue
        if any(other.varies[dim] and _covers(other, mask, [dim, *twins]) for other in masks):
            continue
        yield error(
            f"a mask varies along axis {twins[0]} of {shown_all(own)}, and the softmax is over axis "
            f"{dim}: it masks whole rows, and no `{shown(over)}` within a row; let it vary along axis "
            f"{dim}",
            mask.line,
        )


def _covers(other: Masked, mask: Masked, roles: list[int]) -> bool:
    """Whether another mask depends on all that this one does, such as the sample, besides the two roles."""
    return all(
        there or not here or axis in roles
        for axis, (here, there) in enumerate(zip(mask.varies, other.varies, strict=True))
    )
