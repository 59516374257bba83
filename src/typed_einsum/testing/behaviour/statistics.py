"""Statistics over a batch that a function takes on purpose, as batch norms and whitening do.

A mean along the batch alone, or a covariance, is deliberate, and so is its effect on the other samples. To
distinguish it from a leak, the call is replayed with the statistics of another run.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from typed_einsum.testing.audit.dimensions import Dimension, TrackedAxes
from typed_einsum.testing.audit.findings import SourceLine
from typed_einsum.testing.audit.operations import Operation, reduced_axes, summed_axes
from typed_einsum.testing.audit.vocabulary import MATMULS, REDUCTIONS
from typed_einsum.testing.behaviour.trace import replayed, steps_of
from typed_einsum.testing.calls.call import Call

ALONG = {"kthvalue", "quantile", "var_mean", "std_mean"}


def without_statistics(call: Call, name: str) -> tuple[Call, SourceLine | None]:
    """The call with its statistics over an axis held fixed, and the line of the first one.

    Samples drawn at random as partners of others are held fixed, too: mixing them is meant.
    """
    taken: dict[int, tuple[str, Any]] = {}
    lines: list[SourceLine] = []
    drawn: list[Tensor] = []

    def see(index: int, operation: Operation, tracked: TrackedAxes) -> Any:
        if operation.name == "randperm":
            drawn.extend(operation.results)
        is_sum = is_statistic(operation, tracked, name)
        if is_sum or _picks(operation, drawn):
            taken[index] = operation.name, operation.result
        if is_sum:
            lines.append(operation.line)
        return operation.result

    steps_of(call, call.arguments, see)
    return replayed(call, taken) if taken else call, lines[0] if lines else None


def _picks(operation: Operation, drawn: list[Tensor]) -> bool:
    is_pick = operation.name in ("__getitem__", "index_select")
    return is_pick and any(each is one for each in operation.tensors[1:] for one in drawn)


def is_statistic(operation: Operation, tracked: TrackedAxes, name: str) -> bool:
    """A reduction along an axis while another one stays, or a product summed over it."""
    if not operation.tensors or not operation.results:
        return False
    own = tracked.of(operation.tensors[0])
    if operation.name in REDUCTIONS | ALONG:
        axes = reduced_axes(operation)
        if axes is None or len(axes) == len(own):
            return False
        return any(_has(own[axis], name) for axis in axes)
    if operation.name in {*MATMULS, "einsum", "linear"}:
        count = min(2, len(operation.tensors))
        summed = [each for index in range(count) for each in summed_axes(operation, index, tracked)]
        return any(_has(each, name) for each in summed)
    return False


def _has(dimension: Dimension, name: str) -> bool:
    return any(factor.axis == name for factor in dimension)
