"""The contraction of small whole numbers, with one entry worked out term by term."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, product
from math import prod
from typing import Any

from typed_einsum.derivation.given import Entries, Given, given_example
from typed_einsum.derivation.subject import Role, Subject

SMALLEST, LARGEST = 2, 4
MOST_TERMS = 4096
"""An example of our own numbers has at most this many terms; where more axes need more, there is none."""

Nested = Any
"""Tuples in tuples, with whole numbers inside."""


@dataclass(frozen=True, slots=True)
class Term:
    """One product: the indices that are summed, the factors, and their product."""

    at: tuple[int, ...]
    factors: tuple[int, ...]
    value: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """One sum: the indices that the maximum chooses from, the terms, and their sum."""

    at: tuple[int, ...]
    terms: tuple[Term, ...]
    total: int


@dataclass(frozen=True)
class Example:
    """Operands and result as nested tuples, and how one entry of the result comes about."""

    sizes: tuple[tuple[str, int], ...]
    operands: tuple[Nested, ...]
    result: Nested
    at: tuple[int, ...]
    candidates: tuple[Candidate, ...]
    value: int


def example_of(subject: Subject, given: Given | None = None) -> Example | None:
    """An example, or None where the equation has too many axes for a small one.

    With numbers that a reader gives, the first entry is worked out. Raises `TypedEinsumError` where these
    numbers do not fit the equation.
    """
    drawn = _drawn(subject) if given is None else given_example(subject, given)
    if drawn is None:
        return None
    sizes, tables = drawn
    kept = [sizes[label] for label in subject.result.labels]
    results = {at: _entry(subject, sizes, tables, at) for at in indices(kept)}
    at = _telling(results) if given is None else next(iter(results))
    return Example(
        tuple(sizes.items()),
        tuple(
            nested(table, [sizes[label] for label in operand.labels])
            for table, operand in zip(tables, subject.operands, strict=True)
        ),
        nested({i: max(c.total for c in found) for i, found in results.items()}, kept),
        at,
        results[at],
        max(candidate.total for candidate in results[at]),
    )


def _drawn(subject: Subject) -> tuple[dict[str, int], list[Entries]] | None:
    """Small sizes and numbers of our own."""
    sizes = _sizes(subject)
    if sizes is None:
        return None
    return sizes, [
        {
            at: number(which, position)
            for position, at in enumerate(indices([sizes[label] for label in operand.labels]))
        }
        for which, operand in enumerate(subject.operands)
    ]


def number(operand: int, position: int) -> int:
    """The entry of an operand at a position: from -3 to 4, without a pattern that the eye sees, never 0."""
    drawn = (position * position * 5 + position * (11 + 4 * operand) + operand * 3 + 2) % 13
    return (1, -2, 3, 2, -1, 4, 1, -3, 2, 3, -1, 2, -2)[drawn]


def indices(sizes: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every index of axes of these sizes, the last one fastest."""
    return product(*(range(size) for size in sizes))


def nested(table: Mapping[tuple[int, ...], int], sizes: Sequence[int], at: tuple[int, ...] = ()) -> Nested:
    """A table of numbers as tuples in tuples."""
    if len(at) == len(sizes):
        return table[at]
    return tuple(nested(table, sizes, (*at, i)) for i in range(sizes[len(at)]))


def _sizes(subject: Subject) -> dict[str, int] | None:
    """Sizes from 2 to 4, neighbours different where there is room; a size that is small already stays."""
    drawn = cycle((2, 3, 4))
    first = {index.label: next(drawn) for index in subject.indices}
    second = {index.label: 3 if index.role is Role.CONTRACTED else 2 for index in subject.indices}
    third = dict.fromkeys(first, SMALLEST)
    for sizes in (first, second, third):
        for label, size in subject.sizes.items():
            if SMALLEST <= size <= LARGEST:
                sizes[label] = size
        if prod(sizes.values()) <= (MOST_TERMS if sizes is third else 200):
            return sizes
    return None


def _entry(
    subject: Subject,
    sizes: Mapping[str, int],
    tables: Sequence[Mapping[tuple[int, ...], int]],
    at: tuple[int, ...],
) -> tuple[Candidate, ...]:
    where = dict(zip(subject.result.labels, at, strict=True))
    found = []
    for chosen in indices([sizes[label] for label in subject.maximised]):
        where |= zip(subject.maximised, chosen, strict=True)
        terms = []
        for rest in indices([sizes[label] for label in subject.summed]):
            where |= zip(subject.summed, rest, strict=True)
            factors = tuple(
                table[tuple(where[label] for label in operand.labels)]
                for table, operand in zip(tables, subject.operands, strict=True)
            )
            terms.append(Term(rest, factors, prod(factors)))
        found.append(Candidate(chosen, tuple(terms), sum(term.value for term in terms)))
    return tuple(found)


def _telling(results: Mapping[tuple[int, ...], tuple[Candidate, ...]]) -> tuple[int, ...]:
    """The entry to work out: one whose indices, candidates and value tell as much as can be had."""

    def telling(at: tuple[int, ...]) -> tuple[bool, bool, bool, int]:
        totals = [candidate.total for candidate in results[at]]
        best = max(totals)
        return best != 0, len(set(totals)) == len(totals), totals[0] != best, len(set(at))

    return max(results, key=telling)
