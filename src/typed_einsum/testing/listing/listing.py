"""The listing of a call as data: functions with their lines, the axes, and what failed."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from typed_einsum.testing.listing.recorder import Recorded, Step
from typed_einsum.testing.listing.running import Ran
from typed_einsum.testing.listing.source import Source
from typed_einsum.testing.listing.values import Number, Several, Shape, Value, sizes_in
from typed_einsum.testing.names.naming import Named, Names
from typed_einsum.testing.process.outcome import first_line

FEW = 2
"""How many tensors of a list or a record are shown."""


@dataclass(frozen=True)
class Note:
    """What stands beside a line: some names, and the shape that they have there. A result has no name."""

    names: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Line:
    """A line of source with its notes. `ran` says whether the call came here."""

    number: int
    text: str
    ran: bool
    notes: tuple[Note, ...] = ()
    failed: bool = False


@dataclass(frozen=True)
class Listed:
    """One function, as its first call had it, or the call that failed. `calls` counts all of them.

    `arguments` and `result` are the tensors that it takes and returns.
    """

    name: str
    file: str
    first: int
    lines: tuple[Line, ...]
    calls: int
    arguments: tuple[Note, ...] = ()
    result: str = ""

    @property
    def signature(self) -> str:
        """The tensors that it takes and returns: `x (b, t, d) -> (b, t)`."""
        passed = ", ".join(f"{', '.join(each.names)} {each.text}" for each in self.arguments) or "()"
        return f"{passed} -> {self.result}" if self.result else passed


@dataclass(frozen=True)
class AxisName:
    """An axis: its name, its size in the call, and where the name comes from."""

    name: str
    size: int
    source: str
    others: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """Where the name comes from, and the other names that the code has."""
        more = ["…"] if len(self.others) > FEW else []
        others = f"; also {', '.join([*self.others[:FEW], *more])}" if self.others else ""
        return f"{self.source}{others}"


@dataclass(frozen=True)
class Failure:
    """What a call raised, where, and the tensors of the line that raised it."""

    error: str
    file: str
    line: int
    tensors: tuple[Note, ...] = ()


def functions_of(ran: Ran, names: Names, entry: Source | None) -> Iterator[Listed]:
    """The functions that a call went through, in the order in which they began."""
    chosen: dict[Source, Recorded] = {}
    for call in ran.recorder.calls:
        if call.source not in chosen or call.failed:
            chosen[call.source] = call
    for source, call in chosen.items():
        if source == entry or call.failed or _is_telling(call):
            yield _listed(call, names, ran.recorder.counts[source])


def _is_telling(call: Recorded) -> bool:
    """Whether a function has tensors to show: not one that returns what it is passed."""
    if any(not isinstance(value, Number) for step in call.steps for value in step.values.values()):
        return True
    return isinstance(call.result, Shape | Several) and not call.returns_argument


def _listed(call: Recorded, names: Names, calls: int) -> Listed:
    source = call.source
    notes: dict[int, dict[str, list[str]]] = {}
    for name, value in call.arguments.items():
        if not isinstance(value, Number):
            line = source.parameter_lines[name]
            notes.setdefault(line, {}).setdefault(name, []).append(shown(value, names, source))
    for step in call.steps:
        for name, text in _shown_in(step, names, source):
            kept = notes.setdefault(step.statement.first, {}).setdefault(name, [])
            if text not in kept:
                kept.append(text)
    if call.result is not None and not isinstance(call.result, Number):
        line = (
            source.by_line[call.result_line].first if call.result_line in source.by_line else call.result_line
        )
        notes.setdefault(line, {}).setdefault("", []).append(shown(call.result, names, source))
    lines = tuple(
        Line(
            number,
            source.text(number),
            _has_run(call, number),
            tuple(_joined(notes.get(number, {}))),
            number == call.failed,
        )
        for number in range(source.first, source.last + 1)
    )
    told = {
        name: [shown(value, names, source)]
        for name, value in call.arguments.items()
        if not isinstance(value, Number)
    }
    has_result = call.result is not None and not isinstance(call.result, Number)
    result = shown(call.result, names, source) if has_result and call.result is not None else ""
    return Listed(source.name, source.file, source.first, lines, calls, tuple(_joined(told)), result)


def _has_run(call: Recorded, number: int) -> bool:
    source = call.source
    if number < (source.statements[0].first if source.statements else number):
        return True  # the head of the function
    statement = source.by_line.get(number)
    return statement is None or any(line in call.lines for line in range(statement.first, statement.last + 1))


def _shown_in(step: Step, names: Names, source: Source) -> Iterator[tuple[str, str]]:
    for name, value in step.values.items():
        match value:
            case Number(size) if isinstance(size, int):
                continue
            case Number(size):
                text = names.text(size, source)
                if text != name and name != "_":
                    yield name, text
            case _:
                yield name, shown(value, names, source)


def _joined(values: Mapping[str, list[str]]) -> Iterator[Note]:
    """Notes, those of one shape together."""
    by_text: dict[str, list[str]] = {}
    for name, texts in values.items():
        some = texts if len(texts) <= 3 else [*texts[:2], f"… {len(texts) - 2} more"]
        by_text.setdefault(", then ".join(some), []).append(name)
    for text, names in by_text.items():
        yield Note(tuple(name for name in names if name), text)


def shown(value: Value, names: Names, source: Source | None) -> str:
    """A value as a listing shows it: `(b, t, d)`, `list of 2 (b, t)`."""
    match value:
        case Shape(axes=axes):
            inside = ", ".join(names.text(size, source) for size in axes)
            return f"({inside},)" if len(axes) == 1 else f"({inside})"
        case Number(size):
            return names.text(size, source)
        case Several(kind, items, length):
            texts = [shown(each, names, source) for _, each in items if not isinstance(each, Number)]
            if len({*texts}) == 1 and len(texts) == length > 1:
                return f"{kind} of {length} {texts[0]}"
            keys = [
                f"{key}: {shown(each, names, source)}" for key, each in items if not isinstance(each, Number)
            ]
            more = ["…"] if length > len(items) else []
            if kind == "tuple":
                return f"({', '.join([*texts, *more])})"
            told = texts if kind == "list" else keys
            more = more or (["…"] if len(told) > FEW else [])
            return f"{kind} {', '.join([*told[:FEW], *more])}"
    raise TypeError(type(value).__name__)


def axes_of(ran: Ran, names: Names) -> Iterator[AxisName]:
    """The axes of a call, those of its arguments first."""
    for symbol, named in names.symbols.items():
        yield _axis(named, ran.seen[ran.places[symbol]])
    numbers: dict[str, AxisName] = {}
    known = {named.name for named in names.symbols.values()}
    for call in ran.recorder.calls:
        for size in _numbers_in(call):
            named_number = names.number(size, call.source)
            if named_number is not None and named_number.name not in known:
                numbers.setdefault(named_number.name, _axis(named_number, size))
    yield from numbers.values()


def _axis(named: Named, size: int) -> AxisName:
    others = tuple(f"`{each.name}` ({each.text})" for each in named.others)
    return AxisName(named.name, size, named.evidence.text, others)


def _numbers_in(call: Recorded) -> Iterator[int]:
    for value in call.values():
        for size in sizes_in(value):
            if isinstance(size, int):
                yield size


def failure_of(ran: Ran, names: Names) -> Failure | None:
    """What a call raised, and the tensors that the line held which raised it."""
    if ran.error is None:
        return None
    failed = [call for call in ran.recorder.calls if call.failed]
    if not failed:
        return Failure(first_line(ran.error), "", 0)
    call = failed[-1]
    return Failure(first_line(ran.error), call.source.file, call.failed, tuple(_held(call, names)))


def _held(call: Recorded, names: Names) -> Iterator[Note]:
    """The tensors that the failing statement reads, as they were."""
    values = dict(call.arguments)
    for step in call.steps:
        values.update(step.values)
    statement = call.source.by_line.get(call.failed)
    if statement is None:
        return
    read = [each.id for each in ast.walk(statement.node) if isinstance(each, ast.Name)]
    for name in dict.fromkeys(read):
        value = values.get(name)
        if value is not None and not isinstance(value, Number):
            yield Note((name,), shown(value, names, call.source))
