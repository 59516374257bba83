"""Follows a call line by line, and keeps what each statement of the project's functions has set."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

from typed_einsum.testing.inputs.own import attributes_of
from typed_einsum.testing.listing.source import Source, Statement, source_of
from typed_einsum.testing.listing.values import Number, Value, is_number, seen, size_of
from typed_einsum.testing.names.equations import Equation, Reader, reader_of
from typed_einsum.testing.names.evidence import Evidence

MOST_CALLS = 50
"""Calls of one function that are followed; later ones are counted."""

MOST_STEPS = 2000
"""Statements that are kept of one call."""


@dataclass
class Step:
    """A statement that was run: what it has set, and the whole numbers that the function has by then."""

    statement: Statement
    values: Mapping[str, Value]
    numbers: Mapping[str, Number]


@dataclass
class Recorded:
    """One call of one function. `owner` is the object of a method, `caller` the function of the project that
    called it, and `failed` the line in which it raised. `is_symbolic`: its sizes are symbols throughout."""

    source: Source
    owner: Any
    arguments: dict[str, Value]
    caller: Source | None
    steps: list[Step] = field(default_factory=list)
    lines: set[int] = field(default_factory=set)
    result: Value | None = None
    result_line: int = 0
    failed: int = 0
    returns_argument: bool = False
    is_symbolic: bool = True

    def values(self) -> Iterator[Value]:
        """All that it was passed, has set and has returned."""
        yield from self.arguments.values()
        for step in self.steps:
            yield from step.values.values()
        if self.result is not None:
            yield self.result


class Recorder:
    """A context in which the calls of functions in some files are followed.

    `calls` are in the order in which they began; `counts` say how often each function was called. `held` are
    sizes that locals held in another run of the same call.
    """

    def __init__(self, holds: Callable[[str], bool]) -> None:
        self._holds = holds
        self.calls: list[Recorded] = []
        self.counts: dict[Source, int] = {}
        self.equations: list[Equation] = []
        self.held: list[Evidence] = []
        self._known: dict[int, tuple[CodeType, Source | Reader | None]] = {}
        self._before: Any = None

    def __enter__(self) -> Recorder:
        self._before = sys.gettrace()
        sys.settrace(self._begun)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _begun(self, frame: FrameType, event: str, _: Any) -> Any:
        code = frame.f_code
        known = self._known.get(id(code))
        if known is None:
            known = self._known[id(code)] = (code, self._what(code, frame))
        what = known[1]
        if what is None:
            return None
        if isinstance(what, Source):
            return self._followed(what, frame)
        return what.begun(frame, self.within(frame), self.equations)

    def _what(self, code: CodeType, frame: FrameType) -> Source | Reader | None:
        """The source of code that is to be followed, or a reader of the equation that it is passed."""
        if not code.co_name.startswith("<") and self._holds(code.co_filename):
            return source_of(code, frame.f_globals)
        return reader_of(code)

    def within(self, frame: FrameType) -> tuple[Source, int] | None:
        """The function of the project that a call comes from, and its line.

        None within what was passed an equation: what it passes on is not what the project has written.
        """
        above = frame.f_back
        while above is not None:
            what = self._known.get(id(above.f_code), (None, None))[1]
            if isinstance(what, Source):
                return what, above.f_lineno
            if isinstance(what, Reader):
                return None
            above = above.f_back
        return None

    def _followed(self, source: Source, frame: FrameType) -> Any:
        count = self.counts[source] = self.counts.get(source, 0) + 1
        if count > MOST_CALLS:
            return None
        return _Following(self, source, frame)


class _Following:
    """Follows one call, as Python's trace function of its frame."""

    def __init__(self, recorder: Recorder, source: Source, frame: FrameType) -> None:
        code = frame.f_code
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + 2]
        self._passed = dict(frame.f_locals)
        passed = {name: self._passed[name] for name in names if name in source.parameter_lines}
        found = {name: kept for name, value in passed.items() if (kept := seen(value)) is not None}
        within = recorder.within(frame)
        self.call = Recorded(
            source, self._passed.get(source.receiver), found, None if within is None else within[0]
        )
        self._running: Statement | None = None
        self._raised = 0
        recorder.calls.append(self.call)

    def __call__(self, frame: FrameType, event: str, value: Any) -> Any:
        match event:
            case "line":
                self._raised = 0
                self._reached(frame)
            case "exception":
                self._raised = frame.f_lineno
            case "return" if self._raised:
                self.call.failed = self._raised
            case "return":
                self._ended(frame)
                self.call.result, self.call.result_line = seen(value), frame.f_lineno
                self.call.returns_argument = any(value is each for each in self._passed.values())
        return self

    def _reached(self, frame: FrameType) -> None:
        statement = self.call.source.by_line.get(frame.f_lineno)
        if statement is not self._running:  # the lines of one statement come in any order
            self._ended(frame)
        self._running = statement
        self.call.lines.add(frame.f_lineno)

    def _ended(self, frame: FrameType) -> None:
        """Keep what the statement has set that ran until now."""
        statement = self._running
        if statement is None or not statement.targets or len(self.call.steps) >= MOST_STEPS:
            return
        held = frame.f_locals
        values = {
            target: kept
            for target in statement.targets
            if (kept := seen(_value_of(target, held))) is not None
        }
        if values:
            numbers = {name: Number(size_of(each)) for name, each in held.items() if is_number(each)}
            self.call.steps.append(Step(statement, values, numbers))


def _value_of(target: str, held: Mapping[str, Any]) -> Any:
    """The value of a name, or of an attribute that an object holds itself."""
    owner, _, attribute = target.partition(".")
    value = held.get(owner)
    return attributes_of(value).get(attribute) if attribute else value
