"""The audit of a call that nobody has annotated: its axes get names first, and then it is judged with these.

What is said must be certain without an author's intention. So what only annotations promise is not judged,
and what a change of the input does to the result is advice.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit import Finding, Watch
from typed_einsum.testing.audit.dimensions import TrackedAxes
from typed_einsum.testing.axes.judge import judge
from typed_einsum.testing.axes.shape_env import value_at
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.calls.variation import at
from typed_einsum.testing.inputs.recipe import Recipe
from typed_einsum.testing.listing.named import names_of
from typed_einsum.testing.listing.running import Ran, call_of, recorded_call
from typed_einsum.testing.listing.values import Number, Size, sizes_in
from typed_einsum.testing.names.evidence import Kind
from typed_einsum.testing.names.glossary import glossary_near
from typed_einsum.testing.names.hints import hint_of
from typed_einsum.testing.names.naming import Names
from typed_einsum.testing.running.invoke import reseed

OURS = (
    *("TE2", "TE3", "TE5", "TE701", "TE702", "TE711", "TE712", "TE713", "TE718", "TE719", "TE720", "TE738"),
)
"""Codes of what an annotation says or promises: those of a call without any are our own guesses."""

BEHAVIOUR = ("TE709", "TE710", "TE736", "TE737", "TE739", "TE740")
"""Codes of what a change of the input does: whether it should is the author's to say."""


def audited(call: Call, ran: Ran, names: Names) -> tuple[Finding, ...]:
    """What is wrong with a call that was recorded, and whose axes have names."""
    if not ran.recorder.calls or ran.error is not None:
        return ()
    if ran.reason:
        return tuple(_at_these_sizes(call, ran, names))
    first = ran.recorder.calls[0]
    hints = {
        name: hint_of(value, names, first.source, is_argument=True)
        for name, value in first.arguments.items()
        if not isinstance(value, Number)
    }
    recipe = Recipe(call.recipe.signature, hints, hint_of(first.result, names, first.source))
    said = judge(replace(call, recipe=recipe, sizes={}))
    found = tuple(_as_doubted(_certain(said.findings), _unnamed_and_equal(ran, names)))
    if any(each.severity == "error" for each in found):
        return found
    return (*found, *_at_these_sizes(call, ran, names))


def _unnamed_and_equal(ran: Ran, names: Names) -> frozenset[str]:
    """The axes that no code names, and that had the size of another in the call: they may be that axis."""
    called = {ran.final(symbol): size for symbol, size in ran.sizes.items()}
    sizes = Counter(called.values())
    return frozenset(
        names.symbols[axis].name
        for axis, size in called.items()
        if axis in names.symbols and sizes[size] > 1 and names.symbols[axis].evidence.kind is Kind.PLACE
    )


def _as_doubted(findings: Iterable[Finding], doubted: frozenset[str]) -> Iterator[Finding]:
    """Findings, of which those that speak of a doubted axis are advice."""
    for each in findings:
        is_doubted = not doubted.isdisjoint(re.findall(r"\w+", each.message))
        yield replace(each, severity="advice") if is_doubted else each


def _at_these_sizes(call: Call, ran: Ran, names: Names) -> Iterator[Finding]:
    """What the audit sees at the sizes of the call, if these tell its axes apart."""
    free = {ran.final(symbol): ran.seen[place] for symbol, place in ran.places.items()}
    sizes = [size for symbol, size in free.items() if not isinstance(symbol, int)]
    numbers = {symbol for symbol in free if isinstance(symbol, int)} | {*_others(ran, free)}
    if len({*sizes, *numbers}) < len(sizes) + len(numbers) or not sizes or min(sizes) < 2:
        return
    told = {names.text(symbol, None): size for symbol, size in free.items()}
    watch = Watch(TrackedAxes({name: size for name, size in told.items() if size > 1}))
    here = at(call, {})
    reseed(0)
    with torch.no_grad(), watch, suppress(Exception):  # what it raises is seen where the program runs
        here.function(*here.bound.args, **here.bound.kwargs)
    yield from _certain(tuple(watch.findings))


def _others(ran: Ran, free: Mapping[Size, int]) -> Iterator[int]:
    """The sizes in a call that no argument has as an axis: of layers, and what the code computes of sizes."""
    sizes = {symbol.name: size for symbol, size in free.items() if not isinstance(symbol, int)}
    owners = {id(call.owner): call.owner for call in ran.recorder.calls if isinstance(call.owner, nn.Module)}
    for owner in owners.values():
        for parameter in (*owner.parameters(recurse=False), *owner.buffers(recurse=False)):
            yield from (size for size in shape_of(parameter) if size > 1)
    found = {size for call in ran.recorder.calls for value in call.values() for size in sizes_in(value)}
    for size in found - {1} - free.keys():
        value = size if isinstance(size, int) else value_at(size, sizes)
        if value is not None:
            yield int(value)


def in_names(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], sizes: Mapping[str, int]
) -> tuple[tuple[Finding, ...], dict[str, int]] | None:
    """What the audit sees at the sizes of a call, in the names that the code has; None where it has none.

    `sizes` are those of the axes by their places. The call runs again, on copies.
    """
    try:
        call, start = call_of(function, args, kwargs)
        ran = recorded_call(call, start)
        names = names_of(ran, glossary_near())
        entry = ran.recorder.calls[0].source if ran.recorder.calls else None
        called = {place: names.text(ran.final(symbol), entry) for symbol, place in ran.places.items()}
        named = {called.get(place, place): size for place, size in sizes.items()}
        here = at(call, {})
        watch = Watch(TrackedAxes(named))
        reseed(0)
        with torch.no_grad(), watch:
            start(here.bound)
    except Exception:  # what cannot be copied or run again is told by its places
        return None
    is_whole = len(named) == len(sizes) and all(name.isidentifier() for name in named) and watch.findings
    return (tuple(watch.findings), named) if is_whole else None


def _certain(findings: tuple[Finding, ...]) -> Iterator[Finding]:
    for each in findings:
        if each.code.startswith(BEHAVIOUR):
            yield replace(each, severity="advice")
        elif not each.code.startswith(OURS):
            yield each
