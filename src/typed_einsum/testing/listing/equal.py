"""Which axes are one in a call, from what torch has asked of their sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations

import sympy

from typed_einsum.testing.axes.quotients import same_quotients, simplified
from typed_einsum.testing.axes.shape_env import Question
from typed_einsum.testing.listing.values import Size


def paired(
    questions: Sequence[Question],
    sizes: Mapping[sympy.Symbol, int],
    by_entry: Sequence[tuple[Size, Size]] = (),
) -> dict[sympy.Symbol, sympy.Basic]:
    """Axes that are one in this call, where products of axes had to be equal, as in `b*t == n*s`.

    So are those of one size that an operation goes along together, `by_entry`. The earlier symbol stays: that
    of the argument that comes first. An axis that had to be a number for an operation is one; where the code
    compares it with a number, it stays an axis of its own.
    """
    order, found = list(sizes), dict[sympy.Symbol, sympy.Basic]()
    numbers: set[sympy.Symbol] = set()
    for one, other in by_entry:
        pair = [found.get(each, each) for each in (one, other) if isinstance(each, sympy.Basic)]
        if len({*pair}) == 2 and all(each in sizes for each in pair) and sizes[pair[0]] == sizes[pair[1]]:
            first, later = sorted(pair, key=order.index)
            found = {symbol: kept.xreplace({later: first}) for symbol, kept in found.items()} | {later: first}
    for each in questions:
        if each.is_number and each.asker != "path":
            numbers |= each.asked.free_symbols
        if not each.is_equality or not isinstance(each.asked, sympy.Eq):
            continue
        asked = same_quotients(*each.asked.args) or each.asked.args
        sides = _without_common_terms([simplified(side.xreplace(found)) for side in asked])
        if (alone := _determined(sides, order)) is not None:
            if numbers & each.asked.free_symbols:  # what is compared may be the number that Python has needed
                continue
            if (
                each.written and sides[1].is_Integer
            ):  # `assert h == 32` makes no axis of 32 another one's equal
                continue
            found = {symbol: kept.xreplace(alone) for symbol, kept in found.items()} | alone
            continue
        left, right = (sympy.Mul.make_args(side) for side in sides)
        if not all(axis in sizes for axis in (*left, *right)) or {*left} & {*right}:
            continue
        by_size = {sizes[axis]: axis for axis in left}
        if len(by_size) != len(left) or sorted(by_size) != sorted(sizes[axis] for axis in right):
            continue
        for axis in right:
            first, later = sorted((axis, by_size[sizes[axis]]), key=order.index)
            found = {symbol: first if kept == later else kept for symbol, kept in found.items()} | {
                later: first
            }
    return found


def _determined(
    sides: Sequence[sympy.Basic], order: Sequence[sympy.Symbol]
) -> dict[sympy.Symbol, sympy.Basic] | None:
    """An axis that had to be a number, or what earlier axes make together."""
    for one, other in permutations(sides, 2):
        if one in order and all(each in order[: order.index(one)] for each in other.free_symbols):
            return {one: other}
    return None


def size_of_expression(expression: sympy.Expr) -> Size:
    """A number where an expression is one."""
    return int(expression) if expression.is_Integer else expression


def _without_common_terms(sides: Sequence[sympy.Expr]) -> list[sympy.Expr]:
    """The two sides of an equation, without what both add or are multiplied with; a number is the last."""
    left, right = sides
    common = {*sympy.Add.make_args(left)} & {*sympy.Add.make_args(right)}
    for term in common:
        left, right = left - term, right - term
    factor = sympy.gcd(left.as_coeff_Mul()[0], right.as_coeff_Mul()[0])
    if factor.is_Integer and factor > 1:
        left, right = left / factor, right / factor
    return sorted([left, right], key=lambda side: bool(side.is_Integer))
