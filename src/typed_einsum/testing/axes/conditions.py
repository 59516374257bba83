"""What a trace asked of the sizes, as conditions that a reader can check: `t <= 64`, `d % 4 == 0`.

The questions themselves are long: a reshape asks whether two products are equal. So they are taken as what
they are, a set of sizes that fit, and the plain conditions are found that describe the same set.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import combinations, permutations, product
from math import prod

import sympy
from torch.utils._sympy.functions import Max

from typed_einsum.testing.axes.shape_env import Point, Question
from typed_einsum.testing.axes.trace import Trace

Condition = Callable[[Point], bool]

SIZES = (*range(2, 200), 210, 420, 720, 1260, 2520, 5040, 10007, 20160, 20011, 55440)
"""Sizes at which one axis is looked at."""

SAMPLES = 3000
"""Points at which several axes are looked at together."""

LONGEST = 60
"""A condition with more characters is not shown."""


def conditions(trace: Trace) -> tuple[str, ...]:
    """The conditions, in the names of the annotations."""
    asked = [
        each
        for each in demands(trace)
        if all("." not in trace.names.get(symbol, ".") for symbol in each.symbols)
    ]
    asked = list({(each.asked, each.outcome): each for each in asked}.values())
    alone = [text for name, symbol in trace.symbols.items() for text in _alone(asked, name, symbol)]
    return tuple(dict.fromkeys([*alone, *_together(trace, asked)]))


def demands(trace: Trace) -> list[Question]:
    """What the code needs of sizes: not what only chooses a way to compute it."""
    return [each for each in map(_simple, trace.conditions) if not _is_of_paths(each)]


def _is_of_paths(question: Question) -> bool:
    """Whether an operation asked which way to take: if something is 0 or 1, or how small it is."""
    if question.written or question.is_equality:
        return False
    if question.asker == "path":
        return True
    asked = question.asked
    if isinstance(asked, sympy.Eq | sympy.Ne):
        return True
    if question.is_of_memory:
        return True
    upper = isinstance(asked, sympy.Le | sympy.Lt) == (question.outcome is True)
    has_number = [each.is_Integer for each in asked.args]
    return any(has_number) and (
        upper == has_number[0] or any(abs(int(each)) <= 2 for each in asked.args if each.is_Integer)
    )


def _simple(question: Question) -> Question:
    plain = replace(question, asked=_of_entries(question.asked))
    return without_common_factors(plain) or plain


def _of_entries(asked: sympy.Basic) -> sympy.Basic:
    """A condition for tensors with entries: strides are computed with `Max(1, size)` for those without."""
    least = [each for each in asked.atoms(Max) if sympy.S.One in each.args]
    return asked.xreplace({each: sympy.Max(*(set(each.args) - {sympy.S.One})) for each in least})


def without_common_factors(question: Question) -> Question | None:
    """An equation of two products without what both have: torch compares how many entries there are."""
    if not question.is_equality or len(question.symbols) < 2 or not isinstance(question.asked, sympy.Eq):
        return None
    factors = [list(sympy.Mul.make_args(side)) for side in question.asked.args]
    for factor in list(factors[0]):
        if factor in factors[1] and factor.is_Symbol:
            factors[0].remove(factor)
            factors[1].remove(factor)
    found = sympy.Eq(sympy.Mul(*factors[0]), sympy.Mul(*factors[1]), evaluate=False)
    return Question(found, True, question.place)


def _alone(asked: Sequence[Question], name: str, symbol: str) -> Iterator[str]:
    """What one axis must be, whatever the others are."""
    own = [each for each in asked if each.symbols == {symbol}]
    fits = [size for size in SIZES if all(each.holds_at({symbol: size}) for each in own)]
    if not own or not fits or len(fits) == len(SIZES):
        return
    if len(fits) == 1:
        yield f"{name} == {fits[0]}"
        return
    steps = range(min(64, fits[1] - fits[0]), 1, -1)
    step = next((k for k in steps if all(size % k == fits[0] % k for size in fits)), 1)
    if step > 1:
        yield f"{name} % {step} == {fits[0] % step}"
    if fits[0] > max(2, step):
        yield f"{name} >= {fits[0]}"
    if fits[-1] < SIZES[-5]:
        yield f"{name} <= {fits[-1]}"


def _together(trace: Trace, asked: Sequence[Question]) -> Iterator[str]:
    """What two axes or more must be to each other: plain conditions first, and then what they do not say."""
    several = [each for each in asked if len(each.symbols) > 1]
    # The symbols of the trace itself: to look up another object that is equal takes sympy microseconds.
    met = {symbol for each in several for symbol in each.symbols}
    symbols = [symbol for symbol in trace.names if symbol in met]
    if not symbols:
        return
    alone = [each for each in asked if len(each.symbols) == 1 and each.symbols <= set(symbols)]
    known = [point for point in _points(trace, symbols) if all(each.holds_at(point) for each in alone)]
    fitting = [point for point in known if all(each.holds_at(point) for each in several)]
    own = [(shown(trace, each), each.holds_at) for each in several if each.is_equality]
    own = sorted(own, key=lambda pair: len(pair[0]))
    less = [(shown(trace, each), each.holds_at) for each in several if not each.is_equality]
    tried = [
        *_equal(trace, symbols),
        *own,
        *_ordered(trace, symbols),
        *sorted(less, key=lambda pair: len(pair[0])),
    ]
    for text, condition in tried if fitting else [*own, *less]:
        if len(known) == len(fitting):
            return
        if len(text) > LONGEST or not all(map(condition, fitting)):
            continue
        left = [point for point in known if condition(point)]
        if len(left) < len(known):
            known = left
            yield text


def _points(trace: Trace, symbols: Sequence[str]) -> Iterator[Point]:
    """Sizes taken at random, often such that one is a multiple of others."""
    for sizes in _sampled(len(symbols)):
        yield {**trace.sizes, **dict(zip(symbols, sizes, strict=True))}


@lru_cache(maxsize=16)
def _sampled(count: int) -> tuple[tuple[int, ...], ...]:
    """Sizes of so many axes: always the same ones, and to take them anew is slow."""
    dice, axes = random.Random(0), range(count)
    found = []
    for _ in range(SAMPLES):
        point: dict[int, int] = {}
        for axis in dice.sample(axes, count):
            factors = dice.sample(list(point.values()), dice.randint(0, min(2, len(point))))
            size = dice.choice((1, 1, 2, 3, 4)) if factors else dice.choice((2, 3, 4, 5, 6, 7, 8, 12))
            for factor in factors:
                size *= factor
            point[axis] = size
        found.append(tuple(point[axis] for axis in axes))
    return tuple(found)


def _equal(trace: Trace, symbols: Sequence[str]) -> Iterator[tuple[str, Condition]]:
    """Plain equations that two axes or three may be held to, the strictest first."""
    names, pairs = trace.names, list(permutations(symbols, 2))
    several = [
        (axis, factors, "*".join(names[each] for each in factors))
        for count in (3, 2)
        for axis in symbols
        for factors in combinations([each for each in symbols if each != axis], count)
    ]
    for a, b in combinations(symbols, 2):
        yield f"{names[a]} == {names[b]}", partial(_is_product, a, 1, (b,))
    for (a, b), k in product(pairs, (2, 3, 4, 8)):
        yield f"{names[a]} == {k}*{names[b]}", partial(_is_product, a, k, (b,))
    for axis, factors, text in several:
        yield f"{names[axis]} == {text}", partial(_is_product, axis, 1, factors)
    for axis, factors, text in several:
        yield f"{names[axis]} % ({text}) == 0", partial(_is_multiple, axis, 1, factors)
    for a, b in pairs:
        yield f"{names[a]} % {names[b]} == 0", partial(_is_multiple, a, 1, (b,))
    for a, k in product(symbols, (16, 12, 9, 8, 6, 5, 4, 3, 2)):
        yield f"{names[a]} % {k} == 0", partial(_is_multiple, a, k, ())


def _ordered(trace: Trace, symbols: Sequence[str]) -> Iterator[tuple[str, Condition]]:
    """Which of two axes is longer."""
    for a, b in permutations(symbols, 2):
        yield f"{trace.names[a]} < {trace.names[b]}", partial(_is_less, a, b, 1)
        yield f"{trace.names[a]} <= {trace.names[b]}", partial(_is_less, a, b, 0)


def _is_product(axis: str, number: int, factors: Sequence[str], point: Point) -> bool:
    return point[axis] == number * prod(point[factor] for factor in factors)


def _is_multiple(axis: str, number: int, factors: Sequence[str], point: Point) -> bool:
    return point[axis] % (number * prod(point[factor] for factor in factors)) == 0


def _is_less(one: str, other: str, by: int, point: Point) -> bool:
    return point[one] + by <= point[other]


def shown(trace: Trace, question: Question) -> str:
    """A condition in the reader's names."""
    asked = question.asked if question.outcome else sympy.Not(question.asked)
    renamed = asked.xreplace(
        {symbol: sympy.Symbol(trace.names[symbol.name]) for symbol in asked.free_symbols}
    )
    if isinstance(renamed, sympy.Eq | sympy.Ne):
        sign = "==" if isinstance(renamed, sympy.Eq) else "!="
        return f"{_tidy(renamed.lhs)} {sign} {_tidy(renamed.rhs)}"
    return _tidy(renamed)


def _tidy(expression: sympy.Basic) -> str:
    text = re.sub(r"(?:Python)?Mod\(([^,()]+), ([^,()]+)\)", r"\1 % \2", str(expression))
    return re.sub(r"\(\((\w+//\w+)\)\)", r"(\1)", text)
