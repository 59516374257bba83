"""TE717: what is added to scores and does not vary along the axis of their softmax, which changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from typed_einsum.tensors import dtype_of, shape_of
from typed_einsum.testing.audit.dimensions import TrackedAxes, shown, shown_all
from typed_einsum.testing.audit.findings import Flaw, SourceLine, error
from typed_einsum.testing.audit.operations import Operation
from typed_einsum.testing.audit.vocabulary import CASTS, COPIES, LAYOUTS, REDUCTIONS, SOFTMAXES
from typed_einsum.testing.behaviour.trace import replayed
from typed_einsum.testing.calls.call import Call, same

LINEAR = CASTS | COPIES | {"add", "sub", "mul", "div", "masked_fill", "where"}
DERIVED = LINEAR | LAYOUTS | {"clamp", "nan_to_num"}


@dataclass(frozen=True)
class Added:
    """A sum, by its number: what it is without the addend, and along which axes that is constant."""

    index: int
    name: str
    without: Tensor
    constant: frozenset[int]
    line: SourceLine


class Additions:
    """Collects, while a call runs, what is added to scores and does not change their softmax."""

    def __init__(self) -> None:
        self._sums: Any = WeakTensorKeyDictionary()
        self._reduced: Any = WeakTensorKeyDictionary()
        self.found: list[tuple[Added, str]] = []

    def see(self, index: int, operation: Operation, tracked: TrackedAxes) -> None:
        """Look at one operation."""
        tensors, results = operation.tensors, operation.results
        if not tensors or not results:
            return
        is_derived = operation.name in DERIVED and any(each in self._reduced for each in tensors)
        if operation.name in REDUCTIONS or is_derived:
            self._reduced.update(dict.fromkeys(results, True))
        if operation.name in SOFTMAXES:
            self._softmax(operation, tracked)
        elif operation.name in LINEAR and shape_of(tensors[0]) == shape_of(results[0]):
            found = list(self._sums.get(tensors[0], ()))
            if operation.name in ("add", "sub") and len(tensors) == 2:
                found += self._added(index, operation)
            self._sums[results[0]] = found

    def _softmax(self, operation: Operation, tracked: TrackedAxes) -> None:
        own = tracked.of(operation.tensors[0])
        dim = operation.option("dim", 1)
        if not isinstance(dim, int) or not -len(own) <= dim < len(own):
            return
        for each in self._sums.get(operation.tensors[0], ()):
            if dim % len(own) in each.constant:
                over = f"`{shown(own[dim])}`, axis {dim % len(own)} of {shown_all(own)}"
                self.found.append((each, over))

    def _added(self, index: int, operation: Operation) -> Iterator[Added]:
        result = operation.results[0]
        for scores, addend in (operation.tensors, operation.tensors[::-1]):
            if shape_of(scores) != shape_of(result) or not dtype_of(addend).is_floating_point:
                continue
            if addend in self._reduced or not addend.numel():  # as the maximum is that keeps numbers small
                continue
            constant = _constant(addend.expand(shape_of(result)))
            sizes = shape_of(result)
            if constant and any(sizes[axis] > 1 for axis in set(range(len(sizes))) - constant):
                yield Added(index, operation.name, scores, constant, operation.line)


def _constant(tensor: Tensor) -> frozenset[int]:
    """The axes of several entries along which all entries are one number."""
    found = []
    for axis, size in enumerate(shape_of(tensor)):
        if size > 1 and torch.equal(tensor, tensor.narrow(axis, 0, 1).expand_as(tensor)):
            found.append(axis)
    return frozenset(found)


def added_in_vain(call: Call, seen: Additions) -> Iterator[tuple[str, Flaw]]:
    """A sum before a softmax, without which all results are the same."""
    before = call.results if seen.found else None
    for added, over in seen.found:
        after = replayed(call, {added.index: (added.name, added.without)}).outputs(call.arguments)
        if before is None or after is None:
            continue
        if all(same(one, two) for (_, one), (_, two) in zip(before, after, strict=True)):
            text = (
                f"what is added here does not vary along {over}, over which the softmax is: it has no effect"
            )
            yield "TE717", error(text, added.line)
            return
