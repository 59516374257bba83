"""The sizes and other guesses that a constructor is called with, by what its parameters are called."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from typed_einsum.testing.inputs.draw import Draw
from typed_einsum.testing.inputs.names import CONFIG, DEPTH, INPUT, counts_entries, role_of, says
from typed_einsum.testing.inputs.signatures import compared_texts, configurations

SIZES: Mapping[str, tuple[int, ...]] = {
    "width": (48, 72, 120, 168, 264, 312, 408, 456),
    "count": (2, 3, 4, 6, 8, 12),
    "head width": (16, 32, 64),
    "image": (24, 36, 60),
    "length": (512, 640, 768),
    "vocabulary": (552, 696, 744),
    "exponent": (4, 5),
    "kernel": (3,),
    "one": (1,),
    "position": (0,),
    "base": (10000,),
}
"""Whole numbers by the role of their parameter, in the order of the parameters.

Widths are 24 times a prime each, so that no two agree and all counts divide them.
"""

FALLING = (8, 4, 2, 12, 6, 3)
"""Counts of which a later one may divide an earlier, such as groups that share heads."""

COUNTS = SIZES["count"], FALLING

FEW = 2
"""More blocks than this are not built."""

WIDE = (384, 768, 1152, 1920)
"""Widths that the usual widths of a head divide, where those are defaults."""


@dataclass(frozen=True)
class Plan:
    """Which guesses a constructor is called with: `picks` are other candidates than the first, by name.

    `asked` are parameters with a default, or under `**kwargs`, that an error has asked for.
    """

    counts: tuple[int, ...] = SIZES["count"]
    widths: tuple[int, ...] = SIZES["width"]
    keeps_ones: bool = False
    equal: bool = False
    picks: Mapping[str, int] = field(default_factory=dict)
    asked: tuple[str, ...] = ()


@dataclass
class Guess(Draw):
    """Sizes for constructors, by what their parameters are called; `tried` counts each one's candidates."""

    constructs: ClassVar[bool] = True
    plan: Plan = Plan()
    tried: dict[str, int] = field(init=False, default_factory=dict)
    building: list[type] = field(init=False, default_factory=list)
    _left: dict[str, Iterator[int]] = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = {**SIZES, "count": self.plan.counts, "width": self.plan.widths}
        self._left = {role: iter(each) for role, each in sizes.items()}

    def small(self, name: str) -> int:
        """The size of a parameter: all integers of a constructor are ones that no tensor shows."""
        if name not in self.sizes:
            role = role_of(name) or "width"
            equal = self.plan.equal and role == "width"
            self.sizes[name] = self.plan.widths[0] if equal else next(self._left[role], SIZES[role][0])
        return self.sizes[name]

    def choose(self, name: str, candidates: Sequence[Callable[[], Any]]) -> Any:
        """The candidate that the plan picks."""
        self.tried[name] = len(candidates)
        return self.guess(name, candidates[min(self.plan.picks.get(name, 0), len(candidates) - 1)]())

    def replaces(self, name: str, default: object) -> bool:
        """What an error asked for is passed, and so is a count of 1: a mistake about it broadcasts.

        The width of an input is passed, too: without it a module may wait for another call that sets it. Of
        many equal blocks, a few tell the same.
        """
        if default is None and says(INPUT, name):
            return True
        if type(default) is int and default > FEW and says(DEPTH, name):
            return not self.plan.keeps_ones
        is_one = default == 1 and type(default) is int and counts_entries(name)
        return name in self.plan.asked or (is_one and not self.plan.keeps_ones)

    def texts(self, name: str) -> tuple[str, ...]:
        """The texts that the constructor compares a parameter with."""
        return compared_texts(self.building[-1], name) if self.building else ()

    def classes(self, name: str) -> tuple[type, ...]:
        """The classes beside the one that is built of which a parameter may take an object, by its name."""
        return configurations(self.building[-1]) if self.building and says(CONFIG, name) else ()
