"""Which axes of a function are one, in all calls that were followed and all that were seen, and their names.

A call that was followed says which axes are one. A call that was only seen can say that two are not, by
their sizes.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from typed_einsum.testing.annotate.signatures import PARTS, WORD
from typed_einsum.testing.annotate.structure import Path
from typed_einsum.testing.names.evidence import Kind
from typed_einsum.testing.names.gathering import applied

Json = Any
Slot = tuple[str, Path, int]
"""An axis: the parameter, or `return`, the path to the tensor in it, and the number of the axis."""

ORDER = ("annotation", "local", "equation", "comment", "role", "attribute", Kind.GLOSSARY.word, "place")
"""How telling evidence is, by the word for its kind, the most telling first."""

TIERS = (("annotation",), ("local", "equation", "comment"), ("role",))
"""Kinds between whose names it matters which is the more frequent, not the kind."""


@dataclass
class Axis:
    """Slots that are one axis. `labels` are what calls that were followed have for it."""

    slots: list[Slot]
    name: str = ""
    origin: str = ""
    labels: dict[int, str] = field(default_factory=dict)

    @property
    def number(self) -> str:
        """The digits that it is in every call; empty where it is none."""
        found = {*self.labels.values()}
        return found.pop() if len(found) == 1 and next(iter(found)).isdigit() else ""


@dataclass(frozen=True)
class Candidate:
    """A name for an axis, and how many lines say it: in all, in the function's file, and in the function.

    `common` says how many equations of the file have it; `is_ambiguous` that the function has it twice.
    """

    name: str
    kind: str
    origin: str
    every: int = 1
    near: int = 0
    own: int = 0
    common: int = 0
    is_ambiguous: bool = False

    @property
    def rank(self) -> tuple[int, ...]:
        """The better name comes first: by its kind, and of what code calls an axis, the more frequent."""
        tier = next((at for at, kinds in enumerate(TIERS) if self.kind in kinds), len(TIERS) + self.order)
        return (tier, self.is_ambiguous, -self.common - self.near - self.own, -self.every, self.order)

    @property
    def order(self) -> int:
        """How telling its kind is."""
        return ORDER.index(self.kind)

    def with_more(self, other: Candidate) -> Candidate:
        """The same name as two calls know it."""
        best = min(self, other, key=lambda each: each.order)
        every, near, own = map(max, self._counts, other._counts)
        return replace(best, every=every, near=near, own=own)

    @property
    def _counts(self) -> tuple[int, int, int]:
        return self.every, self.near, self.own


@dataclass(frozen=True)
class Followed:
    """A call that was followed: the text of each axis, where its names come from, and what else names it."""

    labels: Mapping[Slot, str]
    origins: Mapping[str, Sequence[str]]
    names: Mapping[str, Sequence[Sequence[Any]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Merged:
    """The text of each axis of a function, and where each name comes from."""

    texts: Mapping[Slot, str]
    origins: Mapping[str, str]


def merged(
    slots: Sequence[Slot],
    followed: Sequence[Followed],
    seen: Sequence[Mapping[Slot, int]],
    vocabulary: Mapping[str, int],
) -> Merged:
    """Names for axes: `slots` are those of arguments, in their order, and then those of the result.

    `vocabulary` says how many equations of the file have each name.
    """
    known = [slot for slot in slots if any(slot in each.labels for each in followed)]
    axes = _Axes(known, followed, seen, vocabulary)
    return Merged(dict(axes.texts()), {axis.name: axis.origin for axis in axes.axes if axis.name})


class _Axes:
    def __init__(
        self,
        slots: Sequence[Slot],
        followed: Sequence[Followed],
        seen: Sequence[Mapping[Slot, int]],
        vocabulary: Mapping[str, int],
    ) -> None:
        self._followed, self._seen, self._vocabulary = followed, seen, vocabulary
        self._ambiguous: set[str] = set()
        self.axes: list[Axis] = []
        for slot in slots:
            labels = self._labels(slot)
            joined = next((axis for axis in self.axes if self._are_one(axis, slot)), None)
            if joined is None:
                self.axes.append(Axis([slot], labels=labels))
            else:
                joined.slots.append(slot)
                joined.labels = labels | joined.labels
        self._join_by_name()
        owners = Counter(name for axis in self.axes for name in self._own_names(axis))
        self._ambiguous = {name for name, count in owners.items() if count > 1}
        self._taken: dict[str, Axis] = {}
        self._name_all()

    def _labels(self, slot: Slot) -> dict[int, str]:
        return {at: each.labels[slot] for at, each in enumerate(self._followed) if slot in each.labels}

    def _are_one(self, axis: Axis, slot: Slot) -> bool:
        return all(self._agree(other, slot) for other in axis.slots)

    def _agree(self, one: Slot, other: Slot) -> bool:
        own, theirs = self._labels(one), self._labels(other)
        both = own.keys() & theirs.keys()
        if both and any(own[at] != theirs[at] for at in both):
            return False
        if not both and not {*own.values()} & {*theirs.values()}:
            return False
        return all(each[one] == each[other] for each in self._seen if one in each and other in each)

    def _join_by_name(self) -> None:
        """Make one of axes that the function itself calls the same, and that are equal in all calls."""
        for axis in list(self.axes):
            names = self._own_names(axis)
            for other in self.axes[: self.axes.index(axis)] if names else ():
                if names & self._own_names(other) and self._are_equal(axis, other):
                    other.slots += axis.slots
                    other.labels = axis.labels | other.labels
                    self.axes.remove(axis)
                    break

    def _own_names(self, axis: Axis) -> set[str]:
        return {each.name for each in self._candidates(axis) if each.own and each.kind in TIERS[1]}

    def _are_equal(self, one: Axis, other: Axis) -> bool:
        pairs = [
            (each[a], each[b])
            for each in self._seen
            for a in one.slots
            for b in other.slots
            if a in each and b in each
        ]
        return bool(pairs) and all(a == b for a, b in pairs)

    def _name_all(self) -> None:
        """Names by how telling their evidence is: an axis that code names keeps its name before others."""
        named = [(self._candidates(axis), axis) for axis in self.axes if not self._is_number(axis)]
        for candidates, axis in sorted(named, key=lambda each: each[0][0].rank if each[0] else (99,)):
            chosen = next((each for each in candidates if each.name not in self._taken), None)
            if chosen is not None:
                self._take(axis, chosen.name, chosen.origin)
        for axis in self.axes:
            if not axis.name and not self._is_number(axis) and self._expression(axis) is None:
                self._take(axis, self._free(_place(axis)), Kind.PLACE.word)

    def _take(self, axis: Axis, name: str, origin: str) -> None:
        axis.name, axis.origin = name, origin
        self._taken[name] = axis

    def _free(self, name: str) -> str:
        free, number = name, 2
        while free in self._taken:
            free, number = f"{name}_{number}", number + 1
        return free

    def _is_number(self, axis: Axis) -> bool:
        number = axis.number
        sizes = {each[slot] for each in self._seen for slot in axis.slots if slot in each}
        return bool(number) and sizes <= {int(number)}

    def _candidates(self, axis: Axis) -> list[Candidate]:
        """The names that code has for an axis, the most telling first."""
        found: dict[str, Candidate] = {}
        for at, label in axis.labels.items():
            for each in self._said(at, label) if label.isidentifier() else ():
                known = found.get(each.name)
                found[each.name] = each if known is None else known.with_more(each)
        return sorted(found.values(), key=lambda each: each.rank)

    def _said(self, at: int, label: str) -> Iterator[Candidate]:
        """What one call says of an axis: all that names it, or the one name that it has there."""
        followed = self._followed[at]
        for name, kind, origin, every, near, own in followed.names.get(label, ()):
            common, is_ambiguous = self._vocabulary.get(name, 0), name in self._ambiguous
            yield Candidate(name, kind, origin, every, near, own, common, is_ambiguous)
        kind, origin = followed.origins.get(label, ("place", Kind.PLACE.word))
        if label not in {each[0] for each in followed.names.get(label, ())}:
            yield Candidate(label, kind, origin)

    def texts(self) -> Iterator[tuple[Slot, str]]:
        for axis in self.axes:
            text = axis.name or (axis.number if self._is_number(axis) else self._expression(axis) or "")
            for slot in axis.slots:
                yield slot, text

    def _expression(self, axis: Axis) -> str | None:
        """An axis in names of axes that come before it, if it is so in every call."""
        found = {self._in_names(at, label, axis) for at, label in axis.labels.items()}
        text = found.pop() if len(found) == 1 else None
        return text if text and all(self._holds(text, axis, each) for each in self._seen) else None

    def _in_names(self, at: int, label: str, axis: Axis) -> str | None:
        """What a call says of an axis, in the names that its axes have now."""
        earlier = self.axes[: self.axes.index(axis)]
        by_label = {each.labels[at]: each.name for each in earlier if at in each.labels and each.name}
        words = WORD.findall(label)
        if label.isidentifier() or not words or not all(word in by_label for word in words):
            return None
        return WORD.sub(lambda word: by_label[word.group()], label)

    def _holds(self, text: str, axis: Axis, seen: Mapping[Slot, int]) -> bool:
        sizes = {
            name: seen[slot] for name, each in self._taken.items() for slot in each.slots if slot in seen
        }
        value = value_of(ast.parse(text, mode="eval").body, sizes)
        return all(seen[slot] == value for slot in axis.slots if slot in seen and value is not None)


def value_of(node: ast.expr, sizes: Mapping[str, int]) -> int | None:
    """The value of an expression of sizes; None where it is not known."""
    match node:
        case ast.Constant(value=int() as value):
            return value
        case ast.Name(id=name):
            return sizes.get(name)
        case ast.BinOp(left, op, right):
            one, other = value_of(left, sizes), value_of(right, sizes)
            return None if one is None or other is None else applied(op, one, other)
    return None


def _place(axis: Axis) -> str:
    """A name from an expression, `h*d` as `hd`, or from the place of an axis."""
    for label in axis.labels.values():
        parts = PARTS.findall(label)
        if len(parts) > 1 and all(len(part) == 1 for part in parts) and parts[0].isidentifier():
            return "".join(parts)
    name, path, at = axis.slots[0]
    name = "y" if name == "return" else name.strip("*")
    return f"{name}{'_'.join(step for step in path if step.isdigit())}{'_' if path else ''}{at}"
