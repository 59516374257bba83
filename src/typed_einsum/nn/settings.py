"""Errors for settings of modules that cannot work, with the nearest numbers that do."""

from __future__ import annotations

from typing import Any

from typed_einsum.diagnostics import Diagnostic
from typed_einsum.errors import ArgumentError, SettingError
from typed_einsum.locations import caller_place

Sides = int | tuple[int, int]
"""One number for the height and the width, or one for each."""


def require_counts(least: int = 1, **settings: Any) -> None:
    """Refuse what is not an integer, or less than the least that makes sense (TE410)."""
    for name, value in settings.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            wanted = "a positive integer" if least == 1 else f"an integer of at least {least}"
            summary = f"`{name}` is {value!r}; expected {wanted}"
            repair = f"pass {wanted} as `{name}`"
            raise SettingError(Diagnostic("TE410", summary, caller_place(), help=repair))


def pair(name: str, sides: Any, least: int = 1) -> tuple[int, int]:
    """The height and the width. Refuses what is neither an integer nor two of them (TE410)."""
    height, width = sides if isinstance(sides, list | tuple) and len(sides) == 2 else (sides, sides)
    require_counts(
        least, **({name: sides} if height is sides else {f"{name}[0]": height, f"{name}[1]": width})
    )
    return height, width


def require_heads(channels: str, number: int, heads: str, count: int, parts: str = "heads") -> None:
    """Refuse channels that cannot be divided into heads, or groups, of equal size (TE410)."""
    if number % count == 0:
        return
    sizes = f"`{channels}` is {number} and `{heads}` is {count}"
    summary = f"{sizes}: {number} channels cannot be divided into {count} equal {parts}"
    counts = _either([divisor for divisor in range(1, number + 1) if number % divisor == 0], count)
    numbers = _either([number - number % count, number - number % count + count], number)
    repair = (
        f"with {channels}={number}, `{heads}` can be {counts}; "
        f"with {heads}={count}, `{channels}` can be {numbers}"
    )
    raise SettingError(Diagnostic("TE410", summary, caller_place(), help=repair))


def _either(numbers: list[int], wanted: int) -> str:
    """The nearest positive numbers that would work."""
    below = [number for number in numbers if 0 < number < wanted][-1:]
    above = [number for number in numbers if number > wanted][:1]
    return " or ".join(map(str, below + above))


def require_evaluation(module: str, training: bool) -> None:
    """Refuse a call that is for inference only while the module is in training mode (TE411)."""
    if training:
        summary = f"`{module}` is in training mode, but this is for inference only"
        repair = "call module.eval() first"
        raise ArgumentError(Diagnostic("TE411", summary, caller_place(), help=repair))
