"""Sizes at which a call runs that torch's symbolic shapes cannot follow: found by running it."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from typed_einsum.testing.audit.repairs import Repair
from typed_einsum.testing.axes.widths import widths_for
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.calls.variation import at, movable
from typed_einsum.testing.inputs.draw import Falling, multiples, primes, rising
from typed_einsum.testing.inputs.recipe import CannotMake
from typed_einsum.testing.running.attempts import Attempt, attempt, needs_numbers
from typed_einsum.testing.running.excuses import ENOUGH_REFUSALS, refused_by_library

LONG = 5.0
"""After so many seconds of failing, a function is tried no further."""

MOST_REPAIRS = 6  # sizes that are put right, one call after another, before other sizes are tried

MOST = 4096
"""No axis is multiplied by more than this."""

Start = Callable[[], Iterator[int]]


def first_that_runs(call: Call) -> Attempt:
    """The first attempt that ran; or the failure that came furthest.

    That is the first with a message of this library, which names axes, or else that which came furthest:
    what stops others earlier is a size that the body does not take.
    """
    failures: list[Attempt] = []
    refused: Counter[str] = Counter()
    begun = time.monotonic()
    is_large = call.maker is not None and call.maker.is_large
    for large, small in _starts(call):
        try:
            tried = _repaired(call, large, "meta")
            if tried.error is not None and needs_numbers(tried.error) and not is_large:
                tried = _repaired(call, small, "cpu")
        except CannotMake:
            if not failures:
                raise
            continue
        if tried.error is None:
            return tried
        failures.append(tried)
        refused.update(refused_by_library(tried.error))
        if tried.refused or _is_hopeless(tried, refused, is_large) or time.monotonic() - begun > LONG:
            break
    return next((each for each in failures if each.names_axes), _furthest(failures))


def _is_hopeless(failed: Attempt, refused: Counter[str], is_large: bool) -> bool:
    """Whether no sizes would help: numbers are needed and not to be had, or a library refuses something else
    at one place time and again."""
    assert failed.error is not None
    needs_more = is_large and needs_numbers(failed.error)
    return needs_more or any(count >= ENOUGH_REFUSALS for count in refused.values())


def with_falling_numbers(call: Call) -> Attempt | None:
    """A call of which the code refuses the whole numbers that were chosen, with each less than the last one:
    a rank is at most the width. None where it does not run either."""
    if call.maker is None or not any(type(call.arguments.get(name)) is int for name in call.sizes):
        return None
    try:
        tried = attempt(call.maker.call({}, Falling(6), variant=call.variant, device="cpu"))
    except CannotMake:
        return None
    return tried if tried.error is None else None


def on_numbers(call: Call) -> Call | None:
    """The call at small sizes on real numbers, where it runs; None if it does not."""
    begun = time.monotonic()
    for _, small in _starts(call):
        try:
            tried = _repaired(call, small, "cpu")
        except CannotMake:
            return None
        if tried.error is None:
            return at(call, tried.call.sizes, "cpu")
        if time.monotonic() - begun > LONG:
            break
    return None


def _starts(call: Call) -> Iterator[tuple[Start, Start]]:
    """Kinds of sizes to try, on `meta` and, smaller, for functions that need real numbers.

    Primes first, then multiples of numbers in the source, since a body may need an axis to be divisible; and
    last, sizes that divide each other.
    """
    numbers = call.maker.numbers if call.maker is not None else frozenset()
    yield lambda: primes(11), lambda: primes(3)
    yield lambda: multiples(24, 11), lambda: multiples(4, 3)
    factor = math.lcm(16, *numbers)
    yield lambda: multiples(factor if factor <= MOST else 16, 11), lambda: multiples(8, 3)
    yield lambda: Falling(8), lambda: Falling(6)
    yield rising, rising


def _repaired(call: Call, start: Start, device: str) -> Attempt:
    """An attempt; where the failed call itself says which size would do, again with that one."""
    free = movable(call)
    known = {**dict(zip(sorted(free, key=list(call.sizes).index), start(), strict=False)), **widths_for(call)}
    first = tried = attempt(at(call, known, device))
    mended: set[str] = set()
    for _ in range(MOST_REPAIRS):
        repair = next(
            (each for each in tried.repairs if each.name in free - mended and _is_allowed(call, each)), None
        )
        if tried.error is None or repair is None:
            break
        mended.add(repair.name)
        known = {**known, repair.name: _size(repair, {**call.sizes, **known})}
        try:
            tried = attempt(at(call, known, device))
        except CannotMake:
            break
    return tried if tried.error is None else _furthest([first, tried])


def _is_allowed(call: Call, repair: Repair) -> bool:
    """A size that is held fixes an axis where the function has an object to hold it."""
    return not repair.held or call.object is not None


def _size(repair: Repair, sizes: Mapping[str, int]) -> int:
    """The size that a failed call asks for: exactly, or a multiple that nothing else has."""
    if repair.exact:
        return repair.size
    return next(size for size in multiples(repair.size, 5) if size not in sizes.values())


def _furthest(attempts: Sequence[Attempt]) -> Attempt:
    return max(attempts, key=lambda each: each.calls)  # the first of equals
