"""After a program has died of a shape: the tensors that each of its functions held, with named shapes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import FrameType, TracebackType
from typing import Any

from typed_einsum.locations import shown_path
from typed_einsum.tensors import described, is_tensor
from typed_einsum.testing.listing.listing import shown
from typed_einsum.testing.listing.named import kin
from typed_einsum.testing.listing.recorder import Recorded, Step
from typed_einsum.testing.listing.source import Source, source_of
from typed_einsum.testing.listing.values import Number, Shape, Value, is_number, seen, size_of
from typed_einsum.testing.names.gathering import expressions, from_code, sizes_held
from typed_einsum.testing.names.naming import Names

OF_SHAPES = re.compile(
    r"\b(shapes?|sizes?|dim(ension)?s?|dimensionality|broadcast\w*|expand\w*|mat1|view|stack|elements|channels|"
    r"axis|axes|rank|index|squeeze|unflatten|unpack)\b",
    re.IGNORECASE,
)

MOST_TENSORS = 12
"""How many tensors of one function are told, those of the failing line first."""


def is_of_shapes(error: BaseException) -> bool:
    """Whether an exception may be about the shapes of tensors."""
    return isinstance(error, Exception) and OF_SHAPES.search(str(error)) is not None


def told(traceback: TracebackType | None, holds: Callable[[str], bool]) -> list[str]:
    """Lines about each function of the project that a traceback goes through, the innermost last."""
    calls: list[tuple[Recorded, FrameType, int]] = []
    while traceback is not None:
        frame = traceback.tb_frame
        if holds(frame.f_code.co_filename) and not frame.f_code.co_name.startswith("<"):
            source = source_of(frame.f_code, frame.f_globals)
            if source is not None:
                calls.append((_recorded(source, frame), frame, traceback.tb_lineno))
        traceback = traceback.tb_next
    every = [call for call, _, _ in calls]
    names = Names({}, {}, [*sizes_held(every), *from_code(every, ())], expressions(every, ()), kin(every))
    return [line for call, frame, number in calls for line in _function(call.source, frame, number, names)]


def _recorded(source: Source, frame: FrameType) -> Recorded:
    """A frame as a call that has set all its locals."""
    held = frame.f_locals
    passed = {name: kept for name in source.parameter_lines if (kept := _kept(held.get(name))) is not None}
    numbers = {name: Number(size_of(value)) for name, value in held.items() if is_number(value)}
    steps = []
    for statement in source.statements:
        values = {name: kept for name in statement.targets if (kept := _kept(held.get(name))) is not None}
        if values:
            steps.append(Step(statement, values, numbers))
    return Recorded(source, held.get(source.receiver), passed, None, steps)


def _kept(value: Any) -> Value | None:
    """What is kept of a value; of a tensor also which one it is."""
    kept = seen(value)
    return replace(kept, tensor=value) if isinstance(kept, Shape) else kept


def _function(source: Source, frame: FrameType, number: int, names: Names) -> Iterator[str]:
    tensors = {name: value for name, value in frame.f_locals.items() if is_tensor(value)}
    statement = source.by_line.get(number)
    text = (
        "" if statement is None else "\n".join(map(source.text, range(statement.first, statement.last + 1)))
    )
    order = sorted(tensors, key=lambda name: re.search(rf"\b{re.escape(name)}\b", text) is None)
    if not tensors:
        return
    yield f"  {shown_path(source.file)}:{number} in {source.name}"
    rows = [(name, _named(tensors[name], names, source), described(tensors[name])) for name in order]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, shape, numbers in rows[:MOST_TENSORS]:
        yield f"    {name:<{widths[0]}}  {shape:<{widths[1]}}  {numbers}"
    if len(rows) > MOST_TENSORS:
        yield f"    … {len(rows) - MOST_TENSORS} more"


def _named(tensor: Any, names: Names, source: Source) -> str:
    value = seen(tensor)
    return "" if value is None else shown(value, names, source)
