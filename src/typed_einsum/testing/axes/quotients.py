"""Quotients of sizes: which divide exactly, and expressions without those that are multiplied out again."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import sympy
from torch.utils._sympy.functions import CleanDiv, FloorDiv


def divided_exactly(one: sympy.Expr, other: sympy.Expr) -> Iterator[tuple[sympy.Expr, sympy.Expr]]:
    """The sizes that have no rest, each with its divisor, where two products are equal.

    `b*t == 4*b*(t//4)`, which a view asks, holds for these `t` alone.
    """
    divided = [each for side in (one, other) for each in sympy.Mul.make_args(side) if _is_quotient(each)]
    if divided and _as_fractions(one) == _as_fractions(other):
        yield from (each.args for each in divided)


def same_quotients(one: sympy.Basic, other: sympy.Basic) -> tuple[sympy.Basic, sympy.Basic] | None:
    """Two sizes that are one because both divide exactly by the same, with the same result."""
    match one, other:
        case CleanDiv(args=(first, divisor)), CleanDiv(args=(second, as_well)) if divisor == as_well:
            return first, second
    return None


def multiplied_out(expression: sympy.Basic) -> sympy.Basic:
    """An expression in which no exact quotient is multiplied with what it was divided by."""
    return expression.replace(lambda each: each.is_Mul and each.has(CleanDiv), _product)


@lru_cache(maxsize=65536)
def without_quotients(expression: Any) -> Any:
    """An expression without quotients that are plainly whole for all sizes, such as `n**2 // n`."""
    if not isinstance(expression, sympy.Basic) or not expression.has(FloorDiv):
        return expression
    return expression.replace(FloorDiv, _whole, simultaneous=False)


@lru_cache(maxsize=4096)
def simplified(size: sympy.Expr) -> sympy.Expr:
    """The same for sums, such as `(t*s + t)//t`, which takes longer."""
    if isinstance(size, int) or not size.has(FloorDiv):
        return size
    return size.replace(_is_quotient, _cancelled)


def _is_quotient(expression: sympy.Expr) -> bool:
    return isinstance(expression, FloorDiv)  # CleanDiv is one, too


def _whole(base: sympy.Expr, divisor: sympy.Expr) -> sympy.Expr:
    exact = base / divisor
    return exact if exact.is_integer else FloorDiv(base, divisor)


def _cancelled(size: sympy.Expr) -> sympy.Expr:
    base, divisor = size.args
    quotient = sympy.cancel(base / divisor)
    is_whole = sympy.fraction(quotient)[1] == 1 and quotient.is_polynomial(*quotient.free_symbols)
    coefficients = quotient.as_coefficients_dict().values()
    return quotient if is_whole and all(each.is_integer for each in coefficients) else size


def _as_fractions(product: sympy.Expr) -> sympy.Expr:
    factors = sympy.Mul.make_args(product)
    return sympy.Mul(*(each.args[0] / each.args[1] if _is_quotient(each) else each for each in factors))


def _product(product: sympy.Expr) -> sympy.Expr:
    found = _as_fractions(product)
    is_whole = all(each.is_Integer for each in found.atoms(sympy.Rational))
    return found if is_whole and not found.has(sympy.Pow) else product
