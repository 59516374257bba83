"""What steps cost, in microseconds: the calls of torch, and the copies that they make.

Roughly, from measurements on a CPU; `benchmarks/speed.py` is where a change shows. The multiplications
themselves are left out: they are the same for every form of a pair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from typed_einsum.plan.steps import Expand, Group, Matmul, Permute, Reshape, Step, Value

UNKNOWN_SIZE = 20
"""What an axis counts as whose size the plan does not know: large enough that copies are dear."""

COPY = 1.5
PER_ENTRY = 0.0004
PER_ENTRY_TRANSPOSED = 0.0012
"""A copy that keeps the innermost axis reads and writes in order; any other jumps through memory."""

PER_ENTRY_TURNED = 0.0002
"""What the next reader of the result pays, and the backward pass, if its last axis is not the innermost."""


def price(steps: Sequence[Step], operands: Sequence[Value], sizes: Mapping[str, int]) -> float:
    """The price of steps on contiguous operands whose axes have these sizes, where they are known."""
    # The names of each value in the order in which they lie in memory.
    memory: dict[str, Group] = {operand.name: operand.letters for operand in operands}
    total = 0.0
    for step in steps:
        match step:
            case Permute(source, target, order):
                memory[target.name] = memory[source.name]
                total += 0.7 if order[-2:] == (len(order) - 1, len(order) - 2) else 1.0
            case Reshape(source, target):
                total += 0.9
                memory[target.name] = memory[source.name]
                if not all(_lie_together(group, memory[source.name]) for group in target.axes):
                    total += _copy(target, memory[source.name], sizes)
                    memory[target.name] = target.letters
            case Expand(source, target):
                memory[target.name] = memory[source.name]
                total += 1.0
            case Matmul(left, right, target):
                memory[target.name] = target.letters
                hidden = [value for value in (left, right) if _is_copied(value, step, memory[value.name])]
                total += _call(left, right) + sum(_copy(value, memory[value.name], sizes) for value in hidden)
            case _:
                memory[step.target.name] = step.target.letters
                total += 1.0
    result = steps[-1].target if steps else operands[0]
    return total + PER_ENTRY_TURNED * _entries(result, sizes) * _is_turned(result, memory[result.name])


def _lie_together(group: Group, memory: Group) -> bool:
    """Whether the axes can become one without a copy."""
    if len(group) < 2:
        return True
    start = memory.index(group[0])
    return memory[start : start + len(group)] == group


def _copy(value: Value, memory: Group, sizes: Mapping[str, int]) -> float:
    per_entry = PER_ENTRY_TRANSPOSED if _is_turned(value, memory) else PER_ENTRY
    return COPY + per_entry * _entries(value, sizes)


def _is_turned(value: Value, memory: Group) -> bool:
    """Whether the last axis is not the one whose entries are neighbours in memory."""
    return value.letters[-1:] != memory[-1:]


def _entries(value: Value, sizes: Mapping[str, int]) -> int:
    return prod(sizes.get(letter, UNKNOWN_SIZE) for letter in value.letters)


def _is_copied(value: Value, step: Matmul, memory: Group) -> bool:
    """Whether torch copies this side before it multiplies."""
    if any(letter not in memory for letter in value.letters):
        return False  # expanded: repeated by a stride of zero
    if memory and memory[-1] not in {letter for group in value.axes[-2:] for letter in group[-1:]}:
        return True  # neither rows nor columns are contiguous
    stacked = len(value.axes) > 3 or (len(value.axes) == 3 and len(step.right.axes) < 3)
    # A stack is folded: into a stack of one axis, or into the rows of one matrix.
    folded = value.axes[:-1] if len(step.right.axes) < 3 else value.axes[:-2]
    return stacked and not _lie_together(tuple(letter for group in folded for letter in group), memory)


def _call(left: Value, right: Value) -> float:
    # Many products with a single column run far slower than with a single row.
    column = 2.0 if len(right.axes) > 2 and right.axes[-1] == () else 0.0
    match len(left.axes), len(right.axes):
        case (2, 2) | (3, 3) | (1, 1) | (2, 1):
            return 1.3 + column
        case (_, 1 | 2):
            return 2.4
        case _:
            return 4.4 + column
