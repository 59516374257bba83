"""What a run asks about sizes, and what of it says something of the code."""

from __future__ import annotations

import sympy
from torch.utils._sympy.functions import Mod

from typed_einsum.testing.axes.shape_env import Asked, Question

W, N = sympy.Symbol("w", integer=True, positive=True), sympy.Integer(4)
HERE, ELSEWHERE = ("model.py", 3), ("model.py", 4)


def kept(*questions: Question) -> list[sympy.Basic]:
    asked = Asked()
    for each in questions:
        asked._keep(each)
    return [each.asked for each in asked.questions]


def test_that_sizes_differ_says_nothing_where_one_may_as_well_divide_the_other() -> None:
    """In torch 2.6, `unflatten(-1, (-1, 4))` asks first if the size is 4, and then if 4 divides it."""
    equal = Question(sympy.Eq(W, N), False, HERE)
    divides = Question(sympy.Eq(Mod(W, N), 0), True, HERE)
    assert kept(equal, divides) == [divides.asked]


def test_where_nothing_else_is_asked_sizes_that_differ_are_kept() -> None:
    equal, other = Question(sympy.Eq(W, N), False, HERE), sympy.Eq(Mod(W, 8), 0)
    assert kept(equal) == [equal.asked]
    assert kept(equal, Question(other, True, HERE)) == [equal.asked, other]
    assert len(kept(equal, Question(sympy.Eq(Mod(W, N), 0), True, ELSEWHERE))) == 2
