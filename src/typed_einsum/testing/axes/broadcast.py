"""What torch asks of two sizes where axes are broadcast: `t == 1 or t == s`."""

from __future__ import annotations

from collections.abc import Callable

import sympy


def equal_unless_one(
    asked: sympy.Basic, outcome: bool | int, at: Callable[[sympy.Basic], bool | int | None]
) -> sympy.Basic | None:
    """`t == s` where this is what `t == 1 or t == s` says, since `t` is not 1; None for any other condition.

    `at` gives the outcome of a part.
    """
    match asked, outcome:
        case (sympy.Or(), True) | (sympy.And(), False) if len(asked.args) == 2:
            one, equal = sorted(asked.args, key=lambda part: sympy.S.One not in part.args)
            size = set(one.args) - {sympy.S.One}
            is_pair = sympy.S.One in one.args and size < set(equal.args)
            if is_pair and at(one) != outcome and isinstance(equal, sympy.Eq | sympy.Ne):
                return sympy.Eq(*equal.args)
    return None
