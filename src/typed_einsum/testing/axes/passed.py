"""What is known of a call that came through below another: for which sizes its annotations hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import sympy
import torch

from typed_einsum.diagnostics import Place
from typed_einsum.testing.axes.below import Passed
from typed_einsum.testing.axes.chosen import numbers_chosen
from typed_einsum.testing.axes.conditions import conditions, demands
from typed_einsum.testing.axes.forced import forced_by
from typed_einsum.testing.axes.points import broken
from typed_einsum.testing.axes.shape_env import Question, names_of
from typed_einsum.testing.axes.trace import Trace
from typed_einsum.testing.calls.call import Call

OTHER = "."
"""Part of the name of an axis for which a function has no name of its own; no condition shows it."""


def conditions_below(passed: Passed, call: Call, place: Place) -> tuple[str, ...] | None:
    """The conditions under which a call is right for all sizes; None where a run of its own says more.

    That is so where two of its names have one symbol, where Python needed a number, and where something is
    wrong.
    """
    earlier = [each for each in passed.questions[: passed.begun] if not each.promised]
    own = passed.questions[passed.begun : passed.ended]
    known = dict(_numbers([*earlier, *own]))
    names, fixed, others = _named(passed, known)
    if names is None:
        return None
    asked = [
        replace(each, asked=simple)
        for each in [*earlier, *own]
        if (simple := each.asked.xreplace(known).xreplace(others)).free_symbols
    ]
    if any(each.is_number and each.asker != "value" for each in own):
        return None
    symbols = {symbol for each in asked for symbol in each.symbols}
    inside = {symbol for each in others for symbol in names_of(each)}
    point = {**passed.point, **{str(new): _at(old, passed.point) for old, new in others.items()}}
    rest = {each: f"{OTHER}{each}" for each in sorted(symbols - names.keys())}
    sizes = {name: point[symbol] for symbol, name in names.items()}
    small = replace(call, sizes={**call.sizes, **fixed, **sizes})
    trace = Trace(small, {**names, **rest}, point, tuple(asked), None)
    if any(inside & each.symbols for each in demands(trace)):
        return None
    if any(forced_by(trace, place)) or broken(trace):
        return None
    told = (*(f"{name} == {size}" for name, size in fixed.items()), *conditions(trace))
    return (*numbers_chosen(call, told), *told)


def _numbers(questions: Iterable[Question]) -> Iterator[tuple[sympy.Basic, sympy.Basic]]:
    """The symbols that the code needs to be one number, with these numbers."""
    for each in questions:
        if each.is_equality and each.is_of_number and not each.promised:
            number, symbol = sorted(each.asked.args, key=lambda side: bool(side.is_Symbol))
            yield symbol, number


def _at(expression: sympy.Basic, point: Mapping[str, int]) -> int:
    return int(
        expression.xreplace({each: sympy.Integer(point[each.name]) for each in expression.free_symbols})
    )


def _named(
    passed: Passed, known: Mapping[sympy.Basic, sympy.Basic]
) -> tuple[dict[str, str] | None, dict[str, int], dict[sympy.Basic, sympy.Symbol]]:
    """The names of symbols, those of fixed sizes, and symbols for sizes that are expressions of several."""
    names: dict[str, str] = {}
    fixed: dict[str, int] = {}
    others: dict[sympy.Basic, sympy.Symbol] = {}
    for name, size in passed.sizes.items():
        expression = size.node.expr if isinstance(size, torch.SymInt) else sympy.Integer(size)
        expression = expression.xreplace(known)
        if expression.is_Integer:
            fixed[name] = int(expression)
            continue
        if not names_of(expression) <= passed.point.keys():
            return None, fixed, others
        if not expression.is_Symbol:
            if expression in others:
                return None, fixed, others
            symbol = sympy.Symbol(f"e{len(others)}", integer=True, positive=True)
            others[expression] = symbol
            expression = symbol
        if expression.name in names:
            return None, fixed, others
        names[expression.name] = name
    inside = {symbol for each in others for symbol in names_of(each)}
    return (None if inside & names.keys() else names), fixed, others
