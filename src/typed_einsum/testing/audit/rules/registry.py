"""The rules of the audit by their codes, each of which has one rule."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

from typed_einsum.testing.audit.dimensions import TrackedAxes
from typed_einsum.testing.audit.facts import Facts
from typed_einsum.testing.audit.findings import Flaw
from typed_einsum.testing.audit.operations import Operation

Rule = Callable[[Operation, TrackedAxes, Facts], Iterator[Flaw]]
"""Looks at one operation, and yields what is wrong with it."""

RULES: dict[str, Rule] = {}
"""The rule of each code, in the order in which they are asked."""

BEFORE: set[str] = set()
"""The codes whose rules look at an operation before it runs, since it may fail for what they see."""


def rule(code: str, *, before: bool = False) -> Callable[[Rule], Rule]:
    """Register the rule of a code; `before` says when it looks."""
    if code in RULES:
        raise ValueError(f"{code} has a rule already")

    def register(function: Rule) -> Rule:
        RULES[code] = function
        if before:
            BEFORE.add(code)
        return function

    return register


def judge(
    operation: Operation, tracked: TrackedAxes, facts: Facts, *, before: bool = False
) -> Iterator[tuple[str, Flaw]]:
    """What all rules say of an operation: of one that is about to run, or of one that has run.

    A rule that fails is no failure of the function that is watched: it is told as a warning.
    """
    for code, judged in RULES.items():
        if (code in BEFORE) is before:
            try:
                yield from ((code, flaw) for flaw in judged(operation, tracked, facts))
            except Exception as error:
                told = f"the rule of {code} failed at `{operation.name}` with {type(error).__name__}: {error}"
                warnings.warn(f"typed_einsum: {told}; please report it", RuntimeWarning, stacklevel=2)
