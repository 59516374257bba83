"""Sizes that tell axes apart: a prime for every name, none of them a number that stands in the source."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from inspect import Signature
from itertools import chain, count
from types import CodeType
from typing import Any

SMALL = (2, 3, 4, 6, 8, 12, 24)
"""Sizes of what no tensor argument shows, such as a number of heads: each divides a multiple of 24."""


class Variant(Enum):
    """Which of the inputs that an annotation allows."""

    FULL = "optional tensors are passed, `#` axes have their full size"
    FIRST = "of the optional tensors, the first is passed alone"
    SPARSE = "optional tensors are left out or None"
    BROADCAST = "`#` axes are 1 in every tensor but one"
    SINGLE = "a variadic axis stands for one axis, and of the optional tensors the first is passed alone"


def primes(start: int) -> Iterator[int]:
    """The primes from `start` on."""
    return filter(is_prime, count(max(2, start)))


def is_prime(number: int) -> bool:
    """Whether nothing but 1 and itself divides a number."""
    return number > 1 and all(number % divisor for divisor in range(2, math.isqrt(number) + 1))


def multiples(factor: int, start: int) -> Iterator[int]:
    """The primes from `start` on, times a factor."""
    return (prime * factor for prime in primes(start))


def falling(most: int) -> Iterator[int]:
    """Sizes of which each divides the one before: 3 times the powers of two up to `most`; then primes."""
    return chain((3 * 2**n for n in range(most, 0, -1)), primes(11))


def rising() -> Iterator[int]:
    """Sizes of which each divides the next."""
    return (3 * 2**n for n in count(1))


@dataclass
class Draw:
    """One choice of sizes: for each name, in order of appearance, the next of some candidates.

    `known` are sizes that are given, such as those an object knows by itself. No fresh size is one of
    them, nor one of `avoid`, such as the numbers in the function's own source. `on` is the device.
    """

    candidates: Iterator[int] = field(default_factory=lambda: primes(11))
    on: str = "meta"
    variant: Variant = Variant.FULL
    known: Mapping[str, int] = field(default_factory=dict)
    avoid: frozenset[int] = frozenset()
    sizes: dict[str, int] = field(init=False)
    guesses: dict[str, Any] = field(init=False, default_factory=dict)
    notes: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.sizes = dict(self.known)

    def fresh(self) -> int:
        """A size that nothing else has."""
        taken = {*self.sizes.values(), *self.avoid}
        return next(size for size in self.candidates if size not in taken)

    def size(self, name: str) -> int:
        """The size of a name, chosen the first time."""
        if name not in self.sizes:
            self.sizes[name] = self.fresh()
        return self.sizes[name]

    def small(self, name: str) -> int:
        """The size of a name that no tensor argument has: a small one, so that it divides some of them."""
        if name not in self.sizes:
            self.sizes[name] = next((n for n in SMALL if n not in self.sizes.values()), SMALL[0])
        return self.sizes[name]

    def __str__(self) -> str:
        """The sizes as a message shows them: `b=11 *batch=(13, 17), without mask`."""
        spread: dict[str, list[int]] = {}
        for name, size in self.sizes.items():
            spread.setdefault(name.partition("[")[0], []).append(size)
        sizes = " ".join(
            f"{name}={tuple(found) if f'{name}[0]' in self.sizes else found[0]}"
            for name, found in spread.items()
        )
        return ", ".join([sizes, *self.notes] if sizes else self.notes)


class SizesAsAsked(dict[str, int]):
    """Sizes of a draw as an expression asks for them: a name without one gets one."""

    def __init__(self, draw: Draw) -> None:
        super().__init__()
        self._draw = draw

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)

    def __getitem__(self, name: str) -> int:
        return self._draw.size(name)


def numbers_in(function: Any, signature: Signature, owner: Any = None) -> frozenset[int]:
    """The whole numbers that a function may compute with: in its source, its defaults, and its object."""
    code = getattr(function, "__code__", None)
    values = [parameter.default for parameter in signature.parameters.values()]
    if isinstance(code, CodeType):
        names, constants = _read_by(code)
        around = {**function.__globals__, **getattr(owner, "__dict__", {})}
        values += [*constants, *(around[name] for name in names if name in around)]
    return frozenset(value for value in values if type(value) is int and value > 1)


def _read_by(code: CodeType) -> tuple[set[str], list[Any]]:
    """The names and the constants that a piece of code reads, functions inside it included."""
    names, constants = set(code.co_names), [value for value in code.co_consts if type(value) is int]
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            more_names, more_constants = _read_by(inner)
            names |= more_names
            constants += more_constants
    return names, constants
