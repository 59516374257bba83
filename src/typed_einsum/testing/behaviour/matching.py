"""TE710: arguments that are not matched along an axis they share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from typed_einsum.testing.audit.findings import Flaw, SourceLine, advice
from typed_einsum.testing.behaviour import perturbation
from typed_einsum.testing.behaviour.trace import steps_of
from typed_einsum.testing.calls.call import Call


def unmatched(call: Call, definition: SourceLine) -> Iterator[tuple[str, Flaw]]:
    """An axis of two arguments whose order in one of them changes nothing, and all pairs of which meet.

    Where no pairs meet, each argument is reduced by itself, and there is nothing to match.
    """
    shared = list(perturbation.shared_axes(call.recipe, call.arguments))
    paired = _paired_axes(call) if shared else set()
    signed = replace(call, arguments=call.changed(perturbation.centred))
    for axis, holders in shared:
        for name in holders if axis in paired else ():
            if perturbation.ignores_values(call, name):
                continue
            if all(perturbation.ignores_order(each, axis, name) for each in (call, signed)):
                message = (
                    f"permuting `{axis}` in `{name}` alone changes nothing: its entries are not matched with "
                    "those of the other arguments"
                )
                yield "TE710", advice(message, definition)


def _paired_axes(call: Call) -> set[str]:
    """The axes of which some operation combines every entry with every other one."""
    found = set()
    for step in steps_of(call, call.arguments):
        names = [factor.axis for dimension in step.dimensions for factor in dimension]
        found |= {name for name in names if names.count(name) > 1}
    return found
