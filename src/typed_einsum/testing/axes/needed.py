"""Sizes that Python needed as numbers, as `len(x)` or a loop does: a trace knows them at one size alone.

What such a number meets must be that number: a condition that says nothing of the code. A second trace, at
other sizes of these axes, tells the two apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Sized
from dataclasses import replace
from itertools import chain, islice

from typed_einsum.testing.axes.points import broken
from typed_einsum.testing.axes.trace import Trace, trace
from typed_einsum.testing.calls.variation import movable, without_numbers
from typed_einsum.testing.inputs.draw import primes
from typed_einsum.testing.inputs.recipe import CannotMake


def told_apart(first: Trace) -> tuple[Trace, dict[str, tuple[int, ...]]]:
    """A trace with the conditions that the code has, and the sizes tried of axes that were numbers."""
    needed = [each for each in first.needs if each.is_number]
    names = [name for each in needed for symbol, name in first.names.items() if symbol in each.symbols]
    names = [name for name in dict.fromkeys(names) if name in movable(first.call)]
    if not names:
        return first, {}
    alone = [name for name in names if any(first.names.get(str(each.asked)) == name for each in needed)]
    # A number within an expression, such as a count of chunks, may go with few sizes of its axes.
    second = next(chain(_seconds(first, names), _seconds(first, alone)), None)
    if second is None:
        own = {first.names.get(str(each.asked)) for each in needed if each.asker == "code"}
        matter = [name for name in names if name in {*broken(first), *own} or _is_fixed(first, name)]
        return first, {name: (first.call.sizes[name],) for name in matter}
    other = first.point(second.call.sizes)
    kept = tuple(each for each in first.questions if each.promised or each.holds_at(other))
    told = replace(first, questions=kept)
    whole = [each for each in needed if each.asker == "code" and not each.holds_at(other)]
    unsure = {name for each in whole for symbol, name in first.names.items() if symbol in each.symbols}
    unsure |= {name for name in broken(told) if name in names}
    unsure |= {name for name in names if len(kept) < len(first.questions) and _is_fixed(first, name)}
    sizes = first.call.sizes, second.call.sizes
    return told, {name: tuple(sorted(each[name] for each in sizes)) for name in names if name in unsure}


def _seconds(first: Trace, names: list[str]) -> Iterator[Trace]:
    """The same call at other sizes of these axes: larger ones, and then smaller ones."""
    taken = set(first.call.sizes.values())
    if not names:
        return
    for start in (max(first.call.sizes[name] for name in names) + 1, 3):
        fresh = islice((size for size in primes(start) if size not in taken), len(names))
        try:
            found = trace(
                without_numbers(first.call, {**first.call.sizes, **dict(zip(names, fresh, strict=True))})
            )
        except CannotMake:
            continue
        if found.error is None:
            yield found


def _is_fixed(first: Trace, name: str) -> bool:
    """Whether some condition holds at one size of an axis alone."""
    symbol = first.symbols[name]
    others = [{**first.sizes, symbol: size} for size in islice(primes(2), 12) if size != first.sizes[symbol]]
    asked = [each for each in first.conditions if symbol in each.symbols and each.is_equality]
    return any(not any(each.holds_at(point) for point in others) for each in asked)


def numbers_tried(tried: Mapping[str, Sequence[int]]) -> Iterator[str]:
    """The condition that axes which Python needed as numbers have the sizes tried."""
    if tried:
        sizes = [
            f"{name} {'==' if len(few) == 1 else 'in'} {few[0] if len(few) == 1 else few}"
            for name, few in tried.items()
        ]
        yield f"{' and '.join(sizes)}, which Python needs as {as_numbers(tried)}"


def as_numbers(names: Sized) -> str:
    """One number, or several."""
    return "a number" if len(names) == 1 else "numbers"
