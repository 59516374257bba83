"""Other sizes at which a call takes the path of its trace: found in what the trace asked, without a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, combinations, islice
from math import prod

import sympy

from typed_einsum.testing.axes.shape_env import Point, Question
from typed_einsum.testing.axes.trace import Trace
from typed_einsum.testing.calls.variation import movable, without_numbers
from typed_einsum.testing.inputs.draw import primes

COMMON = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256)
"""What code often needs an axis to be a multiple of."""

MOST = 10**7  # the largest size of an axis


def allows(trace: Trace, sizes: dict[str, int], besides: Question | None = None) -> Iterator[Question]:
    """What has another outcome at some sizes than in the trace; nothing, where the call takes its path."""
    point = trace.point(sizes)
    return (each for each in trace.conditions if each is not besides and not each.holds_at(point))


def moved(trace: Trace, sizes: dict[str, int], name: str, size: int) -> dict[str, int] | None:
    """Sizes in which one axis has another size, and those that must follow it have theirs; None if none."""
    found, free = {**sizes, name: size}, movable(trace.call)
    for _ in range(3):
        broken = next(allows(trace, found), None)
        if broken is None:
            return found
        own = (trace.names.get(symbol) for symbol in broken.symbols)
        followers = [each for each in own if each in free and each != name]
        solved = next((each for each in _following(trace, found, broken, followers)), None)
        if solved is None:
            return None
        found = solved
    return None


def _following(
    trace: Trace, sizes: dict[str, int], broken: Question, followers: list[str]
) -> Iterator[dict[str, int]]:
    if not broken.is_equality:
        return
    for name in followers:
        if name not in sizes:
            continue
        point = dict(trace.point(sizes))
        known = [size for other, size in sizes.items() if other != name]
        multiples = (factor * prime for factor in known for prime in (1, 2, 3, 5, 7, 11, 13))
        for size in chain(multiples, range(2, 100)):
            point[trace.symbols[name]] = size
            if size > 1 and broken.holds_at(point):
                yield {**sizes, name: size}
                break


def apart(trace: Trace, names: frozenset[str], start: int) -> dict[str, int]:
    """The sizes of a trace with fresh ones for some names: primes where they may be, else small multiples."""
    call, sizes = trace.call, dict(trace.call.sizes)
    written = call.recipe.fixed_sizes | (call.maker.numbers if call.maker is not None else frozenset())
    for name in call.sizes:
        if name not in names or name not in trace.symbols:  # a number such as a count of heads
            continue
        others = [size for other, size in sizes.items() if other != name]
        few = apart_first(list(islice(primes(start), 24)), others)
        numbers = chain(
            few,
            (number * prime for number in (2, 3, 4, 6, 8, 12, 16, 24, 32) for prime in few[:8]),
            (number * prime for number in others for prime in few[:4]),
        )
        for size in numbers:
            if size in others or size in written:
                continue
            found = moved(trace, sizes, name, size)
            if found is not None and len({*found.values()}) >= len({*sizes.values()}):
                sizes = found
                break
    return sizes


def apart_first(numbers: list[int], others: Iterable[int]) -> list[int]:
    """Primes, those first that divide no other size: half of 2 * 11 is a size that an axis of 11 has, too."""
    return sorted(numbers, key=lambda prime: any(size % prime == 0 for size in others if size > 1))


def at_other_sizes(trace: Trace, sizes: dict[str, int]) -> Trace | None:
    """A trace as it would be at other sizes at which it takes its path; None where that is not known.

    What Python needed as a number is known at its size alone, and so is what an annotation says, unless it
    holds at both.
    """
    point = trace.point(sizes)
    if any((each.is_number or each.promised) and not each.holds_at(point) for each in trace.questions):
        return None
    return replace(trace, call=without_numbers(trace.call, sizes), sizes=point)


def broken(trace: Trace) -> tuple[str, ...]:
    """The names at other sizes of which the trace does not tell that what annotations say holds.

    They are those of which Python needed the size as a number, as in a loop.
    """
    promised = [each for each in trace.questions if each.promised and each.is_equality]
    found: dict[str, None] = {}
    for start in (23, 101):
        sizes = apart(trace, frozenset(trace.call.sizes), start)
        point = trace.point(sizes)
        for each in promised:
            if each.at(point) not in (each.outcome, None):
                found.update(dict.fromkeys(trace.names[symbol] for symbol in trace.ordered(each.symbols)))
    return tuple(found)


def candidates(sizes: Point, question: Question, symbol: str) -> Iterator[int]:
    """Sizes for one axis: primes, multiples of numbers and of other axes, and then all that are small."""
    others = [sizes[each] for each in question.symbols if each != symbol and each in sizes]
    products = (prod(some) for count in range(1, len(others) + 1) for some in combinations(others, count))
    factors = sorted({*products})
    few = apart_first(list(islice(primes(11), 12)), (size for name, size in sizes.items() if name != symbol))
    own = [prime for prime in (*few, 2, 3, 5) if prime not in others]  # else the product has a size twice
    numbers = sorted({int(each) for each in question.asked.atoms(sympy.Integer) if 1 < each <= 4096})
    found = chain(
        few,
        (number * prime for number in COMMON for prime in few),
        (number * prime for number in numbers for prime in few),
        (number * prime for number in factors for prime in (*own, 1)),
        (number * factor * prime for number in numbers for factor in factors for prime in few[:3]),
        numbers,
        range(2, 600),
    )
    return (size for size in dict.fromkeys(found) if size <= MOST)
