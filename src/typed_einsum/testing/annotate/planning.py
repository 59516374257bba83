"""Which annotations a function gets, and what is left out with its reason: from plain data."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from typed_einsum.equation.axes import ELLIPSIS
from typed_einsum.testing.annotate.definitions import (
    Definition,
    is_optional,
    last_name,
    parameters,
    says_tensor_alone,
    yields,
)
from typed_einsum.testing.annotate.hints import Hint, shapes_of
from typed_einsum.testing.annotate.merging import Followed, Merged, Slot, merged
from typed_einsum.testing.annotate.spreads import Place, are_alike, spread_texts
from typed_einsum.testing.annotate.structure import (
    ELLIPSIS_AT,
    CannotSay,
    Found,
    aligned_at_start,
    has_tensor,
    narrowed,
    structure_of,
    tensors_in,
    with_axes,
)
from typed_einsum.testing.annotate.words import Words
from typed_einsum.testing.observe.records import BARE, DROPPED, LATE, Function, Pattern
from typed_einsum.testing.observe.rewriting import COMPILERS

Json = Any

READERS = (*COMPILERS, "script", "script_method", "custom_op")
"""The last part of decorators that read the annotations of a function."""

FAILED = ("following", "the call ran", "all calls")
"""How the reasons begin for which a call was not followed to its end."""

ONE_RANK = "it has unlike ranks in different calls, of which one alone was followed"

RESULT = "return"
"""What stands for the result among the parameters: no parameter can have this name."""


@dataclass(frozen=True)
class Left:
    """What stays without an annotation: a parameter, the result, or all where `what` is empty."""

    what: str
    reason: str


@dataclass(frozen=True)
class Planned:
    """A function with its new annotations, by parameter. `origins` say where each name comes from."""

    function: Function
    hints: Mapping[str, Hint] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    left: tuple[Left, ...] = ()

    @property
    def axes(self) -> int:
        """How many axes of tensors get a name or a number."""
        return sum(len(shape.axes) for hint in self.hints.values() for shape in shapes_of(hint))


def planned(
    function: Function, node: Definition, words: Words | None = None, *, refine: bool = False
) -> Planned:
    """The annotations of a function that was observed, where it has none, in the words of its project.

    To `refine` is to give those that say `Tensor` alone a shape.
    """
    seen = [pattern for pattern in function.patterns if pattern.ended == "returned"]
    reason = _why_not(function, node, seen)
    if reason:
        return Planned(function, left=(Left("", reason),))
    return _Plan(function, node, seen, words or Words(), refine).made()


def _why_not(function: Function, node: Definition, seen: Sequence[Pattern]) -> str:
    if not function.observed:
        return function.reason or "no call with a tensor was seen"
    if not seen:
        return "no call of it returned"
    if isinstance(node, ast.AsyncFunctionDef) or yields(node):
        return "what a generator or a coroutine gives is not observed"
    compiler = next((name for name in map(last_name, node.decorator_list) if name in READERS), None)
    if compiler is not None:
        return f"`@{compiler}` compiles it, and may not take other annotations"
    return _why_not_followed("it", seen) if not function.signatures else ""


def _why_not_followed(what: str, seen: Sequence[Pattern]) -> str:
    """Why no call is known in symbols: torch could not, or it was not tried."""
    texts = [each.text for each in seen]
    failed = [text for text in texts if text.startswith(FAILED)]
    untried = [text.removeprefix(f"{BARE}, and ") for text in texts if text in (LATE, DROPPED)]
    if untried and not failed:
        return untried[0] if what == "it" else f"no {what.removeprefix('a ')} was followed: {untried[0]}"
    return ": ".join([f"torch's symbolic shapes could not be followed through {what}", *failed[:1]])


class _Plan:
    def __init__(
        self, function: Function, node: Definition, seen: Sequence[Pattern], words: Words, refine: bool
    ) -> None:
        self._function, self._node, self._seen, self._words = function, node, seen, words
        self._refine = refine
        self._left: list[Left] = []
        self._stars = {each.name for each in parameters(node) if each.stars}
        self._structures = dict(self._structured())

    def made(self) -> Planned:
        found = self._merged()
        if any(ELLIPSIS in shape.axes for each in self._structures.values() for shape in shapes_of(each)):
            found = self._aligned(found)
        hints: dict[str, Hint] = {}
        spreads = self._spreads(found)
        for name, structure in self._structures.items():
            written = self._annotation(name)
            is_bare = says_tensor_alone(written)
            if written is not None and not (is_bare and self._refine):
                if is_bare or not any(isinstance(each, ast.Subscript) for each in ast.walk(written)):
                    more = "; --refine gives it a shape" if is_bare else ""
                    self._left.append(
                        Left(name, f"it is annotated already, as `{ast.unparse(written)}`{more}")
                    )
                continue
            hint = self._named(name, structure, found, spreads)
            if hint is not None:
                hints[name] = hint
        used = {word for hint in hints.values() for shape in shapes_of(hint) for word in shape.axes}
        origins = {name: origin for name, origin in found.origins.items() if name in used}
        return Planned(self._function, hints, origins, tuple(self._left))

    def _merged(self) -> Merged:
        return merged(self._slots(), [*self._followed()], [*self._sizes()], self._words)

    def _aligned(self, at_end: Merged) -> Merged:
        """Tensors of several ranks have their last axes in common, or their first: what others share.

        Only axes that have one name in calls of all ranks are in common.
        """
        before = self._structures
        self._structures = {name: aligned_at_start(each) for name, each in before.items()}
        if _shared(self._merged()) <= _shared(at_end):
            self._structures = before
        for name, each in self._structures.items():
            told = [
                (tensor, one.get("names", {}))
                for one in self._function.signatures
                for tensor in self._tensors(name, _of_signature(one, name), each)
            ]
            self._structures[name] = narrowed(each, partial(are_alike, told))
        return self._merged()

    def _annotation(self, name: str) -> ast.expr | None:
        if name == RESULT:
            return self._node.returns
        return next(each.annotation for each in parameters(self._node) if each.name == name)

    def _structured(self) -> Iterator[tuple[str, Hint]]:
        """The parameters that take tensors, and the result, with the kinds of their values."""
        for each in parameters(self._node):
            values = [
                pattern.arguments.get(each.name) for pattern in self._seen if each.name in pattern.arguments
            ]
            if each.stars == 2:
                if any(isinstance(value, dict) and value.get("items") for value in values):
                    self._left.append(Left(each.name, "what `**` collects is not of one kind"))
                continue
            may_be_none = each.may_be_none or is_optional(each.annotation)
            yield from self._structure(
                each.name, [*values, *([None] if may_be_none else [])], each.stars == 1
            )
        results = [pattern.result for pattern in self._seen]
        none = [None] if is_optional(self._node.returns) else []
        yield from self._structure(RESULT, [*results, *none], is_star=False)

    def _structure(self, name: str, values: Sequence[Json], is_star: bool) -> Iterator[tuple[str, Hint]]:
        try:
            hint = structure_of(values, is_star=is_star)
        except CannotSay as why:
            if self._annotation(name) is None:
                self._left.append(Left(name, str(why)))
            return
        if hint is not None:
            yield name, hint

    def _slots(self) -> list[Slot]:
        """All axes, in the order of the parameters."""
        found: dict[Slot, None] = {}
        for name, structure in self._structures.items():
            seen = [_of_pattern(each, name) for each in self._seen]
            for value in [*seen, *(_of_signature(each, name) for each in self._function.signatures)]:
                for each in self._tensors(name, value, structure):
                    found |= dict.fromkeys((name, each.path, at) for at in each.axes)
        return list(found)

    def _tensors(self, name: str, value: Json, structure: Hint) -> list[Found]:
        return tensors_in(value, structure, is_star=name in self._stars)

    def _spreads(self, found: Merged) -> dict[Place, str]:
        """What is written for axes that some calls alone have; nothing unless two ranks were followed."""
        seen = [(_of_pattern, pattern) for pattern in self._seen]
        calls = [*seen, *((_of_signature, each) for each in self._function.signatures)]
        told: dict[Place, list[Any]] = {}
        for number, (of, call) in enumerate(calls):
            for name, structure in self._structures.items():
                for each in self._tensors(name, of(call, name), structure):
                    if each.spread is not None:
                        told.setdefault((name, each.path), [None] * len(calls))[number] = each.spread
        followed = {
            place: {len(each) for each in own[len(seen) :] if each is not None} for place, own in told.items()
        }
        known = {place: own for place, own in told.items() if len(followed[place]) > 1}
        return spread_texts(known, found.origins)

    def _followed(self) -> Iterator[Followed]:
        for signature in self._function.signatures:
            labels: dict[Slot, str] = {}
            for name, structure in self._structures.items():
                for each in self._tensors(name, _of_signature(signature, name), structure):
                    for at, text in each.axes.items():
                        slot = (name, each.path, at)
                        # Items of one list that have unlike axes have none in common there.
                        labels[slot] = text if labels.get(slot, text) == text else f"{name}_each{at}"
            more = [
                signature.get("names", {}),
                *(signature.get(key, ()) for key in ("last_read", "unpacked")),
            ]
            yield Followed(labels, signature["origins"], *more)

    def _sizes(self) -> Iterator[dict[Slot, int]]:
        for pattern in self._seen:
            sizes: dict[Slot, int] = {}
            for name, structure in self._structures.items():
                for each in self._tensors(name, _of_pattern(pattern, name), structure):
                    sizes |= {(name, each.path, at): size for at, size in each.axes.items()}
            yield sizes

    def _named(self, name: str, structure: Hint, found: Merged, spreads: Mapping[Place, str]) -> Hint | None:
        texts = {(path, at): text for (own, path, at), text in found.texts.items() if own == name}
        texts |= {(path, ELLIPSIS_AT): text for (own, path), text in spreads.items() if own == name}
        path = ("*",) if name in self._stars else ()
        try:
            return with_axes(structure, texts, path)
        except KeyError:
            how = "returns" if name == RESULT else "passes"
            calls = [each for each in self._seen if has_tensor(_of_pattern(each, name))]
            has_ranks = any(ELLIPSIS in shape.axes for shape in shapes_of(structure))
            reason = _why_not_followed(f"a call that {how} it", calls)
            self._left.append(Left(name, ONE_RANK if has_ranks else reason))
            return None


def _of_pattern(pattern: Pattern, name: str) -> Json:
    return pattern.result if name == RESULT else pattern.arguments.get(name)


def _of_signature(signature: Json, name: str) -> Json:
    return signature["result"] if name == RESULT else signature["arguments"].get(name)


def _shared(found: Merged) -> int:
    """How many axes are one with another."""
    return len(found.texts) - len({text for text in found.texts.values() if text.isidentifier()})
