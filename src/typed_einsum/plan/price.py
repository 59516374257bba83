"""What steps cost, in microseconds: the calls of torch, the copies that they make, and the products.

Roughly, from measurements on one core of a CPU; `benchmarks/equations.py` is where a change shows. Calls and
copies are nearly the same everywhere. Products depend on how a library of matrix products packs operands of
each shape and layout, so that their part of a price is the least sure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from typed_einsum.plan.multiplication import Layout, Shape, nanoseconds
from typed_einsum.plan.steps import Copy, Diagonal, Expand, Group, Matmul, Permute, Reshape, Step, Value

UNKNOWN_SIZE = 10
"""What an axis counts as whose size the plan does not know: large enough that copies are dear."""

Memory = dict[str, Group]
"""The axis names of each value in the order in which they lie in memory, the innermost last."""

NOWHERE = ""
"""The innermost name of a value whose entries are nowhere neighbours, such as the diagonal of a matrix."""

RISK = 1.75
"""How much dearer a copy or a product may turn out to be."""

COPY = 1.5
PER_ENTRY, PER_RUN = 0.00015, 0.004
"""A copy that keeps the innermost axis reads and writes in runs of that length."""
PER_ENTRY_TURNED = 0.0011
"""Any other copy jumps through memory."""

PER_ENTRY_READ = 0.0002
"""What the next reader of the result pays, and the backward pass, if its last axis is not the innermost."""


@dataclass(frozen=True, slots=True)
class Price:
    """What steps cost: the calls, and each copy and each product, by what tells it from others."""

    calls: float
    work: tuple[tuple[object, float], ...]

    @property
    def total(self) -> float:
        """All of it."""
        return self.calls + sum(cost for _, cost in self.work)

    def beside(self, other: Price) -> float:
        """The price with what the other has not, and is as unsure, counted as `RISK` times as much."""
        known = {work for work, _ in other.work}
        return self.calls + sum(cost * (1 if work in known else RISK) for work, cost in self.work)


def memory_of(operands: Sequence[Value]) -> Memory:
    """Contiguous operands."""
    return {operand.name: operand.letters for operand in operands}


def price(steps: Sequence[Step], memory: Memory, sizes: Mapping[str, int]) -> Price:
    """The price of steps on values that lie in memory as told; `sizes` are those that are known.

    `memory` learns how the values lie that the steps make.
    """
    calls = 0.0
    work: list[tuple[object, float]] = []

    def copy(value: Value, source: Value) -> None:
        work.append((("copy", memory[source.name], value.letters), _copy(value, memory[source.name], sizes)))

    for step in steps:
        target = step.target
        match step:
            case Permute(source, _, order):
                memory[target.name] = memory[source.name]
                calls += 0.7 if order[-2:] == (len(order) - 1, len(order) - 2) else 1.0
            case Diagonal(source):
                memory[target.name] = _diagonal(memory[source.name], target.letters[-1])
                calls += 1.0
            case Copy(source) | Reshape(source):
                calls += 0.9
                memory[target.name] = memory[source.name]
                together = all(_lie_together(group, memory[source.name]) for group in target.axes)
                if not together or (isinstance(step, Copy) and memory[source.name] != target.letters):
                    copy(target, source)
                    memory[target.name] = target.letters
            case Expand(source):
                memory[target.name] = memory[source.name]
                calls += 1.0
            case Matmul(left, right):
                memory[target.name] = target.letters
                calls += _call(left, right)
                for value in (left, right):
                    if _is_copied(value, step, memory[value.name]):
                        copy(value, value)
                work.append(_product(step, memory, sizes))
            case _:
                memory[target.name] = target.letters
                calls += 1.0
    if steps and _is_turned(steps[-1].target, memory[steps[-1].target.name]):
        calls += PER_ENTRY_READ * _entries(steps[-1].target.letters, sizes)
    return Price(calls, tuple(work))


def _diagonal(memory: Group, name: str) -> Group:
    """How a diagonal lies: its axis has a stride of its own, and may have been the only contiguous one."""
    if memory.count(name) < 2:
        return memory  # the second diagonal of one name
    first = memory.index(name)
    rest = tuple(other for other in memory[first + 1 :] if other != name)
    last = (NOWHERE,) if memory[-1] == name else ()
    return (*memory[:first], NOWHERE, name, NOWHERE, *rest, *last)


def _lie_together(group: Group, memory: Group) -> bool:
    """Whether the axes can become one without a copy."""
    if len(group) < 2:
        return True
    start = memory.index(group[0])
    return memory[start : start + len(group)] == group


def _copy(value: Value, memory: Group, sizes: Mapping[str, int]) -> float:
    entries = _entries(value.letters, sizes)
    if _is_turned(value, memory):
        return COPY + PER_ENTRY_TURNED * entries
    run, letters = 1, value.letters
    while letters and letters[-1] == memory[-1]:
        run *= _entries(letters[-1:], sizes)
        letters, memory = letters[:-1], memory[:-1]
    return COPY + (PER_ENTRY + PER_RUN / max(run, 1)) * entries


def _is_turned(value: Value, memory: Group) -> bool:
    """Whether the last axis is not the one whose entries are neighbours in memory."""
    return value.letters[-1:] != memory[-1:]


def _entries(letters: Sequence[str], sizes: Mapping[str, int]) -> int:
    return prod(sizes.get(letter, UNKNOWN_SIZE) for letter in letters)


def _is_copied(value: Value, step: Matmul, memory: Group) -> bool:
    """Whether torch copies this side before it multiplies."""
    if any(letter not in memory for letter in value.letters):
        return False  # expanded: repeated by a stride of zero
    if len(value.axes) < 3 and memory and memory[-1] not in {letter for g in value.axes for letter in g[-1:]}:
        return len(value.axes) > 1  # neither rows nor columns are contiguous
    stacked = len(value.axes) > 3 or (len(value.axes) == 3 and len(step.right.axes) < 3)
    # A stack is folded: into a stack of one axis, or into the rows of one matrix.
    folded = value.axes[:-1] if len(step.right.axes) < 3 else value.axes[:-2]
    return stacked and not _lie_together(tuple(letter for group in folded for letter in group), memory)


def _call(left: Value, right: Value) -> float:
    match len(left.axes), len(right.axes):
        case (2, 2) | (3, 3) | (1, 1) | (2, 1):
            return 1.3
        case (_, 1 | 2):
            return 2.4
        case _:
            return 4.4


def _product(step: Matmul, memory: Memory, sizes: Mapping[str, int]) -> tuple[object, float]:
    """A product by its axes and layout, and what it costs."""
    left, right, contracted = step.left, step.right, step.left.axes[-1]
    columns = right.axes[-1] if len(right.axes) > 1 else ()
    rows = left.axes[-2] if len(left.axes) > 1 else ()
    if len(right.axes) < 3 and len(left.axes) > 2:  # folded into one matrix
        rows = tuple(letter for group in left.axes[:-1] for letter in group)
    m, k, n = (_entries(letters, sizes) for letters in (rows, contracted, columns))
    batch = _entries(step.target.letters, sizes) // max(1, m * n)
    if len(right.axes) < 3 and not _lie_together(rows, memory[left.name]):
        batch, m = batch * m, 1  # torch may multiply the matrices of the stack one by one
    left_layout = _layout(memory[left.name], rows, contracted)
    right_layout = _layout(memory[right.name], contracted, columns)
    is_contiguous = memory[left.name][-1:] == contracted[-1:], memory[right.name][-1:] == contracted[-1:]
    shape = Shape(batch, m, k, n, left_layout, right_layout, *is_contiguous)
    return (left.letters, right.letters, contracted, left_layout, right_layout), nanoseconds(shape) / 1000


def _layout(memory: Group, rows: Group, columns: Group) -> Layout:
    """How a matrix lies; a vector lies well in any case."""
    if rows and memory[-1:] == rows[-1:]:
        return "turned"
    return "plain" if not (rows and columns) or memory[-1:] == columns[-1:] else "neither"
