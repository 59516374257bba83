"""What a contraction costs: multiply-adds, bytes, arithmetic intensity, the largest intermediate.

One multiply-add is a multiplication and an addition; torch's FLOP counter counts it as 2, and counts matrix
products only. Bytes are those of float32, each computed value written in the order of its axes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import prod

from typed_einsum.derivation.subject import Subject
from typed_einsum.plan import Path, Plan, Value, plan_along
from typed_einsum.plan.steps import (
    BestProduct,
    Copy,
    Diagonal,
    Expand,
    Group,
    Matmul,
    Maximum,
    Multiply,
    Permute,
    Reshape,
    Step,
    Sum,
    sources,
)

BYTES_PER_ENTRY = 4
MOST_OPERANDS = 5
"""Up to this many operands every path is compared; beyond that only the one from left to right."""


@dataclass(frozen=True, slots=True)
class Work:
    """One computing step: which, and the labels whose sizes multiply to its count."""

    operation: str
    labels: tuple[str, ...]
    count: int | None


@dataclass(frozen=True, slots=True)
class Totals:
    """The counts of a whole plan for known sizes."""

    multiply_adds: int
    multiplications: int
    additions: int
    comparisons: int
    least_bytes: int
    moved_bytes: int
    largest: int
    largest_labels: tuple[str, ...]

    @property
    def flops(self) -> int:
        """As torch's FLOP counter counts: matrix products only, 2 for each multiply-add."""
        return 2 * self.multiply_adds

    @property
    def operations(self) -> int:
        """Everything: a multiply-add counts 2, any other operation 1."""
        return self.flops + self.multiplications + self.additions + self.comparisons

    @property
    def intensity(self) -> float:
        """Operations for each byte that must be moved at least."""
        return self.operations / self.least_bytes if self.least_bytes else 0.0


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another way to the same result, which costs more."""

    name: str
    path: Path | None
    operations: int
    largest: int
    times: float


@dataclass(frozen=True, slots=True)
class Cost:
    """The work of each step; totals where all sizes are known; and a dearer way where there is one."""

    work: tuple[Work, ...]
    totals: Totals | None
    alternative: Alternative | None


def cost_of(subject: Subject, plan: Plan) -> Cost:
    """The cost of the plan that runs."""
    work = tuple(item for step in plan.steps for item in _work(subject, step))
    if not subject.is_sized:
        return Cost(work, None, None)
    totals = totals_of(subject, plan)
    return Cost(work, totals, _alternative(subject, totals, plan))


def _work(subject: Subject, step: Step) -> Iterator[Work]:
    labels = {index.part: index.label for index in subject.indices}
    for operation, held in _counted(step):
        spelled = tuple(labels[part] for part in held)
        known = all(label in subject.sizes for label in spelled)
        yield Work(operation, spelled, prod(subject.sizes[label] for label in spelled) if known else None)


def _counted(step: Step) -> Iterator[tuple[str, Group]]:
    """What a step does how often: the axes whose sizes multiply to the number."""
    match step:
        case Matmul():
            yield "multiply-adds", _together(step)
        case BestProduct(_, columns):
            held = _together(step)
            yield "multiply-adds", held
            yield "comparisons", tuple(x for x in held if x not in columns.axes[1])
        case Multiply(_, _, target):
            yield "multiplications", target.letters
        case Sum(source):
            yield "additions", source.letters
        case Maximum(source):
            yield "comparisons", source.letters


def _together(step: Step) -> Group:
    """The names of all that a step reads, once each."""
    return tuple(dict.fromkeys(name for value in sources(step) for name in value.letters))


def totals_of(subject: Subject, plan: Plan) -> Totals:
    """Count a plan whose sizes are all known."""
    labels = {index.part: index.label for index in subject.indices}

    def entries(letters: Sequence[str]) -> int:
        return prod(subject.part_sizes[letter] for letter in letters)

    counts = dict.fromkeys(("multiply_adds", "multiplications", "additions", "comparisons"), 0)
    moved, largest = 0, Value("", ())
    copying = copies(plan, subject.part_sizes)
    for step in plan.steps:
        made = entries(step.target.letters)
        computes = True
        match step:
            case Matmul():
                counts["multiply_adds"] += entries(_together(step))
            case BestProduct(_, columns):
                products = tuple(x for x in _together(step) if x not in columns.axes[1])
                counts["multiply_adds"] += entries(_together(step))
                counts["comparisons"] += max(entries(products) - made, 0)
            case Multiply():
                counts["multiplications"] += made
            case Sum(source):
                counts["additions"] += max(entries(source.letters) - made, 0)
            case Maximum(source):
                counts["comparisons"] += max(entries(source.letters) - made, 0)
            case _:
                computes = step.target.name in copying
        if computes:
            moved += made + sum(entries(source.letters) for source in sources(step))
            if not _is_result(step.target, plan) and made > (entries(largest.letters) if largest.name else 0):
                largest = step.target
    operands = sum(entries(operand.letters) for operand in plan.operands)
    return Totals(
        **counts,
        least_bytes=BYTES_PER_ENTRY * (operands + entries(plan.result.letters)),
        moved_bytes=BYTES_PER_ENTRY * moved,
        largest=entries(largest.letters) if largest.name else 0,
        largest_labels=tuple(labels[part] for part in largest.letters),
    )


def _is_result(value: Value, plan: Plan) -> bool:
    """Whether the value is the result but for views."""
    name = plan.result.name
    for step in reversed(plan.steps):
        if name == value.name:
            return True
        if isinstance(step, Permute | Reshape | Copy) and step.target.name == name:
            name = step.source.name
    return name == value.name


def copies(plan: Plan, sizes: Mapping[str, int]) -> frozenset[str]:
    """The values that a reshape must copy: axes that it merges do not lie together in memory."""
    # How far apart neighbours lie, for every name of every value but the operands with a repeated name.
    strides = {value.name: _contiguous(value, sizes) for value in plan.operands}
    found = set()
    for step in plan.steps:
        target = step.target
        match step:
            case Permute(source) | Expand(source):
                strides[target.name] = {x: strides[source.name].get(x, 0) for x in target.letters}
            case Diagonal(source):
                # Both axes advance together: their strides are added, as they already are below.
                strides[target.name] = strides[source.name]
            case Copy(source):
                if strides[source.name] != _contiguous(target, sizes):
                    found.add(target.name)
                strides[target.name] = _contiguous(target, sizes)
            case Reshape(source):
                strides[target.name] = strides[source.name]
                if not all(_lie_together(group, strides[source.name], sizes) for group in target.axes):
                    found.add(target.name)
                    strides[target.name] = _contiguous(target, sizes)
            case _:
                strides[target.name] = _contiguous(target, sizes)
    return frozenset(found)


def _contiguous(value: Value, sizes: Mapping[str, int]) -> dict[str, int]:
    """The strides of a value in the order of its axes; a repeated name has their sum, for its diagonal."""
    strides: dict[str, int] = {}
    stride = 1
    for letter in reversed(value.letters):
        strides[letter] = strides.get(letter, 0) + stride
        stride *= sizes[letter]
    return strides


def _lie_together(group: Group, strides: Mapping[str, int], sizes: Mapping[str, int]) -> bool:
    long = [letter for letter in group if sizes[letter] != 1]
    return all(strides[outer] == strides[inner] * sizes[inner] for outer, inner in pairwise(long))


def _alternative(subject: Subject, totals: Totals, plan: Plan) -> Alternative | None:
    if len(subject.operands) > 2:
        return _dearer_path(subject, totals, plan.path)
    contracted = [label for label in subject.summed if len(subject.by_label[label].holders) > 1]
    if len(subject.operands) < 2 or not contracted:
        return None
    labels = [index.label for index in subject.indices if len(index.holders) > 1]
    kept = {*subject.result.labels, *subject.maximised, *labels}
    largest = prod(subject.sizes[label] for label in kept)
    made = prod(subject.sizes[label] for label in (*subject.result.labels, *subject.maximised))
    if any(isinstance(step, BestProduct) for step in plan.steps):
        name = "make all the products, then take the maximum"
        return Alternative(name, None, totals.operations, made, made / (totals.largest or 1))
    operations = largest + (largest - made)
    times = largest / totals.largest if totals.largest else float(largest)
    return Alternative("multiply entry by entry, then sum", None, operations, largest, times)


def _dearer_path(subject: Subject, totals: Totals, path: Path) -> Alternative | None:
    """The dearest path, planned and counted in the same way."""
    every = list(_paths(len(subject.operands)))
    letters = [frozenset(operand.labels) for operand in subject.operands]
    wanted = frozenset((*subject.result.labels, *subject.maximised))
    worst = max(every, key=lambda found: _work_of_path(found, letters, wanted, subject.sizes))
    plan = plan_along(subject.equation, dict(subject.spread), subject.part_sizes, worst)
    found = totals_of(subject, plan)
    if worst == path or found.operations <= totals.operations:
        return None
    times = found.operations / max(totals.operations, 1)
    return Alternative(
        "the dearest order" if len(every) > 1 else "left to right",
        worst,
        found.operations,
        found.largest,
        times,
    )


def _paths(operands: int) -> Iterator[Path]:
    if operands > MOST_OPERANDS:
        # The result of each pair joins at the end, so the running product is the last value.
        yield ((0, 1), *((0, left - 1) for left in range(operands - 1, 1, -1)))
    elif operands == 1:
        yield ()
    else:
        for pair in combinations(range(operands), 2):
            yield from ((pair, *rest) for rest in _paths(operands - 1))


def _work_of_path(
    path: Path, letters: Sequence[frozenset[str]], wanted: frozenset[str], sizes: Mapping[str, int]
) -> int:
    values, work = list(letters), 0
    for first, second in path:
        both = values[first] | values[second]
        values = [value for i, value in enumerate(values) if i not in (first, second)]
        work += prod(sizes[label] for label in both)
        values.append(both & wanted.union(*values))
    return work
