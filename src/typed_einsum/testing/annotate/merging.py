"""Which axes of a function are one, and their names.

A call that was followed says which axes are one. A call that was only seen can say that two are not.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

from typed_einsum.testing.annotate.candidates import TIERS, Candidate
from typed_einsum.testing.annotate.signatures import PARTS, WORD
from typed_einsum.testing.annotate.structure import Path
from typed_einsum.testing.annotate.words import HABIT, Words
from typed_einsum.testing.names.evidence import Kind
from typed_einsum.testing.names.gathering import computed

Json = Any
Slot = tuple[str, Path, int]
"""An axis: the parameter, or `return`, the path to the tensor in it, and the number of the axis."""


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
class Followed:
    """A call that was followed: the text of each axis, where its names come from, and what else names it.

    The code reads the last entry of axes in `last_read` by its number, and takes those that are `unpacked`
    apart into as many names.
    """

    labels: Mapping[Slot, str]
    origins: Mapping[str, Sequence[str]]
    names: Mapping[str, Sequence[Sequence[Any]]] = field(default_factory=dict)
    last_read: Collection[str] = ()
    unpacked: Collection[str] = ()


@dataclass(frozen=True)
class Merged:
    """The text of each axis of a function, and where each name comes from."""

    texts: Mapping[Slot, str]
    origins: Mapping[str, str]


def merged(
    slots: Sequence[Slot],
    followed: Sequence[Followed],
    seen: Sequence[Mapping[Slot, int]],
    words: Words,
) -> Merged:
    """Names for axes: `slots` are those of arguments, in their order, and then those of the result."""
    known = [slot for slot in slots if any(slot in each.labels for each in followed)]
    axes = _Axes(known, followed, seen, words)
    return Merged(dict(axes.texts()), {axis.name: axis.origin for axis in axes.axes if axis.name})


class _Axes:
    def __init__(
        self,
        slots: Sequence[Slot],
        followed: Sequence[Followed],
        seen: Sequence[Mapping[Slot, int]],
        words: Words,
    ) -> None:
        self._followed, self._seen, self._words = followed, seen, words
        self._ranks = Counter((name, path) for name, path, _ in slots)
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
        numbers = {"1", *(axis.number for axis in self.axes if self._is_number(axis))}
        for axis in self.axes:
            number = self._kept(axis)
            if number in numbers or (number and self._is_fixed(axis)):
                axis.labels = dict.fromkeys(axis.labels, number)
        owners = Counter(name for axis in self.axes for name in self._own_names(axis))
        self._ambiguous = {name for name, count in owners.items() if count > 1}
        self._ambiguous |= {*self._shared_names()}
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
        """Make one of axes that are equal in all calls, and for which code has the same name.

        It is the function itself that has it, or it is the best name: one of its file, or what the axes of
        parameters of this name have in other functions.
        """
        for axis in list(self.axes):
            names = self._own_names(axis) | {
                each.name for each in self._candidates(axis)[:1] if each.near or each.kind == HABIT
            }
            for other in self.axes if names and not self._is_number(axis) else ():
                theirs = self._own_names(other) | {each.name for each in self._candidates(other)[:1]}
                is_other = other is not axis and not self._is_number(other)
                if is_other and names & theirs and self._are_equal(axis, other):
                    other.slots += axis.slots
                    other.labels = axis.labels | other.labels
                    self.axes.remove(axis)
                    break

    def _kept(self, axis: Axis) -> str:
        """The number that an axis is in every call, where nothing names it, and it is the last of tensors or
        is read to its end; else nothing.

        It is meant where the code fixes another axis to it, or it is 1: weights of rays are `"r s 1"`.
        """
        sizes = {each[slot] for each in self._seen for slot in axis.slots if slot in each}
        is_named = any(each.kind != "place" for each in self._candidates(axis))
        is_kept = (all(map(self._is_last, axis.slots)) or self._is_fixed(axis)) and not is_named
        return str(sizes.pop()) if len(sizes) == 1 and (is_kept or self._is_unpacked(axis)) else ""

    def _is_last(self, slot: Slot) -> bool:
        name, path, at = slot
        return at in (-1, self._ranks[name, path] - 1)

    def _is_fixed(self, axis: Axis) -> bool:
        """Whether the code reads the last entry by its number in every call, and no tensor has it first."""
        is_first = any(at == 0 and self._ranks[name, path] > 1 for name, path, at in axis.slots)
        is_read = all(label in self._followed[at].last_read for at, label in axis.labels.items())
        return (is_read and not is_first) or self._is_unpacked(axis)

    def _is_unpacked(self, axis: Axis) -> bool:
        return all(label in self._followed[at].unpacked for at, label in axis.labels.items())

    def _own_names(self, axis: Axis) -> set[str]:
        return {each.name for each in self._candidates(axis) if each.own and each.kind in TIERS[1]}

    def _shared_names(self) -> Iterator[str]:
        """The names that two axes have in common, where they would get the same one.

        The function itself must have another one for each.
        """
        told = [self._candidates(axis) for axis in self.axes if not self._is_number(axis)]
        for one, other in combinations([each for each in told if each], 2):
            shared = {each.name for each in one} & {each.name for each in other}
            besides = [[each for each in known if each.name not in shared] for known in (one, other)]
            are_told = all(any(each.own and each.kind in TIERS[1] for each in known) for known in besides)
            if one[0].name == other[0].name and are_told:
                yield from shared

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
        """Names by how telling their evidence is: an axis that code names keeps its name before others.

        What other functions call axes is taken from one line: `B T` or `b t`, and not `B t`.
        """
        named = [(self._candidates(axis), axis) for axis in self.axes if not self._is_number(axis)]
        for candidates, axis in sorted(named, key=lambda each: each[0][0].rank if each[0] else (99,)):
            free = [each for each in candidates if each.name not in self._taken]
            origins = {other.origin for other in self._taken.values()}
            alike = [each for each in free if not each.is_said and each.rank[:3] == free[0].rank[:3]]
            chosen = next((each for each in alike if each.origin in origins), free[0] if free else None)
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
        said = {each.name for each in found.values() if each.kind in (*TIERS[1], *TIERS[2])}
        for name, each in list(found.items()):
            if each.kind == "equation" and self._words.are_by_turns(name, said):
                found[name] = replace(each, kind="role")
        for name, path, at in axis.slots:
            habit = self._words.habits.get((name, self._ranks[name, path], at)) if not path else None
            if habit is not None:
                found.setdefault(habit[0], Candidate(habit[0], HABIT, habit[1]))
        return sorted(found.values(), key=lambda each: each.rank)

    def _said(self, at: int, label: str) -> Iterator[Candidate]:
        """What one call says of an axis: all that names it, or the one name that it has there."""
        followed = self._followed[at]
        for name, kind, origin, every, near, own in followed.names.get(label, ()):
            common, is_ambiguous = self._words.count(name), name in self._ambiguous
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
        value = computed(ast.parse(text, mode="eval").body, sizes)
        return all(seen[slot] == value for slot in axis.slots if slot in seen and value is not None)


def _place(axis: Axis) -> str:
    """A name from an expression, `h*d` as `hd`, or from the place of an axis."""
    for label in axis.labels.values():
        parts = PARTS.findall(label)
        if len(parts) > 1 and all(len(part) == 1 for part in parts) and parts[0].isidentifier():
            return "".join(parts)
    name, path, at = axis.slots[0]
    name = "y" if name == "return" else name.strip("*")
    return f"{name}{'_'.join(step for step in path if step.isdigit())}{'_' if path else ''}{at}"
