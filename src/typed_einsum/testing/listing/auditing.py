"""The audit of a call that nobody has annotated: its axes get names first, and then it is judged with these.

What is said must be certain without an author's intention. So what only annotations promise is not judged,
and what a change of the input does to the result is advice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from typed_einsum.testing.audit import Finding
from typed_einsum.testing.axes.judge import Judgement, judge
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.inputs.recipe import Recipe
from typed_einsum.testing.listing.named import names_of
from typed_einsum.testing.listing.needed import told_apart
from typed_einsum.testing.listing.running import Ran, recorded_call
from typed_einsum.testing.listing.values import Number
from typed_einsum.testing.names.glossary import glossary_near
from typed_einsum.testing.names.hints import hint_of
from typed_einsum.testing.names.naming import Names

OURS = ("TE1", "TE2", "TE3", "TE5", "TE701", "TE702", "TE711", "TE712", "TE713", "TE718", "TE719", "TE720")
"""Codes of what an annotation says or promises: those of a call without any are our own guesses."""

BEHAVIOUR = ("TE709", "TE710", "TE736", "TE737")
"""Codes of what a change of the input does: whether it should is the author's to say."""


def audited(call: Call) -> tuple[Ran, Names, Judgement | None]:
    """A call as it was recorded, the names of its axes, and what is wrong with it."""
    ran = told_apart(recorded_call(call))
    names = names_of(ran, glossary_near())
    if ran.error is not None or ran.reason or not ran.recorder.calls:
        return ran, names, None
    first = ran.recorder.calls[0]
    hints = {
        name: hint_of(value, names, first.source)
        for name, value in first.arguments.items()
        if not isinstance(value, Number)
    }
    result = hint_of(first.result, names, first.source)
    recipe = Recipe(call.recipe.signature, hints, result)
    said = judge(replace(call, recipe=recipe, sizes={}))
    return ran, names, replace(said, findings=tuple(_certain(said.findings)))


def _certain(findings: tuple[Finding, ...]) -> Iterator[Finding]:
    for each in findings:
        if each.code.startswith(BEHAVIOUR):
            yield replace(each, severity="advice")
        elif not each.code.startswith(OURS):
            yield each
