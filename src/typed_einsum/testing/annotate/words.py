"""What a project calls axes elsewhere: the words of a file's equations, and the axes of parameters."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from typed_einsum.testing.annotate.hints import Maybe, Shaped
from typed_einsum.testing.names.evidence import Kind

if TYPE_CHECKING:
    from typed_einsum.testing.annotate.planning import Planned

Place = tuple[str, int, int]
"""The name of a parameter, how many axes it has, and the number of one."""

HABIT = "habit"
"""The kind of a name that other functions give to the same axis of a parameter of this name."""


@dataclass(frozen=True)
class Words:
    """`equations` are the names in each equation of a file, `habits` what is usual in a place."""

    equations: tuple[frozenset[str], ...] = ()
    habits: Mapping[Place, tuple[str, str]] = field(default_factory=dict)

    def count(self, name: str) -> int:
        """How many equations have a name."""
        return sum(name in each for each in self.equations)

    def are_by_turns(self, name: str, others: Set[str]) -> bool:
        """Whether most equations with a name have another one as well, of those that an axis has.

        Where an axis is `n`, and in `b i d, b j d -> b i j` it is `i` and `j`, its name is `n`.
        """
        own = [each for each in self.equations if name in each]
        return 2 * sum(bool(each & others - {name}) for each in own) > len(own)


def habits_of(plans: Iterable[Planned]) -> dict[Place, tuple[str, str]]:
    """What most functions call the axes of a parameter of one name, as far as their code names them."""
    votes: dict[Place, Counter[str]] = defaultdict(Counter)
    origins: dict[tuple[Place, str], str] = {}
    for plan in plans:
        for parameter, hint in plan.hints.items():
            inner = hint.hint if isinstance(hint, Maybe) else hint
            axes = inner.axes if isinstance(inner, Shaped) and parameter != "return" else ()
            for at, name in enumerate(axes):
                if plan.origins.get(name, Kind.PLACE.word) != Kind.PLACE.word:
                    place = parameter, len(axes), at
                    votes[place][name] += 1
                    origins.setdefault((place, name), f"`{parameter}` in {plan.function.name}")
    found = {}
    for place, names in votes.items():
        (name, count), *_ = names.most_common(1)
        if 2 * count > names.total():
            found[place] = name, origins[place, name]
    return found
