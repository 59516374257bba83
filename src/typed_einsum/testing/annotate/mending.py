"""What becomes of a plan that `check_contract` disagrees with: it asks for more, or says less.

Axes that a finding names, and that were equal in every call, become one. Of a result, or of a parameter,
that a finding is about, nothing is said for this reason, and the rest stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from typed_einsum.equation.axes import ELLIPSIS
from typed_einsum.testing.annotate.hints import Shaped, shapes_of
from typed_einsum.testing.annotate.planning import RESULT, Left, Planned
from typed_einsum.testing.annotate.structure import sizes_by_text

WORD = re.compile(r"[A-Za-z_]\w*")
NAMED = re.compile(r"`([A-Za-z_]\w*)`")
SHAPES = re.compile(r"\(([^()]*)\)")
SIZES = re.compile(r"\(at [^()]*(?:\([^()]*\)[^()]*)*\)$")
"""The sizes of the call, with which a finding ends."""

RAISED = re.compile(r": \w+(?:Error|Exception)\b")
"""Where a finding goes on with what Python says."""

OF_RESULT = re.compile(r"\bthe result\b|\bits result\b")

FAILED = "TE701"
"""The code of a call that fails."""


@dataclass(frozen=True)
class Mend:
    """How a plan is changed: axes that become others or numbers, and places that lose their annotation."""

    forced: tuple[tuple[str, str], ...] = ()
    dropped: tuple[tuple[str, str], ...] = ()


def mend_of(plan: Planned, code: str, text: str, reason: str) -> Mend | None:
    """What may make an annotation agree with a finding; None where nothing does."""
    said = SIZES.sub("", text)
    sizes = sizes_of(plan)
    if pairs := [*_equal_pairs(said, sizes)]:
        return Mend(forced=tuple(pairs))
    if OF_RESULT.search(said) and RESULT in plan.hints:
        return Mend(dropped=((RESULT, reason),))
    if code == FAILED:
        return _for_a_failure(plan, said, reason)
    return None


def _for_a_failure(plan: Planned, said: str, reason: str) -> Mend | None:
    """A call that fails may have had a tensor of a shape that the function never gets."""
    told = {" ".join(re.split(r",\s*", shape)) for shape in SHAPES.findall(said)}
    arguments = {name: hint for name, hint in plan.hints.items() if name != RESULT}
    found = [
        name for name, hint in arguments.items() if any(" ".join(s.axes) in told for s in shapes_of(hint))
    ]
    spread = [name for name, hint in arguments.items() if any(map(_is_spread, shapes_of(hint)))]
    out = found[-1:] or spread
    kept = [name for name in arguments if name not in out]
    return Mend(dropped=tuple((name, reason) for name in out)) if out and kept else None


def _is_spread(shape: Shaped) -> bool:
    return any(axis == ELLIPSIS or axis.startswith("*") for axis in shape.axes)


def without(plan: Planned, dropped: Mapping[str, str]) -> Planned:
    """A plan without the annotations of some places, with the reason of each."""
    out = {name: reason for name, reason in dropped.items() if name in plan.hints}
    if not out:
        return plan
    hints = {name: hint for name, hint in plan.hints.items() if name not in out}
    used = {word for hint in hints.values() for shape in shapes_of(hint) for word in _words(shape)}
    origins = {name: origin for name, origin in plan.origins.items() if name in used}
    left = (*plan.left, *(Left(name, reason) for name, reason in out.items()))
    return replace(plan, hints=hints, origins=origins, left=left)


def _words(shape: Shaped) -> Iterator[str]:
    for axis in shape.axes:
        yield from WORD.findall(axis)


def sizes_of(plan: Planned) -> list[dict[str, set[int]]]:
    """The sizes that the axes of a plan have in each call that was seen, by their texts."""
    seen = [each for each in plan.function.patterns if each.ended == "returned"]
    found = []
    for pattern in seen:
        sizes: dict[str, set[int]] = {}
        for name, hint in plan.hints.items():
            value = pattern.result if name == RESULT else pattern.arguments.get(name)
            for text, size in sizes_by_text(value, hint):
                sizes.setdefault(text, set()).add(size)
        found.append(sizes)
    return found


def _equal_pairs(said: str, sizes: Sequence[Mapping[str, set[int]]]) -> Iterator[tuple[str, str]]:
    """The axes that a finding sets side by side, and that are of one size in every call: later, earlier."""
    order = list(dict.fromkeys(text for each in sizes for text in each if text.isidentifier()))
    for one, other in _side_by_side(said):
        both = [each for each in sizes if one in each and other in each]
        if one == other or one not in order or other not in order or not both:
            continue
        if all(each[one] == each[other] and len(each[one]) == 1 for each in both):
            first, later = sorted((one, other), key=order.index)
            yield later, first


def _side_by_side(said: str) -> Iterator[tuple[str, str]]:
    """The names that stand at one place of shapes of one rank, or in backticks in one sentence."""
    shapes = [re.split(r",\s*", shape) for shape in SHAPES.findall(RAISED.split(said)[0])]
    for left, right in combinations(shapes, 2):
        if len(left) == len(right):
            yield from zip(left, right, strict=True)
    if not shapes:
        yield from combinations(NAMED.findall(said), 2)
