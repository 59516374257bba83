"""TE745: entries that a mask has set to zero, and that count in a softmax, a mean or a maximum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod
from typing import Any

import torch
from torch import Tensor

from typed_einsum.tensors import dtype_of, shape_of
from typed_einsum.testing.audit.dimensions import TrackedAxes, shown
from typed_einsum.testing.audit.facts import Coordinates, Facts
from typed_einsum.testing.audit.findings import Flaw, advice, error
from typed_einsum.testing.audit.masks import (
    AtLeastZero,
    CountsZeros,
    Drawn,
    Keep,
    KeptCount,
    MaskedSum,
    OwnTruth,
    Zeroed,
)
from typed_einsum.testing.audit.operations import Operation, reduced_axes
from typed_einsum.testing.audit.rules.registry import rule
from typed_einsum.testing.audit.vocabulary import CASTS, COMPARISONS, COPIES, LAYOUTS, POINTWISE

CODE = "TE745"
SAME = LAYOUTS | {"repeat", "bool"}
JOINTS = {"bitwise_and", "bitwise_or", "bitwise_not", "logical_and", "logical_or", "logical_not"}
KEEP_ZERO = CASTS | COPIES | {"mul", "div", "neg", "abs", "square", "sqrt", "relu", "nan_to_num"}
"""What leaves a zero where one was."""

SOFT = {"softmax", "log_softmax", "logsumexp"}
AVERAGES = {"mean", "std", "var", "median"}
MEANS = {"sum", "mean", "div"}
HIGHEST = {"amax", "max", "argmax", "topk"}
LOWEST = {"amin", "min", "argmin"}
NOT_NEGATIVE = {
    *(
        "relu",
        "sigmoid",
        "softmax",
        "abs",
        "square",
        "exp",
        "norm",
        "cdist",
        "softplus",
        "var",
        "std",
        "one_hot",
    ),
    *("cross_entropy", "nll_loss", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "rand", "ones"),
    *("binary_cross_entropy_with_logits", "binary_cross_entropy", "pairwise_distance", "sqrt"),
}
STAYS_SO = SAME | {
    "sum",
    "mean",
    "amax",
    "amin",
    "max",
    "min",
    "add",
    "mul",
    "div",
    "clamp",
    "stack",
    "cat",
}
RANDOM = {"rand", "rand_like", "randint", "randint_like", "randperm", "bernoulli", "random", "multinomial"}
DRAWN = Drawn()
COUNTING = {"sum", "mean", "clamp", "clamp_min", "maximum", "add", "count_nonzero", "sqrt"} | SAME


@rule(CODE)
def zeroed(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """`(scores * keep).softmax(-1)`: a score of 0 is no score of nothing."""
    tensors = operation.tensors
    if not operation.results:
        return
    if tensors:
        _clear(operation, facts)
        _reduce(operation, tracked, facts)
        _zero(operation, facts)
    _note_masks(operation, facts)
    _note_signs(operation, facts)
    yield from ()


def is_mask(tensor: Any, facts: Facts) -> bool:
    """Whether this is a mask that was passed in, or was made of one, or of positions and lengths."""
    if not isinstance(tensor, Tensor):
        return False
    unknown = dtype_of(tensor) == torch.bool and not facts.of(OwnTruth, [tensor])
    return unknown or bool(facts.of(Keep, [tensor]))


def _note_masks(operation: Operation, facts: Facts) -> None:
    """Truths are masks where positions are compared, or whole numbers with a number for the padding."""
    name, tensors = operation.name, operation.tensors
    masks = [is_mask(tensor, facts) for tensor in tensors]
    is_kept = name in SAME | JOINTS | {"mul"} and any(masks) and all(masks)
    is_opposite = name == "sub" and masks == [True] and _is(operation.arguments[0], 1)
    counts = [bool(facts.of(Coordinates, [tensor])) for tensor in tensors]
    compared = name in COMPARISONS and len(tensors) == 2 and sorted(counts) == [False, True]
    drawn = name in RANDOM or (tensors and all(facts.of(Drawn, [tensor]) for tensor in tensors))
    facts.add(operation.results, *([DRAWN] if drawn else ()))
    padding = name == "ne" and len(tensors) == 1 and not dtype_of(tensors[0]).is_floating_point
    triangle = name in ("tril", "triu") and dtype_of(operation.results[0]) == torch.bool
    if is_kept or is_opposite or compared or ((padding or triangle) and not drawn):
        facts.add(operation.results, Keep())
        return
    facts.add([each for each in operation.results if dtype_of(each) == torch.bool], OwnTruth())
    if name in COUNTING and tensors and (any(masks) or facts.of(KeptCount, tensors)):
        facts.add(operation.results, KeptCount())


def _is(value: Any, number: int) -> bool:
    return type(value) in (int, float) and bool(value == number)


def _note_signs(operation: Operation, facts: Facts) -> None:
    """Whether all numbers of a result are at least 0, for all that its operation says."""
    name, tensors = operation.name, operation.tensors
    even = name == "pow" and _is(operation.option("exponent", 1), 2)
    low = operation.option("min", 1) if name == "clamp" else None
    bounded = isinstance(low, int | float) and low >= 0
    stays = name in STAYS_SO and tensors and all(_is_at_least_zero(each, facts) for each in tensors)
    if name in NOT_NEGATIVE or even or bounded or stays:
        facts.add(operation.results, AtLeastZero())


def _is_at_least_zero(tensor: Tensor, facts: Facts) -> bool:
    return dtype_of(tensor) == torch.bool or bool(facts.of(AtLeastZero, [tensor]) or facts.of(Keep, [tensor]))


def _zero(operation: Operation, facts: Facts) -> None:
    """What `x * mask`, `x.masked_fill(mask, 0)` and `where(mask, x, 0)` set to zero; and what keeps zeros."""
    result = operation.results[0]
    rank = len(shape_of(result))
    for mask, other in _masked(operation):
        if is_mask(mask, facts) and not is_mask(other, facts) and dtype_of(other).is_floating_point:
            facts.add([result], Zeroed(_varies(mask, rank), operation.line))
    if operation.name in KEEP_ZERO:
        found = [fact for fact in facts.of(Zeroed, operation.tensors) if len(fact.varies) == rank]
        facts.add([result], *(replace(fact, raised=fact.raised or _raises(operation)) for fact in found))


def _raises(operation: Operation) -> bool:
    """Whether an operation multiplies with a number above 1, as `/ (1 - p)` of dropout does."""
    if len(operation.tensors) != 1 or operation.name not in ("mul", "div"):
        return False
    by = next((each for each in operation.arguments if type(each) in (int, float)), 1)
    return bool(by > 1 if operation.name == "mul" else 0 < by < 1)


def _masked(operation: Operation) -> Iterator[tuple[Tensor, Tensor]]:
    """What may be a mask, and what it sets to zero."""
    match operation.name, operation.tensors:
        case "mul", [one, other]:
            yield from ((one, other), (other, one))
        case "masked_fill", [tensor, mask] if _is(operation.option("value", 2), 0):
            yield mask, tensor
        case "where", [mask, tensor] if _is(operation.option("other", 2), 0):
            yield mask, tensor


def _varies(mask: Tensor, rank: int) -> tuple[bool, ...]:
    """Whether a mask differs along each axis of what it is multiplied with."""
    own = [size > 1 and mask.stride(axis) != 0 for axis, size in enumerate(shape_of(mask))]
    return tuple([False] * (rank - len(own)) + own)


def _clear(operation: Operation, facts: Facts) -> None:
    """Weights that are masked again are right, and so is a mean that is divided by the part that is kept."""
    name, tensors = operation.name, operation.tensors
    found = facts.of(CountsZeros, tensors)
    is_masked = name in ("mul", "masked_fill", "where") and any(is_mask(each, facts) for each in tensors)
    is_divided = name == "div" and len(tensors) == 2 and bool(facts.of(KeptCount, tensors[1:]))
    is_raised = name == "div" and _raises(operation)
    cleared = [fact for fact in found if is_masked or is_divided or (is_raised and fact.name in MEANS)]
    for fact in cleared:
        facts.clear(fact)
    if name in POINTWISE | SAME | {"sum", "mean", "dropout"}:
        facts.add(operation.results, *(fact for fact in found if fact not in cleared))
    if name in POINTWISE | SAME | {"sum", "mean"} and not is_divided:
        facts.add(operation.results, *facts.of(MaskedSum, tensors[:1]))


def _reduce(operation: Operation, tracked: TrackedAxes, facts: Facts) -> None:
    """Where zeros count: as scores, as entries of a mean, as the highest number or the lowest."""
    name, tensors = operation.name, operation.tensors
    if name == "div" and len(tensors) == 1:
        _divide(operation, facts)
        return
    if name not in SOFT | AVERAGES | HIGHEST | LOWEST | {"sum"} or not shape_of(tensors[0]):
        return
    for fact in facts.of(Zeroed, tensors[:1]):
        over = [axis for axis in _axes(operation) if axis < len(fact.varies)]
        masked = [axis for axis in over if fact.varies[axis]]
        if fact.raised and name in MEANS:
            continue  # the mask of a dropout: the mean is that of all entries, on average
        if not masked:
            left = tuple(each for axis, each in enumerate(fact.varies) if axis not in over)
            facts.add(operation.results[:1], *([Zeroed(left, fact.line)] if name in ("sum", "mean") else ()))
        elif name == "sum":
            entries = prod(shape_of(tensors[0])[axis] for axis in over)
            facts.add(operation.results, MaskedSum(entries, operation.line))
        elif name in HIGHEST and _is_at_least_zero(tensors[0], facts):
            continue
        elif name in AVERAGES and masked == [0] == [at for at, each in enumerate(fact.varies) if each]:
            continue  # whole samples that are left out, by a loss that goes on counting them
        else:
            axes = ", ".join(f"`{shown(tracked.of(tensors[0])[axis])}`" for axis in masked)
            _suspect(operation, axes, facts)


def _axes(operation: Operation) -> tuple[int, ...]:
    """The axes over which an operation goes."""
    if operation.name in SOFT | {"topk"}:
        rank = len(shape_of(operation.tensors[0]))
        dim = operation.option("dim", 2 if operation.name == "topk" else 1, -1)
        return (dim % rank,) if isinstance(dim, int) else ()
    return reduced_axes(operation) or ()


def _divide(operation: Operation, facts: Facts) -> None:
    by = operation.option("other", 1)
    for fact in facts.of(MaskedSum, operation.tensors):
        if fact.entries == by:
            _suspect(operation, "all entries", facts)


def _suspect(operation: Operation, axes: str, facts: Facts) -> None:
    name = operation.name
    fact = CountsZeros(name, operation.line)
    facts.add(operation.results, fact)
    if name in SOFT:
        text = (
            f"a {name} over {axes} of scores that a mask has set to 0: a score of 0 has a weight like any "
            "other; fill masked scores with -inf"
        )
        facts.suspect(fact, CODE, error(text, operation.line))
    elif name in HIGHEST | LOWEST:
        which, fill = ("highest", "-inf") if name in HIGHEST else ("lowest", "inf")
        text = (
            f"`{name}` over {axes} of entries that a mask has set to 0: 0 may be the {which} number; fill "
            f"masked entries with {fill}"
        )
        facts.suspect(fact, CODE, advice(text, operation.line))
    else:
        text = (
            f"a mean over {axes} counts entries that a mask has set to 0: divide the sum by the number of "
            "entries that are kept"
        )
        facts.suspect(fact, CODE, advice(text, operation.line))
