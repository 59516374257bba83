"""Sizes that tell axes apart: a prime for every name, none of them a number that stands in the source."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from inspect import Signature
from itertools import chain, count
from types import CodeType, MappingProxyType
from typing import Any, ClassVar, Literal

import torch

from typed_einsum.equation.axes import ELLIPSIS, Anonymous, Variadic
from typed_einsum.testing.inputs.own import attributes_of

SIMPLE = (bool, int, float, complex, str, Enum, type(None), tuple, list, torch.dtype, torch.device)
"""Types of guesses that a message shows as they are."""

MOST_SHOWN = 60
"""How long a guess may be to be shown in a message."""

SMALL = (2, 3, 4, 6, 8, 12, 24)
"""Sizes of what no tensor argument shows, such as a number of heads: each divides a multiple of 24."""


@dataclass(frozen=True)
class Variant:
    """Which of the inputs that annotations allow.

    `passed` says which optional tensors are passed: all, the first alone, or none. With `broadcast`, `#` axes
    are 1 in every tensor but one. Of each union, `member` is passed, counted from 0. A variadic axis stands
    for `spread` axes, and where they are `together`, all of them for the same ones. With `integers`, tensors
    whose annotation allows numbers of any kind hold integers.
    """

    passed: Literal["all", "first", "none"] = "all"
    broadcast: bool = False
    member: int = 0
    spread: int = 2
    integers: bool = False
    together: bool = False

    FULL: ClassVar[Variant]
    FIRST: ClassVar[Variant]
    SPARSE: ClassVar[Variant]
    BROADCAST: ClassVar[Variant]
    SINGLE: ClassVar[Variant]
    TOGETHER: ClassVar[Variant]
    INTEGERS: ClassVar[Variant]


Variant.FULL = Variant()
Variant.FIRST = Variant(passed="first")
Variant.SPARSE = Variant(passed="none")
Variant.BROADCAST = Variant(broadcast=True)
Variant.SINGLE = Variant(passed="first", spread=1)
Variant.TOGETHER = Variant(together=True)
Variant.INTEGERS = Variant(integers=True)


def primes(start: int) -> Iterator[int]:
    """The primes from `start` on."""
    return filter(is_prime, count(max(2, start)))


def is_prime(number: int) -> bool:
    """Whether nothing but 1 and itself divides a number."""
    return number > 1 and all(number % divisor for divisor in range(2, math.isqrt(number) + 1))


def multiples(factor: int, start: int) -> Iterator[int]:
    """The primes from `start` on, times a factor."""
    return (prime * factor for prime in primes(start))


class Falling:
    """Sizes of which each divides the one before: 3 times the powers of two up to `most`; then primes."""

    def __init__(self, most: int) -> None:
        self._sizes: Iterator[int] = chain((3 * 2**n for n in range(most, 0, -1)), primes(11))

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        return next(self._sizes)


def rising() -> Iterator[int]:
    """Sizes of which each divides the next."""
    return (3 * 2**n for n in count(1))


@dataclass(frozen=True)
class Shown:
    """Shown in a message instead of a value that is not a number."""

    text: str

    @classmethod
    def of(cls, value: Any) -> Shown:
        """The value itself where that is short, or else its type."""
        text = value.__name__ if isinstance(value, type) else repr(value)
        is_short = len(text) <= MOST_SHOWN and "\n" not in text and " at 0x" not in text
        return cls(text if is_short else f"{type(value).__name__}(...)")

    def __repr__(self) -> str:
        return self.text


@dataclass
class Draw:
    """One choice of sizes: for each name, in order of appearance, the next of some candidates.

    `known` are sizes that are given, such as those an object knows by itself. No fresh size is one of
    them, nor one of `avoid`, such as the numbers in the function's own source. `on` is the device. `ranks`
    says for how many axes `*batch` stands, where an object knows.

    `guesses` are arguments that nothing determines. Those of them that stand in for an object or a tensor
    are in `stand_ins`: what a call does with these says nothing of the function.
    """

    constructs: ClassVar[bool] = False

    candidates: Iterator[int] = field(default_factory=lambda: primes(11))
    on: str = "meta"
    variant: Variant = Variant.FULL
    known: Mapping[str, int] = field(default_factory=dict)
    avoid: frozenset[int] = frozenset()
    ranks: Mapping[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(init=False)
    guesses: dict[str, Any] = field(init=False, default_factory=dict)
    stand_ins: dict[str, Any] = field(init=False, default_factory=dict)
    notes: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.sizes = dict(self.known)

    def fresh(self) -> int:
        """A size that nothing else has."""
        taken = {*self.sizes.values(), *self.avoid}
        return next(size for size in self.candidates if size not in taken)

    @staticmethod
    def label(axis: Variadic | Anonymous) -> str:
        """What the axes under a variadic one are called: `*batch` and a number, or `...` and a number."""
        name = axis.name if isinstance(axis, Variadic) else axis.word
        return name if name == ELLIPSIS else f"*{name}"

    def spread(self, axis: Variadic | Anonymous) -> list[str]:
        """What the axes are called that a variadic one stands for, in a call of this draw.

        `...` binds nothing: likeliest are the axes that the object has.
        """
        label = self.label(axis)
        if label == ELLIPSIS:
            label = next(iter(self.ranks), label)
        if self.variant.together:
            first = (name for name in self.sizes if name.startswith("*") and name.endswith("[0]"))
            label = next(first, label).partition("[")[0]
        return [f"{label}[{i}]" for i in range(self.ranks.get(label, self.variant.spread))]

    def size(self, name: str) -> int:
        """The size of a name, chosen the first time."""
        if name not in self.sizes:
            self.sizes[name] = self.fresh()
        return self.sizes[name]

    def small(self, name: str) -> int:
        """The size of a name that no tensor argument has: a small one, so that it divides some of them.

        Where sizes fall, so do these: a rank is at most the width that comes before it.
        """
        if name not in self.sizes:
            sizes = SMALL[::-1] if isinstance(self.candidates, Falling) else SMALL
            self.sizes[name] = next((n for n in sizes if n not in self.sizes.values()), sizes[0])
        return self.sizes[name]

    def choose(self, name: str, candidates: Sequence[Callable[[], Any]]) -> Any:
        """A value that is no tensor and no size, of some that can be made: the first, a guess."""
        return self.guess(name, candidates[0]())

    def guess(self, name: str, value: Any) -> Any:
        """Note that a value is a guess; an object is noted as it is shown, and stands in for a real one."""
        is_simple = isinstance(value, SIMPLE)
        self.guesses[name] = value if is_simple else Shown.of(value)
        if not is_simple:
            self.stand_ins[name] = self.guesses[name]
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """The texts that the source compares a parameter with."""
        return ()

    def classes(self, name: str) -> tuple[type, ...]:
        """The classes of which a parameter without an annotation may take an object."""
        return ()

    def replaces(self, name: str, default: object) -> bool:
        """Whether a parameter gets another value than its default."""
        return False

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


_stand_ins: dict[type, dict[str, Any]] = {}


_chosen: dict[type, Mapping[str, int]] = {}


def remember_stand_ins(
    kind: type, stand_ins: dict[str, Any], sizes: Mapping[str, int] = MappingProxyType({})
) -> None:
    """Keep what objects of a class are built with in place of real arguments, such as an `nn.Identity`, and
    the whole numbers that were chosen for its constructor."""
    _stand_ins[kind], _chosen[kind] = stand_ins, dict(sizes)


def numbers_chosen_for(built: object) -> Mapping[str, int]:
    """The whole numbers that were chosen for the constructor of an object, by its parameters."""
    return _chosen.get(type(built), {})


def stand_ins_of(built: object) -> Mapping[str, Any]:
    """What an object was built with in place of real arguments.

    What goes wrong with such an object may be no fault of its class.
    """
    return _stand_ins.get(type(built), {})


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
        around = {**function.__globals__, **attributes_of(owner)}
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
