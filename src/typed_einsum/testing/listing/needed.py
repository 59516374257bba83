"""Sizes that Python needed as numbers, as a loop does: do shapes depend on them?

A second run, with these axes twice as long, has the same shapes in symbols if they do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from typed_einsum.testing.calls.variation import without_numbers
from typed_einsum.testing.inputs.recipe import CannotMake
from typed_einsum.testing.listing.recorder import Recorded
from typed_einsum.testing.listing.running import Ran
from typed_einsum.testing.listing.values import Size, sizes_in


def told_apart(ran: Ran) -> Ran:
    """A run that knows at which sizes alone its shapes hold, and asks nothing that only a number asks."""
    call, again = ran.call, ran.again
    if call is None or again is None or ran.trace is None:
        return ran
    asked = ran.trace.questions
    numbers = {symbol for each in asked if each.is_number and not each.promised for symbol in each.symbols}
    moved = [symbol for symbol in ran.places if symbol.name in numbers and ran.final(symbol) == symbol]
    if not moved:
        return ran
    sizes = {
        place: 2 * ran.sizes[symbol] for symbol, place in ran.places.items() if ran.final(symbol) in moved
    }
    try:
        other = again(without_numbers(call, sizes))
    except (CannotMake, TypeError):
        return replace(ran, fixed=tuple(moved))
    if other.error is not None or not _are_alike(ran, other):
        return replace(ran, fixed=tuple(moved))
    point = ran.trace.point(sizes)
    kept = tuple(each for each in ran.trace.questions if each.is_number or each.holds_at(point))
    return replace(ran, trace=replace(ran.trace, questions=kept))


def _are_alike(one: Ran, other: Ran) -> bool:
    """Whether two runs have the same shapes in symbols."""
    by_place = {place: symbol for symbol, place in one.places.items()}
    renamed = {symbol: by_place[place] for symbol, place in other.places.items()}
    own = (one.final(size) for call in one.recorder.calls for size in _sizes(call))
    theirs = [other.final(size) for call in other.recorder.calls for size in _sizes(call)]
    found = [size if isinstance(size, int) else size.xreplace(renamed) for size in theirs]
    return [*own] == found


def _sizes(call: Recorded) -> Iterator[Size]:
    for value in call.values():
        yield from sizes_in(value)
