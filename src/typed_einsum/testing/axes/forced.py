"""TE719 and TE720: names that the code needs to be one size, and names that it needs to be a number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sympy

from typed_einsum.diagnostics import Place
from typed_einsum.locations import shown_path
from typed_einsum.testing.audit import Finding
from typed_einsum.testing.axes.conditions import without_common_factors
from typed_einsum.testing.axes.shape_env import Question
from typed_einsum.testing.axes.trace import Trace
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.inputs.leaves import declared_tensors


@dataclass(frozen=True)
class Forced:
    """Two names that the code needs to be one size, or, if `other` is a number, a name that it fixes."""

    name: str
    other: str | int
    line: tuple[str, int]


def forced_by(trace: Trace, place: Place) -> Iterator[Finding]:
    """What a call that ran has forced, and no annotation says."""
    seen = set()
    for question in trace.conditions:
        found = _forced(trace, question)
        if found is not None and (found.name, found.other) not in seen:
            seen.add((found.name, found.other))
            yield forced(found, place, trace.call)


def _forced(trace: Trace, question: Question) -> Forced | None:
    simple = without_common_factors(question) or question
    if not simple.is_equality or not isinstance(simple.asked, sympy.Eq | sympy.Ne):
        return None
    sides = [trace.names.get(str(side), side) for side in simple.asked.args]
    match sides:
        case [str(name), str(other)] if name.isidentifier() and other.isidentifier():
            return Forced(name, other, question.place)
        case [str(name), sympy.Integer() as number] | [sympy.Integer() as number, str(name)]:
            if name.isidentifier() and not _has_numbers(trace.call) and int(number) > 1:
                return Forced(name, int(number), question.place)
    return None


def _has_numbers(call: Call) -> bool:
    """Whether an argument may have given the number: an object, or anything that is not a tensor."""
    return set(call.recipe.signature.parameters) != {
        name for name, hint in call.recipe.hints.items() if any(True for _ in declared_tensors(hint))
    }


def forced(found: Forced, place: Place, call: Call, what: str = "") -> Finding:
    """The finding for it.

    Of a call that failed, `place` is where, and `what` is the operation with its axes.
    """
    file, line = found.line
    if file and (shown_path(file), line) != (place.file, place.line):
        place, what = Place(shown_path(file), line), ""
    at = (place.file, place.line, place.column or 1)
    if isinstance(found.other, int):
        text = f"{what or 'this'} needs `{found.name}` to be {found.other}, which no annotation says: "
        text += f"write `{found.name}={found.other}` in the annotation, or mend this line"
        return Finding("TE720", "error", text, *at)
    first, second = sorted((found.name, found.other), key=list(call.sizes).index)
    text = f"{what or 'this'} needs `{first}` and `{second}` to be one size, which no annotation says: "
    text += "give both axes one name, or mend this line"
    return Finding("TE719", "error", text, *at)
