"""The shapes that a function took and returned in a call that was followed, in names of its own.

What is kept is plain data: an axis is a name, a number or an expression of names of earlier axes.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy

from typed_einsum.testing.axes.shape_env import Question
from typed_einsum.testing.listing.recorder import Recorded
from typed_einsum.testing.listing.running import Ran
from typed_einsum.testing.listing.source import Source
from typed_einsum.testing.listing.values import Number, Several, Shape, Size, Value
from typed_einsum.testing.names.evidence import Evidence, Kind
from typed_einsum.testing.names.naming import Names

Json = Any

MOST_SIGNATURES = 4
"""How many signatures of one function are kept of one call that was followed."""

LEAST = 3
"""Torch itself asks whether an axis has two entries."""

WORD = re.compile(r"[A-Za-z_]\w*")
OF_VALUES = re.compile(r"\bu\d+\b")
"""What torch calls a size that values decide."""
PARTS = re.compile(r"[A-Za-z_]\w*|\d+")


def signatures_of(ran: Ran, names: Names) -> dict[Source, list[Json]]:
    """The signatures of the functions that a call went through, as far as torch could follow it."""
    found: dict[Source, list[Json]] = defaultdict(list)
    if ran.error is not None:
        return found
    read, needed = last_read(ran), unpacked(ran)
    for index, call in enumerate(ran.recorder.calls):
        known = found[call.source]
        if call.is_symbolic and not call.failed and len(known) < MOST_SIGNATURES:
            by_chance = (ran.on_values and index > 0, ran.on_values or bool(ran.fixed))
            signature = _Naming(call, names, *by_chance, read, needed).signature()
            if signature not in known:
                known.append(signature)
    return found


def last_read(ran: Ran) -> frozenset[Size]:
    """The axes whose last entry is read by its number, as in `x[..., 2]` of an `x` with three: the code
    cannot take fewer."""
    symbols = {symbol.name: symbol for symbol in ran.sizes}
    found: set[Size] = set()
    for each in ran.trace.questions if ran.trace is not None else ():
        if len(each.symbols) == 1 and _is_least(each):
            (name,) = each.symbols
            if name in symbols and each.holds_at({name: ran.sizes[symbols[name]]}):
                size = ran.sizes[symbols[name]]
                if size >= LEAST and not each.holds_at({name: size - 1}):
                    found.add(ran.final(symbols[name]))
    return frozenset(found)


def unpacked(ran: Ran) -> frozenset[Size]:
    """The axes that a statement takes apart into as many names, as `a, b, c = x.unbind(-1)` does."""
    lines = {
        (call.source.file, line): statement.node
        for call in ran.recorder.calls
        for line, statement in call.source.by_line.items()
    }
    symbols = {symbol.name: symbol for symbol in ran.sizes}
    found: set[Size] = set()
    for each in ran.trace.questions if ran.trace is not None else ():
        node = lines.get(each.place)
        if each.is_number and each.asked.is_Symbol and node is not None and _takes_apart(node, each.outcome):
            found.update(ran.final(symbols[name]) for name in each.symbols if name in symbols)
    return frozenset(found)


def _takes_apart(node: ast.stmt, count: int) -> bool:
    """Whether a statement sets so many names to the parts of one value."""
    targets = node.targets if isinstance(node, ast.Assign) else []
    return any(
        isinstance(target, ast.Tuple | ast.List)
        and len(target.elts) == count
        and not any(isinstance(each, ast.Starred) for each in target.elts)
        for target in targets
    )


def _is_least(question: Question) -> bool:
    """Whether it compares an axis itself with a number."""
    is_less = isinstance(question.asked, sympy.Lt | sympy.Le | sympy.Gt | sympy.Ge)
    return is_less and {each.is_Symbol or each.is_Integer for each in question.asked.args} == {True}


@dataclass
class _Naming:
    """Names the axes of one call, those of its arguments first.

    Numbers in its arguments, or in its result, may be sizes or values that it has by chance. `last_read` are
    axes that could not be shorter, `unpacked` those that have as many entries as names wait for.
    """

    call: Recorded
    names: Names
    in_arguments: bool
    in_result: bool
    last_read: frozenset[Size] = frozenset()
    unpacked: frozenset[Size] = frozenset()
    _texts: dict[Size, str] = field(default_factory=dict)
    _origins: dict[str, list[str]] = field(default_factory=dict)
    _bound: dict[str, str] = field(default_factory=dict)
    _said: dict[str, list[Json]] = field(default_factory=dict)

    def signature(self) -> Json:
        passed = {name: self._of(value, name) for name, value in self.call.arguments.items()}
        result = self._of(self.call.result, "result", is_result=True)
        kept = {name: value for name, value in passed.items() if value is not None}
        kinds = {"last_read": self.last_read, "unpacked": self.unpacked}
        texts = {
            kind: [self._texts[size] for size in self._texts if size in of] for kind, of in kinds.items()
        }
        told = {kind: found for kind, found in texts.items() if found}
        return {"arguments": kept, "result": result, "origins": self._origins, "names": self._said, **told}

    def _of(self, value: Value | None, place: str, *, is_result: bool = False) -> Json:
        match value:
            case Shape(dtype, axes):
                texts = [self._axis(size, f"{place}{at}", is_result) for at, size in enumerate(axes)]
                return {"dtype": dtype, "axes": texts}
            case Several(kind, items, length):
                inside = {key: self._of(each, f"{place}{key}_", is_result=is_result) for key, each in items}
                return {"kind": kind, "items": inside, "length": length}
            case Number() | None:
                return None
        raise TypeError(type(value).__name__)

    def _axis(self, size: Size, place: str, is_result: bool) -> str:
        if size not in self._texts:
            text = self._texts[size] = self._named(size, place, is_result)
            if text in self._origins:
                self._said[text] = told_names(self.names.candidates(size, self.call.source), self.call.source)
        return self._texts[size]

    def _named(self, size: Size, place: str, is_result: bool) -> str:
        own = self.names.own(size, self.call.source)
        if own is not None:
            return self._taken(own.name, own.evidence.kind, own.evidence.text)
        text = self.names.text(size, self.call.source)
        if text.isdigit():
            by_chance = self.in_result if is_result else self.in_arguments
            if not by_chance or int(text) < 2:
                return text
            return self._taken(place, Kind.PLACE, Kind.PLACE.word)
        if text.isidentifier():
            found = self.names.origin(size, self.call.source)
            kind, origin = (Kind.PLACE, Kind.PLACE.word) if found is None else (found.kind, found.text)
            return self._taken(place if kind is Kind.PLACE else text, kind, origin)
        if all(self._bound.get(word) == word for word in WORD.findall(text)):
            return text
        parts = PARTS.findall(text)
        joined = "".join(parts) if all(len(part) == 1 for part in parts) else "_".join(parts)
        if OF_VALUES.search(text):  # no name of anybody's
            return self._taken(place, Kind.PLACE, Kind.PLACE.word)
        return self._taken(joined if joined.isidentifier() else place, Kind.PLACE, f"`{text}` in the caller")

    def _taken(self, name: str, kind: Kind, origin: str) -> str:
        """A name for one more axis; with a number where another has it already."""
        free, number = name, 2
        while free in self._origins:
            free, number = f"{name}{number}", number + 1
        self._origins[free] = [kind.word if kind is not Kind.PLACE else "place", origin]
        if free == name:
            self._bound[name] = name
        return free


def told_names(found: Sequence[Evidence], source: Source) -> list[Json]:
    """The names that code has for an axis of a function, each with its kind, where it comes from, and how
    many lines say it: in all, in its file, and in the function itself."""
    names: dict[str, list[Evidence]] = defaultdict(list)
    for each in found:
        names[each.name].append(each)
    told = []
    for name, every in names.items():
        best = min(every, key=lambda each: (each.is_role, each.kind, each.source != source))
        by_line = {(each.source, each.line): each.source for each in every}
        near = sum(one is not None and one.file == source.file for one in by_line.values())
        own = sum(one == source for one in by_line.values())
        kind = "role" if best.is_role else best.kind.word if best.kind is not Kind.PLACE else "place"
        told.append([name, kind, best.text, len(by_line), near, own])
    return told


def by_place(found: dict[Source, list[Json]]) -> Iterator[tuple[tuple[str, int], list[Json]]]:
    """The signatures by the file and the line of the `def`."""
    for source, signatures in found.items():
        if signatures:
            yield (source.file, source.first), signatures
