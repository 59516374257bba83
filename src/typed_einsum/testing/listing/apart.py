"""Axes that are equal in a call by chance, or have one entry: torch takes them for one, or for the number 1.

The call runs again with other sizes for these. Where it comes through, they are axes of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from time import perf_counter

import sympy

from typed_einsum.testing.calls.variation import without_numbers
from typed_einsum.testing.inputs.draw import primes
from typed_einsum.testing.inputs.recipe import CannotMake
from typed_einsum.testing.listing.running import Ran

MOST_RUNS, LONG = 6, 4.0
"""How many runs there may be with one axis moved, and how many seconds all may take."""


def separated(ran: Ran) -> Ran:
    """The same call, with axes as one only where they must be."""
    if ran.error is not None or ran.call is None or ran.again is None:
        return ran
    merged = [symbol for symbol in ran.places if _is_merged(ran, symbol)]
    fresh = primes(max([*ran.sizes.values(), 2]) + 1)
    moved = {ran.places[symbol]: max(ran.sizes[symbol], 1) * next(fresh) for symbol in merged}
    if not moved:
        return ran
    begun = perf_counter()
    if (found := _run(ran, moved)) is not None:
        return found
    best, kept = ran, _alike(ran)
    if (found := _run(ran, kept)) is not None:
        best = found
        moved = {place: size for place, size in moved.items() if _is_merged(best, _symbol(best, place))}
    else:
        kept = {}
    for place in list(moved)[:MOST_RUNS] if len(moved) > 1 else ():
        if perf_counter() - begun > LONG:
            break
        tried = _run(ran, {**kept, place: moved[place]})
        if tried is not None:
            best, kept = tried, {**kept, place: moved[place]}
    return best


def _alike(ran: Ran) -> dict[str, int]:
    """Sizes in which no tensor has one twice, while tensors that are alike stay so."""
    fresh, found = primes(max([*ran.sizes.values(), 2]) + 1), dict[str, int]()
    by_turn: dict[tuple[int, int], int] = {}
    counts: Counter[tuple[str, int]] = Counter()
    for symbol, place in ran.places.items():
        size, tensor = ran.sizes[symbol], place.rpartition(".")[0]
        turn = counts[tensor, size]
        counts[tensor, size] += 1
        if (size, turn) not in by_turn:
            by_turn[size, turn] = max(size, 1) * next(fresh) if turn or size < 2 else size
        found[place] = by_turn[size, turn]
    return found


def _symbol(ran: Ran, place: str) -> sympy.Symbol:
    return next(symbol for symbol, other in ran.places.items() if other == place)


def _is_merged(ran: Ran, symbol: sympy.Symbol) -> bool:
    last = ran.final(symbol)
    return last != symbol and (isinstance(last, int) or bool(last.is_Symbol))


def _run(ran: Ran, sizes: Mapping[str, int]) -> Ran | None:
    """The call at other sizes; None where it fails there. What is shown are the sizes that it has."""
    assert ran.call is not None
    assert ran.again is not None
    try:
        call = without_numbers(ran.call, _together(ran, sizes))
        found = ran.again(call)
    except (CannotMake, TypeError):
        return None
    if found.error is not None or [*_path(found)] != [*_path(ran)]:
        return None
    return replace(found, call=call, again=ran.again, seen=ran.seen)


def _together(ran: Ran, sizes: Mapping[str, int]) -> dict[str, int]:
    """Sizes in which axes that an operation goes along together have one size."""
    found = dict(sizes)
    for pair in ran.together * 2:  # of three, the last pair may move what the first one has
        moved = [found[place] for place in pair if place in found]
        found |= dict.fromkeys(pair, moved[0]) if moved else {}
    return found


def _path(ran: Ran) -> Iterator[tuple[object, frozenset[int]]]:
    """The functions that a call went through, with the lines that ran."""
    for call in ran.recorder.calls:
        yield call.source, frozenset(call.lines)
