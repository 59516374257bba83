"""What steps cost, in microseconds: the calls of torch, the copies that they make, and the products.

Roughly, from measurements on one core of a CPU; `benchmarks/equations.py` is where a change shows. Calls and
copies are nearly the same everywhere. Products depend on how a library of matrix products packs operands of
each shape and layout, so that their part of a price is the least sure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from math import prod

from typed_einsum.plan.multiplication import Layout, Shape, nanoseconds
from typed_einsum.plan.steps import (
    Copy,
    Diagonal,
    Expand,
    Group,
    Matmul,
    Permute,
    Reshape,
    Step,
    Value,
    sources,
)

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
PER_BLOCK = 0.02
"""Both pay for each pair of axes that are copied in one go."""

PER_ENTRY_GATHERED, PER_ENTRY_FAR = 0.0011, 0.0018
"""So does a product of matrices of which no axis is contiguous: less where rows can be read in order."""

PER_ENTRY_BY_ENTRY = 0.0004
"""A product by entry, a sum or a maximum, for each entry of the largest value that it reads or writes."""

PER_SPACED_ROW = 0.002
"""The price of each row that is not next to the one before it, in a product with a vector."""

PER_ENTRY_READ = 0.0002
"""The price of reading the result, there and in the backward pass, if its last axis is not the innermost."""


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

    Adds to `memory` how the values lie that the steps make, and takes axes known to have size 1 out of it.
    """
    ones = frozenset(letter for letter, size in sizes.items() if size == 1)
    if ones:
        memory.update({name: _without(letters, ones) for name, letters in memory.items()})
    pricing = _Pricing(memory, sizes, ones)
    for step in steps:
        pricing.add(step)
    if steps and pricing.is_turned(steps[-1].target):
        pricing.calls += PER_ENTRY_READ * _entries(steps[-1].target.letters, sizes)
    return Price(pricing.calls, tuple(pricing.work))


def _without(letters: Group, ones: Set[str]) -> Group:
    return tuple(letter for letter in letters if letter not in ones)


@dataclass
class _Pricing:
    """Adds up what steps cost."""

    memory: Memory
    sizes: Mapping[str, int]
    ones: Set[str]
    calls: float = 0.0
    work: list[tuple[object, float]] = field(default_factory=list)

    def add(self, step: Step) -> None:
        """Count one step, and learn how its result lies."""
        memory, target = self.memory, step.target
        match step:
            case Permute(source, _, order):
                memory[target.name] = memory[source.name]
                self.calls += 0.7 if order[-2:] == (len(order) - 1, len(order) - 2) else 1.0
            case Diagonal(source):
                name = self.real(target.axes[-1])
                memory[target.name] = _diagonal(memory[source.name], *name) if name else memory[source.name]
                self.calls += 1.0
            case Copy(source) | Reshape(source):
                self.calls += 0.9
                memory[target.name] = memory[source.name]
                together = all(lie_together(self.real(group), memory[source.name]) for group in target.axes)
                letters = self.real(target.letters)
                if not together or (isinstance(step, Copy) and memory[source.name] != letters):
                    self._copy(target, source)
                    memory[target.name] = letters
            case Expand(source):
                memory[target.name] = memory[source.name]
                self.calls += 1.0
            case Matmul(left, right):
                memory[target.name] = self.real(target.letters)
                self.calls += _call(left, right)
                for value in (left, right):
                    if self._is_copied(value, step):
                        self._copy(value, value)
                self.work.append(self._product(step))
            case _:
                memory[target.name] = self.real(target.letters)
                largest = max(_entries(value.letters, self.sizes) for value in (target, *sources(step)))
                self.calls += 1.0 + PER_ENTRY_BY_ENTRY * largest

    def real(self, letters: Group) -> Group:
        """The letters without those of size 1."""
        return _without(letters, self.ones) if self.ones else letters

    def is_turned(self, value: Value) -> bool:
        """Whether the last axis is not the one whose entries are neighbours in memory."""
        return self.real(value.letters)[-1:] != self.memory[value.name][-1:]

    def _copy(self, value: Value, source: Value) -> None:
        memory, letters = self.memory[source.name], self.real(value.letters)
        self.work.append((("copy", memory, letters), _copy(letters, memory, self.sizes)))

    def _is_copied(self, value: Value, step: Matmul) -> bool:
        """Whether torch copies this side before it multiplies."""
        memory, axes = self.memory[value.name], [self.real(group) for group in value.axes]
        if any(letter not in memory for group in axes for letter in group):
            return False  # expanded: repeated by a stride of zero
        if len(axes) < 3 and memory and memory[-1] not in {letter for group in axes for letter in group[-1:]}:
            return len(axes) > 1  # neither rows nor columns are contiguous
        stacked = len(axes) > 3 or (len(axes) == 3 and len(step.right.axes) < 3)
        # A stack is folded: into a stack of one axis, or into the rows of one matrix.
        folded = axes[:-1] if len(step.right.axes) < 3 else axes[:-2]
        return stacked and not lie_together(tuple(letter for group in folded for letter in group), memory)

    def _product(self, step: Matmul) -> tuple[object, float]:
        """A product by its axes and layout, and what it costs."""
        left, right, contracted = step.left, step.right, self.real(step.left.axes[-1])
        columns = right.axes[-1] if len(right.axes) > 1 else ()
        rows = left.axes[-2] if len(left.axes) > 1 else ()
        if len(right.axes) < 3 and len(left.axes) > 2:  # folded into one matrix
            rows = tuple(letter for group in left.axes[:-1] for letter in group)
        m, k, n = (_entries(letters, self.sizes) for letters in (rows, contracted, columns))
        batch = _entries(step.target.letters, self.sizes) // max(1, m * n)
        memory = self.memory[left.name], self.memory[right.name]
        if len(right.axes) < 3 and not lie_together(self.real(rows), memory[0]):
            batch, m = batch * m, 1  # torch may multiply the matrices of the stack one by one
        layouts = self._layout(memory[0], rows, contracted), self._layout(memory[1], contracted, columns)
        inner = memory[0][-1:] == contracted[-1:], memory[1][-1:] == contracted[-1:]
        letters = self.real(left.letters), self.real(right.letters)
        work = nanoseconds(Shape(batch, m, k, n, *layouts, *inner)) / 1000
        if batch > 1:
            work += self._gathered(step, layouts)
            spaced = m == 1 and not lie_together((*contracted, *self.real(columns)), memory[1])
            work += PER_SPACED_ROW * batch * k if spaced and layouts[1] == "plain" else 0.0
        return (*letters, contracted, *layouts), work

    def _layout(self, memory: Group, rows: Group, columns: Group) -> Layout:
        """How a matrix lies. A vector lies well, unless its axis of size 1 is one of the operand.

        Torch then takes the stride of that axis, whatever it is, for the distance of rows.
        """
        given = [group for group in (rows, columns) if group]
        rows, columns = self.real(rows), self.real(columns)
        if rows and memory[-1:] == rows[-1:]:
            return "turned"
        return "plain" if len(given) < 2 or memory[-1:] == columns[-1:] else "neither"

    def _gathered(self, step: Matmul, layouts: tuple[Layout, Layout]) -> float:
        """What it costs to gather the entries of each matrix of a stack of which no axis is contiguous."""
        cost = 0.0
        for value, layout in zip((step.left, step.right), layouts, strict=True):
            if layout == "neither":
                within = {letter for group in value.axes[-2:] for letter in group}
                lie = [letter for letter in self.memory[value.name] if letter in within]
                keeps = lie[-1:] == [*self.real(value.letters)][-1:]
                cost += (PER_ENTRY_GATHERED if keeps else PER_ENTRY_FAR) * _entries(value.letters, self.sizes)
        return cost


def _diagonal(memory: Group, name: str) -> Group:
    """How a diagonal lies: its axis has a stride of its own, and may have been the only contiguous one."""
    if memory.count(name) < 2:
        return memory  # the second diagonal of one name
    first = memory.index(name)
    rest = tuple(NOWHERE if other == name else other for other in memory[first + 1 :])
    return (*memory[:first], NOWHERE, name, NOWHERE, *rest)


def lie_together(group: Group, memory: Group) -> bool:
    """Whether the axes can become one without a copy."""
    if len(group) < 2:
        return True
    start = memory.index(group[0])
    return memory[start : start + len(group)] == group


def _copy(letters: Group, memory: Group, sizes: Mapping[str, int]) -> float:
    """Torch copies the innermost run, repeats that along the next axis, and begins anew for the rest."""
    entries = _entries(letters, sizes)
    run, rest = _innermost_run(letters, memory)
    length = _entries(run or letters[-1:], sizes)
    block = length * _entries((rest if run else rest[:-1])[-1:], sizes)
    per_entry = PER_ENTRY + PER_RUN / max(length, 1) if run else PER_ENTRY_TURNED
    return COPY + (per_entry + (PER_BLOCK / max(block, 1) if len(rest) > 1 else 0.0)) * entries


def _innermost_run(letters: Group, memory: Group) -> tuple[Group, Group]:
    """The innermost axes that are copied as they lie, and the others."""
    count = 0
    while count < min(len(letters), len(memory)) and letters[-count - 1] == memory[-count - 1]:
        count += 1
    return letters[len(letters) - count :], letters[: len(letters) - count]


def _entries(letters: Sequence[str], sizes: Mapping[str, int]) -> int:
    return prod(sizes.get(letter, UNKNOWN_SIZE) for letter in letters)


def _call(left: Value, right: Value) -> float:
    match len(left.axes), len(right.axes):
        case (2, 2) | (3, 3) | (1, 1) | (2, 1):
            return 1.3
        case (_, 1 | 2):
            return 2.4
        case _:
            return 4.4
