"""TE710: arguments that are not matched along an axis they share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from typed_einsum.testing.audit.findings import Severity
from typed_einsum.testing.behaviour import perturbation
from typed_einsum.testing.calls.call import Call


def unmatched(call: Call) -> Iterator[tuple[str, Severity, str]]:
    """An axis of two arguments whose order in one of them changes nothing."""
    signed = replace(call, arguments=call.changed(perturbation.centred))
    for axis, holders in perturbation.shared_axes(call.recipe, call.arguments):
        for name in holders:
            if perturbation.ignores_order(call, axis, name) and perturbation.ignores_order(
                signed, axis, name
            ):
                text = f"permuting `{axis}` in `{name}` alone changes nothing: its entries are not matched "
                yield "TE710", "advice", f"{text}with those of the other arguments"
