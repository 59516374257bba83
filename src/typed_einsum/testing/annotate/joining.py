"""Axes that `check_contract` says are one, or are a number: TE719 and TE720 name what the code needs.

They become so in the plan, which is then proved again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from typed_einsum.testing.annotate.hints import Hint, Listed, Maybe, Shaped, Tupled
from typed_einsum.testing.annotate.planning import Planned

FORCED = {
    "TE719": re.compile(r"needs `(\w+)` and `(\w+)` to be one size"),
    "TE720": re.compile(r"needs `(\w+)` to be (\d+)\b"),
}
"""How the findings say it; see `testing.axes.forced`."""

WORD = re.compile(r"[A-Za-z_]\w*")


def forced_in(code: str, text: str) -> tuple[str, str] | None:
    """The name that a finding is about, and the name or number that it must be."""
    match code:
        case "TE719" if found := FORCED[code].search(text):
            return found.group(2), found.group(1)
        case "TE720" if found := FORCED[code].search(text):
            return found.group(1), found.group(2)
    return None


def joined(plan: Planned, forced: Sequence[tuple[str, str]]) -> Planned:
    """A plan in which axes are what they are forced to be."""
    names = _resolved(forced)
    hints = {place: _renamed(hint, names) for place, hint in plan.hints.items()}
    origins = {name: origin for name, origin in plan.origins.items() if name not in names}
    return replace(plan, hints=hints, origins=origins)


def _resolved(forced: Sequence[tuple[str, str]]) -> dict[str, str]:
    """What each name becomes in the end: where `c` is `b` and `b` is `a`, both are `a`."""
    names: dict[str, str] = {}
    for name, other in forced:
        left, kept = names.get(name, name), names.get(other, other)
        if left.isdigit():
            left, kept = kept, left
        if left != kept and not left.isdigit():
            names = {each: kept if into == left else into for each, into in names.items()} | {left: kept}
    return names


def _renamed(hint: Hint, names: Mapping[str, str]) -> Hint:
    match hint:
        case Shaped(kind, axes):
            return Shaped(kind, tuple(WORD.sub(lambda m: names.get(m[0], m[0]), axis) for axis in axes))
        case Tupled(items, is_open):
            return Tupled(tuple(_renamed(item, names) for item in items), is_open)
        case Listed(item):
            return Listed(_renamed(item, names))
        case Maybe(inner):
            return Maybe(_renamed(inner, names))
    return hint
