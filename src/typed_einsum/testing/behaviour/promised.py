"""TE712: promises about axes that do not hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from typed_einsum.testing.audit.findings import Severity
from typed_einsum.testing.behaviour import perturbation
from typed_einsum.testing.behaviour.perturbation import NoSuchAxis
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.contracts.promises import Promises


def broken(call: Call, promises: Promises) -> Iterator[tuple[str, Severity, str]]:
    """Promises that are held in both directions, and found not to be true."""
    for name in promises.independent or ():
        try:
            found = perturbation.moved(call, name)
        except NoSuchAxis:
            text = f"`{name}` is said to be independent, but inputs and result do not both have it"
            yield "TE712", "error", text
            continue
        if found is not None:
            text = f"`{name}` is said to be independent, but changing entry {found[0]} changes the result "
            yield "TE712", "error", f"{text}at entry {found[1]}"
    if promises.ordered is not None:
        yield from _ordered(call, promises.ordered)


def _ordered(call: Call, ordered: Sequence[str]) -> Iterator[tuple[str, Severity, str]]:
    for name in ordered:
        if name not in call.recipe.axis_names:
            yield "TE712", "error", f"`{name}` is said to be ordered, but no argument has such an axis"
    for name in sorted(call.recipe.axis_names):
        found = perturbation.is_equivariant(call, name)
        if found is True and name in ordered:
            yield "TE712", "error", f"`{name}` is said to be ordered, but the order changes nothing"
        if found is False and name not in ordered:
            text = f'the result does not follow a permutation of `{name}`: say ordered="{name}" if its '
            yield "TE712", "error", f"{text}order matters"
