"""Calls that have returned and wait to be judged: the outermost first, since its run judges all below it."""

from __future__ import annotations

import math
from collections.abc import Container, Hashable, Iterator, Sequence
from dataclasses import dataclass, field

from torch import nn

from typed_einsum.tensors import shape_of
from typed_einsum.testing.inputs.arrays import tensors_inside
from typed_einsum.testing.observe.seen import Ended, Place
from typed_einsum.testing.running.weights import count_parameters

MOST_WAITING, MOST_NUMBERS = 256, 2**26
"""How many calls wait, with so many numbers in their arguments, where there is no time for them now."""


@dataclass
class Waiting:
    """The calls, in the order in which they have returned, by code and pattern."""

    calls: dict[tuple[int, Hashable], Ended] = field(default_factory=dict)
    _numbers: dict[tuple[int, Hashable], int] = field(default_factory=dict)
    _all_numbers: int = 0

    def add(self, ended: Ended) -> None:
        """Take a call."""
        key = id(ended.seen.code), ended.pattern
        self._all_numbers -= self._numbers.get(key, 0)
        ended.seen.waiting += key not in self.calls
        self.calls[key], self._numbers[key] = ended, _numbers(ended)
        self._all_numbers += self._numbers[key]

    def of(self, code: int, pattern: Hashable) -> Ended | None:
        """The call of some code with a pattern."""
        return self.calls.get((code, pattern))

    def remove(self, ended: Ended) -> None:
        """Let go of a call."""
        if self.calls.pop((id(ended.seen.code), ended.pattern), None) is not None:
            ended.seen.waiting -= 1
        self._all_numbers -= self._numbers.pop((id(ended.seen.code), ended.pattern), 0)

    def next(self, followed: Container[Place], *, follows: bool, again: bool) -> Ended | None:
        """The call to look at now: of functions of which nothing is known yet first, the outermost of them.

        Those without annotations come last, and only where it `follows` them: first functions that were not
        `followed`, and others only where these are followed `again`.
        """
        if (fresh := self.fresh()) is not None:
            return fresh
        judged = (each for each in reversed(self.calls.values()) if each.call is not None)
        if (found := next(judged, None)) is not None:
            return found
        if not follows:
            return None
        new = (each for each in reversed(self.calls.values()) if each.seen.place not in followed)
        return next(new, next(reversed(self.calls.values()), None) if again else None)

    def fresh(self) -> Ended | None:
        """The outermost call of a function of which nothing is known yet."""
        judged = (each for each in reversed(self.calls.values()) if each.call is not None)
        return next((each for each in judged if each.seen.judged == 0), None)

    def bare(self, followed: Container[Place]) -> Ended | None:
        """The outermost call of a function without annotations that no call has `followed` yet."""
        bare = (each for each in reversed(self.calls.values()) if not each.seen.annotated)
        return next((each for each in bare if each.seen.place not in followed), None)

    def enough(self) -> Iterator[Ended]:
        """The calls of functions of which enough is known."""
        return (each for each in list(self.calls.values()) if each.seen.is_enough)

    def too_many(self, followed: Container[Place]) -> Iterator[Ended]:
        """The first calls, as long as too many wait: of functions that were `followed` before others."""
        if not self._are_too_many:
            return
        for each in sorted(self.calls.values(), key=lambda each: each.seen.place not in followed):
            yield each
            if not self._are_too_many:
                return

    def has_room_beside(self, kept: Sequence[Ended]) -> bool:
        """Whether these calls may be kept as well."""
        numbers = self._all_numbers + sum(map(_numbers, kept))
        return len(kept) <= MOST_WAITING and numbers <= MOST_NUMBERS

    @property
    def _are_too_many(self) -> bool:
        return len(self.calls) > MOST_WAITING or self._all_numbers > MOST_NUMBERS


def _numbers(ended: Ended) -> int:
    """How many numbers would stay in memory with a call."""
    return sum(
        count_parameters(value)
        if isinstance(value, nn.Module)
        else sum(math.prod(shape_of(tensor)) for tensor in tensors_inside(value))
        for value in ended.arguments.values()
    )
