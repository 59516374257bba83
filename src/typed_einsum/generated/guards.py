"""Guards: what must hold of a value before its shape is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from typed_einsum.generated.checks import ShapeChecks


def other_type(checks: ShapeChecks, variable: str, kinds: Sequence[type]) -> str:
    """The condition under which a value is of none of these types exactly.

    A subclass may compute its shape in any way, so the solver looks at it.
    """
    asked = f"{checks.builtin(type)}({variable})"
    conditions = [f"{asked} is not {checks.constant('type', kind)}" for kind in kinds]
    return conditions[0] if len(conditions) == 1 else f"({' and '.join(conditions)})"


def other_dtype(checks: ShapeChecks, variable: str, dtypes: Iterable[Any] | None) -> list[str]:
    """The condition under which a tensor has none of these dtypes; none where any will do."""
    return [] if dtypes is None else [f"{variable}.dtype not in {checks.constant('dtypes', dtypes)}"]


def unless(conditions: Sequence[str], leave: str) -> list[str]:
    """The statement that leaves under any of the conditions."""
    return [f"if {' or '.join(conditions)}:", f"    {leave}"] if conditions else []


def attempt(checks: ShapeChecks, unpackings: Sequence[str], leave: str) -> list[str]:
    """The statements that unpack shapes, and leave where a tensor has another number of axes."""
    if not unpackings:
        return []
    return ["try:", *indent(unpackings), f"except {checks.builtin(ValueError)}:", f"    {leave}"]


def indent(lines: Iterable[str]) -> list[str]:
    """Lines one level deeper."""
    return [f"    {line}" for line in lines]
