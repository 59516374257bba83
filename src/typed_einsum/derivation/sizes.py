"""Sizes that a reader gives to the axes of an equation, as a mapping or as text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from typed_einsum.diagnostics import Diagnostic
from typed_einsum.equation.axes import MOST_DIGITS
from typed_einsum.equation.equation import Equation, is_spread
from typed_einsum.errors import ArgumentError, ShapeError

Sizes = Mapping[str, int | Sequence[int]]
"""A size for each name; for `*batch` and `...` the sizes of the axes that it stands for."""

_PAIR = re.compile(r"\s*([^\s=,]+)\s*=\s*(\d+|\([\d\s,]*\))\s*(?:,|\s|$)")
_NOTHING = re.compile(r"[, ]*\Z")


def read_sizes(text: str) -> dict[str, int | tuple[int, ...]]:
    """Read sizes from text. Raises `ArgumentError` (TE409).

    >>> read_sizes("b=2, q=3 *batch=(4, 5)")
    {'b': 2, 'q': 3, '*batch': (4, 5)}
    """
    sizes: dict[str, int | tuple[int, ...]] = {}
    at = 0
    while _NOTHING.match(text, at) is None:  # no copy of the rest: the time would grow with its square
        found = _PAIR.match(text, at)
        if found is None:
            summary = f"`{text[at:].strip()}` is not a list of sizes"
            raise ArgumentError(Diagnostic("TE409", summary, help="write sizes as b=2,q=3,*batch=(4,5)"))
        name, size = found.groups()
        if max(map(len, re.findall(r"\d+", size)), default=0) > MOST_DIGITS:
            summary = f"the size of `{name}` has more than {MOST_DIGITS} digits"
            raise ArgumentError(Diagnostic("TE409", summary, help=f"write {name}=2, say"))
        sizes[name] = tuple(map(int, re.findall(r"\d+", size))) if size.startswith("(") else int(size)
        at = found.end()
    return sizes


def known_sizes(equation: Equation, given: Sizes) -> dict[str, int | tuple[int, ...]]:
    """The sizes that are given or fixed, by the names of the equation.

    Raises `ArgumentError` (TE402, TE409) and `ShapeError` (TE203).
    """
    if not isinstance(given, Mapping):
        summary = f"`explain` takes `sizes` as a mapping or a text, not a `{type(given).__name__}`"
        raise ArgumentError(Diagnostic("TE409", summary, help='write sizes={"b": 2, "q": 3}, or "b=2,q=3"'))
    known: dict[str, int | tuple[int, ...]] = dict(equation.fixed)
    for asked, size in given.items():
        name = asked if asked in equation.keys else f"*{asked}"
        if name not in equation.keys:
            raise _unknown(asked, equation)
        checked = _checked(name, size)
        if known.get(name, checked) != checked:
            summary = f"axis `{name}` is {checked} in `sizes`, but the equation fixes it to {known[name]}"
            raise ShapeError(Diagnostic("TE203", summary, help=f"leave `{name}` out of the sizes"))
        known[name] = checked
    return known


def _unknown(asked: str, equation: Equation) -> ArgumentError:
    near = get_close_matches(asked, equation.keys, n=1)
    listed = ", ".join(f"`{name}`" for name in equation.keys) or "no axes"
    repair = f"did you mean `{near[0]}`?" if near else f"the equation has {listed}"
    return ArgumentError(
        Diagnostic("TE402", f"`sizes` names `{asked}`, which is not an axis of the equation", help=repair)
    )


def _checked(name: str, size: int | Sequence[int]) -> int | tuple[int, ...]:
    if is_spread(name):
        sizes = (size,) if isinstance(size, int) else tuple(size)
        if all(_is_size(number) for number in sizes):
            return sizes
    elif _is_size(size):
        assert isinstance(size, int)
        return size
    wanted = "a tuple of whole numbers" if is_spread(name) else "a whole number"
    summary = f"the size of `{name}` is {size!r}, not {wanted}"
    example = f'sizes={{"{name}": {"(2, 3)" if is_spread(name) else 2}}}'
    raise ArgumentError(Diagnostic("TE409", summary, help=f"write {example}"))


def _is_size(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 0
