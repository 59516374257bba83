"""TE719 and TE720: names that the code needs to be one size, and names that it needs to be a number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from inspect import Parameter

import sympy

from typed_einsum.annotations import Hint, TensorHint
from typed_einsum.diagnostics import Place
from typed_einsum.equation.axes import Named
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
    replaced = Replaced.of(trace.call)
    for question in trace.conditions:
        found = _forced(trace, question)
        if found is None or (found.name, found.other) in seen:
            continue
        seen.add((found.name, found.other))
        if not replaced.may_explain(found.name, found.other):
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


@dataclass(frozen=True)
class Replaced:
    """What may take the place of arguments that are left out.

    Without `context`, `b j d`, a function uses `x`, `b i d`: then `i` and `j` are one, and so is the axis of
    a mask, `b n`, which is that of `context` in other calls. No annotation can say so. `pairs` are `i` and
    `j`, and the names in `optional` are those that no argument without a default has.
    """

    pairs: frozenset[frozenset[str]]
    optional: frozenset[str]

    @classmethod
    def of(cls, call: Call) -> Replaced:
        """What a call leaves out."""
        recipe = call.recipe
        given = {name: hint for name, hint in recipe.hints.items() if call.arguments.get(name) is not None}
        present = _tensors(given.values())
        missing = _tensors(hint for name, hint in recipe.hints.items() if name not in given)
        free = [one for one in missing if all(one.axes != two.axes for two in present)]
        pairs = frozenset(pair for one in free for two in present if (pair := _one_apart(one, two)))
        parameters = recipe.signature.parameters
        needed = (hint for name, hint in given.items() if parameters[name].default is Parameter.empty)
        named = {axis.name for each in _tensors(needed) for axis in each.axes if isinstance(axis, Named)}
        return cls(pairs, recipe.axis_names - named)

    def may_explain(self, name: str, other: str | int) -> bool:
        """Whether two names may be one size for no other reason than that something is left out."""
        if isinstance(other, int):
            return False
        in_pairs = frozenset[str]().union(*self.pairs)
        is_through_pair = any(
            one in in_pairs and two in self.optional for one, two in ((name, other), (other, name))
        )
        return frozenset((name, other)) in self.pairs or is_through_pair


def _tensors(hints: Iterable[Hint]) -> list[TensorHint]:
    return [each for hint in hints for each in declared_tensors(hint)]


def _one_apart(one: TensorHint, two: TensorHint) -> frozenset[str]:
    """The two names of the only axis in which two annotations differ; empty if there is none."""
    if len(one.axes) != len(two.axes) or len(one.axes) < 2:
        return frozenset()
    differing = [axis for pair in zip(one.axes, two.axes, strict=True) if pair[0] != pair[1] for axis in pair]
    names = [axis.name for axis in differing if isinstance(axis, Named)]
    return frozenset(names if len(differing) == len(names) == 2 else ())


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
