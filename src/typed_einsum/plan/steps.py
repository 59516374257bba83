"""The steps that a plan is made of: data that can be run, priced, drawn and explained."""

from __future__ import annotations

from dataclasses import dataclass

from typed_einsum.plan.path import Path

Group = tuple[str, ...]
"""The axis names that are merged into one axis; none of them for an axis of size 1."""


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor in the plan: its variable, and what its axes are."""

    name: str
    axes: tuple[Group, ...]

    @property
    def letters(self) -> tuple[str, ...]:
        """The axis names in order; only for a value whose axes are one name each."""
        return tuple(name for group in self.axes for name in group)


@dataclass(frozen=True, slots=True)
class Diagonal:
    """Keep the entries where two axes of the same name agree."""

    source: Value
    target: Value
    first: int
    second: int


@dataclass(frozen=True, slots=True)
class Sum:
    """Sum over axes by position."""

    source: Value
    target: Value
    positions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Maximum:
    """Take the maximum over axes by position."""

    source: Value
    target: Value
    positions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Permute:
    """Reorder axes."""

    source: Value
    target: Value
    order: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reshape:
    """Merge neighbours, split them again, or insert and drop axes of size 1."""

    source: Value
    target: Value


@dataclass(frozen=True, slots=True)
class Copy:
    """Lay the entries out in memory in the order of the axes, where they are not."""

    source: Value
    target: Value


@dataclass(frozen=True, slots=True)
class Expand:
    """Repeat a value along axes that it lacks, as a view."""

    source: Value
    target: Value


@dataclass(frozen=True, slots=True)
class Matmul:
    """Multiply matrices: the last axis of `left` with the last but one of `right`, the others batch."""

    left: Value
    right: Value
    target: Value


@dataclass(frozen=True, slots=True)
class BestProduct:
    """Multiply each of some rows with each column, and keep the largest product over the rows.

    `rows` has the axes batch, kept, maximised, contracted; `columns` batch, contracted, free; the result
    batch, kept, free.
    """

    rows: Value
    columns: Value
    target: Value


@dataclass(frozen=True, slots=True)
class Multiply:
    """Multiply entry by entry, axes of size 1 repeated."""

    left: Value
    right: Value
    target: Value


Step = Diagonal | Sum | Maximum | Permute | Reshape | Copy | Expand | Matmul | BestProduct | Multiply


def sources(step: Step) -> tuple[Value, ...]:
    """The values that a step reads."""
    match step:
        case Matmul(left, right) | Multiply(left, right):
            return left, right
        case BestProduct(rows, columns):
            return rows, columns
        case _:
            return (step.source,)


@dataclass(frozen=True)
class Plan:
    """Steps in order, the value that is the result, and the path: which operands are contracted first."""

    operands: tuple[Value, ...]
    steps: tuple[Step, ...]
    result: Value
    path: Path
