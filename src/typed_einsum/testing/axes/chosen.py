"""The whole numbers behind conditions on sizes: `h=2` where a call with it needs `c % 2 == 0`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.inputs.draw import numbers_chosen_for


def numbers_chosen(call: Call, conditions: Sequence[str]) -> tuple[str, ...]:
    """The arguments of a call, and those chosen for the constructor of its object, of which a condition may
    tell.

    Another argument has another condition: nobody who reads `c % 2 == 0` can know that 2 is `h`.
    """
    chosen = {**numbers_chosen_for(call.object), **_passed(call)}
    return tuple(
        f"{name}={value}"
        for name, value in chosen.items()
        if type(value) is int and value > 1 and any(_tells_of(each, value) for each in conditions)
    )


def _tells_of(condition: str, value: int) -> bool:
    """Whether a number in a condition may be this one, or a divisor that has it as a factor."""
    numbers = [int(each) for each in NUMBER.findall(condition)]
    divisors = [int(each) for each in DIVISOR.findall(condition)]
    return value in numbers or any(number % value == 0 for number in divisors if number)


NUMBER, DIVISOR = re.compile(r"(?<![\w.])\d+"), re.compile(r"% (\d+)")


def _passed(call: Call) -> dict[str, Any]:
    bound = call.bound
    bound.apply_defaults()
    return dict(bound.arguments)
