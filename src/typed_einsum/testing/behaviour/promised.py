"""TE712: promises about axes that do not hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from typed_einsum.testing.audit.findings import Flaw, SourceLine, error
from typed_einsum.testing.behaviour import perturbation
from typed_einsum.testing.behaviour.perturbation import NoSuchAxis
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.contracts.promises import Promises


def broken(call: Call, promises: Promises, definition: SourceLine) -> Iterator[tuple[str, Flaw]]:
    """Promises that are held in both directions, and found not to be true."""
    messages = [
        *(message for name in promises.independent or () for message in _independent(call, name)),
        *(message for name in promises.causal or () for message in _causal(call, name)),
        *(message for name in promises.couples or () for message in _coupled(call, name)),
        *(_ordered(call, promises.ordered) if promises.ordered is not None else ()),
    ]
    yield from (("TE712", error(message, definition)) for message in messages)


def _independent(call: Call, name: str) -> Iterator[str]:
    try:
        found = perturbation.moved(call, name)
    except NoSuchAxis:
        yield f"`{name}` is said to be independent, but inputs and result do not both have it"
        return
    if found is not None:
        yield (
            f"`{name}` is said to be independent, but changing entry {found.changed} changes the result at "
            f"entry {found.moved}"
        )


def _causal(call: Call, name: str) -> Iterator[str]:
    """No entry of the result depends on a later one, and some depend on an earlier one."""
    try:
        backward = perturbation.moved(call, name, lambda changed, entry: entry >= changed)
        forward = perturbation.moved(call, name, lambda changed, entry: entry <= changed)
    except NoSuchAxis:
        yield f"`{name}` is said to be causal, but inputs and result do not both have it"
        return
    if backward is not None:
        yield (
            f"`{name}` is said to be causal, but changing entry {backward.changed} changes the result at the "
            f"earlier entry {backward.moved}"
        )
    elif forward is None:
        yield f'`{name}` is said to be causal, but no entry moves a later one: say independent="{name}"'


def _coupled(call: Call, name: str) -> Iterator[str]:
    if name not in call.recipe.axis_names:
        named = ", ".join(f"`{each}`" for each in sorted(call.recipe.axis_names)) or "none"
        yield f"`{name}` is said to couple samples, but no argument has such an axis: they have {named}"


def _ordered(call: Call, ordered: Sequence[str]) -> Iterator[str]:
    for name in ordered:
        if name not in call.recipe.axis_names:
            yield f"`{name}` is said to be ordered, but no argument has such an axis"
    for name in sorted(call.recipe.axis_names):
        found = perturbation.is_equivariant(call, name)
        if found is True and name in ordered:
            yield f"`{name}` is said to be ordered, but the order changes nothing"
        if found is False and name not in ordered:
            yield (
                f'the result does not follow a permutation of `{name}`: say ordered="{name}" if its order '
                "matters"
            )
