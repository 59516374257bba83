"""The text of a fence: an equation or a function, then lines of `key: value`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib import import_module
from typing import Any, TypeVar

from typed_einsum.derivation import Derivation, explain, read_sizes
from typed_einsum.diagnostics import Diagnostic, Mark, Span
from typed_einsum.errors import ArgumentError, TypedEinsumError

KEYS = {
    "names": "names: query, key, scores",
    "sizes": "sizes: b=2, q=3",
    "sum": "sum: n",
    "max": "max: n",
    "steps": "steps: notation, picture",
    "level": "level: 3",
    "example": "example: [[1, 2]], [[3], [4]]",
}
"""Every key with an example of its line."""

EXAMPLE = "b q d, b k d -> b q k"
DEEPEST = 6

_FUNCTION = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*):([^\W\d]\w*(?:\.[^\W\d]\w*)*)")
"""`module:function`, as entry points are written."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a fence: its number, counted from 1, and its text."""

    number: int
    text: str

    def refusal(self, summary: str, part: str, label: str, repair: str) -> ArgumentError:
        """An error that points at a part of this line."""
        start = self.text.find(part)
        span = Span(start, start + len(part))
        mark = Mark(self.text, span, label, self.number)
        return ArgumentError(Diagnostic("TE413", summary, marks=(mark,), help=repair))

    def marked(self, error: TypedEinsumError) -> TypedEinsumError:
        """The same error, pointing at this line, which contains the text that the error marks."""
        diagnostic = error.diagnostic
        offset = self.text.find(diagnostic.marks[0].text) if diagnostic.marks else -1
        if offset < 0:
            marks: tuple[Mark, ...] = (Mark(self.text, Span(0, len(self.text)), "", self.number),)
        else:
            marks = tuple(
                Mark(self.text, mark.span.shifted(offset), mark.label, self.number)
                for mark in diagnostic.marks
            )
        return type(error)(replace(diagnostic, marks=marks))


@dataclass(frozen=True)
class Block:
    """A fence as read: the line of its equation or function, and the line and value of each key."""

    target: Row
    values: Mapping[str, str]
    rows: Mapping[str, Row]

    @property
    def steps(self) -> list[str] | None:
        """The steps to show; None for all."""
        return _listed(self.values["steps"]) if "steps" in self.values else None

    @property
    def level(self) -> int:
        """The level of the headings."""
        text = self.values.get("level", "3")
        if text not in map(str, range(1, DEEPEST + 1)):
            row = self.rows["level"]
            summary = f"`{text}` is not a level of a heading"
            raise row.refusal(summary, text, "not 1 to 6", "write level: 3 for headings of the third level")
        return int(text)

    def derivation(self) -> Derivation:
        """The derivation of the fence. Raises the errors of `explain`, pointing at a line of the fence."""
        values = self.values
        names = _listed(values.get("names", ""))
        sizes = self._pointing("sizes", lambda: read_sizes(values.get("sizes", "")))
        target = self._target()
        options = {key: values[key] for key in ("sum", "max", "example") if key in values}
        derivation = self._pointing(None, lambda: explain(target, sizes, names=names, **options))
        self._pointing("steps", lambda: derivation.to_text(steps=self.steps))
        return derivation

    def _pointing(self, key: str | None, made: Callable[[], T]) -> T:
        try:
            return made()
        except TypedEinsumError as error:
            row = self.rows[key] if key is not None else self._blamed(error)
            raise row.marked(error) from None

    def _blamed(self, error: TypedEinsumError) -> Row:
        """The line of the key that an error is about, or else that of the equation."""
        named = re.match(r"`(\w+)=?`", error.diagnostic.summary)
        row = None if named is None else self.rows.get(named[1])
        if row is None and not error.diagnostic.marks and error.code in ("TE402", "TE403"):
            row = self.rows.get("names")
        return row or self.target

    def _target(self) -> Any:
        found = _FUNCTION.fullmatch(self.target.text.strip())
        if found is None:
            return self.target.text.strip()
        for key in ("sum", "max"):
            if key in self.rows:
                summary = f"`{key}` stands beside a function, whose equation has its own reductions"
                repair = f"leave the line `{key}` out, or write the equation in place of the function"
                raise self.rows[key].refusal(summary, key, "not here", repair)
        return self._imported(*found.groups())

    def _imported(self, module: str, path: str) -> Any:
        try:
            value: Any = import_module(module)
        except Exception as error:  # the module is the author's: any exception of its import is reported
            summary = f"module `{module}` cannot be imported: {type(error).__name__}: {error}"
            repair = "install the module where the docs are built, or write the equation itself"
            raise self.target.refusal(summary, module, "this module", repair) from error
        for name in path.split("."):
            if not hasattr(value, name):
                near = get_close_matches(name, dir(value), n=1)
                repair = f"did you mean `{near[0]}`?" if near else "write module:function"
                summary = f"module `{module}` has no `{path}`"
                raise self.target.refusal(summary, path, "no such name", repair)
            value = getattr(value, name)
        return value


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def read_block(text: str) -> Block:
    """Read the text inside a fence. Raises `ArgumentError` (TE413)."""
    rows = [Row(number, line.rstrip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not rows:
        repair = f"write an equation: {EXAMPLE}"
        raise ArgumentError(Diagnostic("TE413", "an einsum fence is empty", help=repair))
    values: dict[str, str] = {}
    found: dict[str, Row] = {}
    for row in rows[1:]:
        key, colon, value = (part.strip() for part in row.text.partition(":"))
        _check_line(row, key, colon, value, values)
        values[key], found[key] = value, row
    return Block(rows[0], values, found)


def _check_line(row: Row, key: str, colon: str, value: str, seen: Mapping[str, str]) -> None:
    if not colon:
        summary = f"`{row.text.strip()}` is not a line of an einsum fence"
        repair = f"below the equation stand lines such as {KEYS['sizes']}"
        raise row.refusal(summary, row.text.strip(), "expected `key: value`", repair)
    if key not in KEYS:
        near = get_close_matches(key, KEYS, n=1)
        repair = f"did you mean `{near[0]}`?" if near else f"the keys are {', '.join(KEYS)}"
        raise row.refusal(f"an einsum fence has no key `{key}`", key, "unknown", repair)
    if key in seen:
        raise row.refusal(f"`{key}` stands twice in one fence", key, "again", "leave one of the two out")
    if not value:
        raise row.refusal(f"`{key}` has no value", row.text.strip(), "nothing after", f"write {KEYS[key]}")
