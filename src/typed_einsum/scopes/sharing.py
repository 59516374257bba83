"""Generated lines that hold sizes against the names of the scope that is running."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typed_einsum.equation.axes import ELLIPSIS, Anonymous, Axis
from typed_einsum.equation.equation import is_spread
from typed_einsum.generated.checks import ShapeChecks
from typed_einsum.generated.guards import attempt, unless
from typed_einsum.generated.names import forget, restore
from typed_einsum.scopes.scope import later_source, names_source


def sharing_lines(source: Any, checks: ShapeChecks, leave: str) -> list[str]:
    """Lines that hold the known sizes against the names of `scope`, and bind the new ones there.

    `source` is what says later where it bound them. Expressions that are still open are compared then.
    """
    names, before = checks.local(), checks.local()
    conditions: list[str] = []
    for name, size in checks.known.items():
        if is_spread(name) and name != ELLIPSIS:  # under `*#name` the sizes may still grow
            conditions.append(f"{checks.constant('key', f'*#{name[1:]}')} in {names}")
        if name != ELLIPSIS:
            conditions.append(f"{names}.setdefault({checks.constant('key', name)}, {size}) != {size}")
    conditions += [
        checks.computed(size, axis, names, checks.known, solves=True) for size, axis in checks.open
    ]
    if not conditions:
        return []
    return [
        f"{names} = {names_source('scope')}",
        f"{before} = len({names})",
        f"if {' or '.join(conditions)}:",
        f"    {checks.constant('forget', forget)}({names}, {before})",
        f"    {leave}",
        *unless([f"len({names}) != {before}"], later_source("scope", checks.constant("source", source))),
    ]


def text_lines(
    source: Any, checks: ShapeChecks, variable: str, axes: Sequence[Axis], leave: str
) -> list[str]:
    """Lines that hold one tensor against its axes and against the names of `scope`."""
    if not any(not isinstance(axis, Anonymous) and axis.broadcast for axis in axes):
        unpacking, conditions = checks.tensor(variable, axes)
        lines = [*attempt(checks, [unpacking], leave), *unless(conditions, leave)]
        return lines + sharing_lines(source, checks, leave)
    names, before = checks.local(), checks.local()
    unpacking, conditions = checks.joined(variable, axes, names, solves=True)
    lines = attempt(checks, [unpacking], leave)
    if not conditions:
        return lines
    return [
        *lines,
        f"{names} = {names_source('scope')}",
        f"{before} = dict({names})",
        f"if {' or '.join(conditions)}:",
        f"    {checks.constant('restore', restore)}({names}, {before})",
        f"    {leave}",
        *unless([f"{names} != {before}"], later_source("scope", checks.constant("source", source))),
    ]
