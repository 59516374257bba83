"""Sizes that Python needed as numbers, as a loop does: do shapes depend on them?

A second run, with these axes twice as long, has the same shapes in symbols if they do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy

from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.calls.variation import without_numbers
from typed_einsum.testing.inputs.recipe import CannotMake
from typed_einsum.testing.listing.recorder import Recorded
from typed_einsum.testing.listing.running import Ran
from typed_einsum.testing.listing.values import Size, sizes_in


def needed(call: Call, ran: Ran, again: Callable[[Call], Ran]) -> tuple[sympy.Symbol, ...]:
    """The symbols at whose sizes alone the shapes are known. `again` runs another call on symbols."""
    asked = ran.trace.questions if ran.trace is not None else ()
    numbers = {symbol for each in asked if each.is_number and not each.promised for symbol in each.symbols}
    moved = [symbol for symbol in ran.places if symbol in numbers and ran.final(symbol) == symbol]
    if not moved:
        return ()
    sizes = {
        place: 2 * ran.sizes[symbol] for symbol, place in ran.places.items() if ran.final(symbol) in moved
    }
    try:
        other = again(without_numbers(call, sizes))
    except (CannotMake, TypeError):
        return tuple(moved)
    if other.error is not None or not _are_alike(ran, other):
        return tuple(moved)
    return ()


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
