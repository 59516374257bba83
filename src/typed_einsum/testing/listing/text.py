"""A listing as text, for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from typed_einsum.locations import shown_path
from typed_einsum.testing.listing.listing import Line, Listed, Note

if TYPE_CHECKING:
    from typed_einsum.testing.listing.shapes import Shapes

Paint = Callable[[str, str], str]

WIDE = 72
"""Notes stand in one column, unless that is farther right than this."""

HIDDEN = 5
"""So many lines and more that did not run are left out."""

NO_SOURCE = "no source can be shown: write the function with `def`, in a file or a notebook"

LONG = 60
"""Of a function with more lines, those without tensors are left out, too."""

BOLD, DIM, CYAN, RED, END = "\x1b[1m", "\x1b[2m", "\x1b[36m", "\x1b[31m", "\x1b[0m"


def to_text(shapes: Shapes, *, colour: bool = False) -> str:
    """The whole listing."""
    paint = _painted if colour else _plain
    parts = ["\n".join(_function(each, paint)) for each in shapes.functions] or [NO_SOURCE]
    parts.append("\n".join(_closing(shapes, paint)))
    return "\n\n".join(part for part in parts if part)


def _plain(text: str, _: str) -> str:
    return text


def _painted(text: str, code: str) -> str:
    return f"{code}{text}{END}" if text else text


def _function(function: Listed, paint: Paint) -> Iterator[str]:
    times = f"  (called {function.calls} times)" if function.calls > 1 else ""
    yield paint(f"{function.name}  {shown_path(function.file)}:{function.first}{times}", BOLD)
    indent = len(function.lines[0].text) - len(function.lines[0].text.lstrip())
    digits = len(str(function.lines[-1].number))
    noted = [len(line.text.expandtabs()) - indent for line in function.lines if line.notes]
    column = max((width for width in noted if width <= WIDE), default=0)
    is_long = len(function.lines) > LONG
    for group in _groups(function.lines, is_long=is_long):
        if len(group) >= HIDDEN and not (group[0].notes or group[0].failed) and (is_long or not group[0].ran):
            first = next((line.text for line in group if line.text), "")
            spaces = " " * (len(first) - len(first.lstrip()) - indent)
            what = "lines without tensors" if any(line.ran for line in group) else "lines that did not run"
            yield paint(f"{'':{digits}}   {spaces}… {len(group)} {what}", DIM)
            continue
        for line in group:
            yield from _line(line, digits, indent, column, paint)


def _groups(lines: Sequence[Line], *, is_long: bool) -> Iterator[list[Line]]:
    """Neighbours that are shown or left out together: those that ran, or those that have notes."""
    for _, group in groupby(lines, lambda line: bool(line.notes or line.failed) if is_long else line.ran):
        yield list(group)


def _line(line: Line, digits: int, indent: int, column: int, paint: Paint) -> Iterator[str]:
    code = line.text.expandtabs()[indent:]
    if not line.ran:
        yield paint(f"{line.number:>{digits}}   {code}".rstrip(), DIM)
        return
    notes = "   ".join(note_text(note) for note in line.notes)
    notes = paint(f"│ {notes}", CYAN) if notes else ""
    number = f"{line.number:>{digits}}" + (paint(" ✗ ", RED) if line.failed else "   ")
    if len(code) > column and notes:
        yield f"{number}{code}"
        yield f"{'':{digits + 3 + column}}  {notes}"
    elif notes:
        yield f"{number}{code:<{column}}  {notes}"
    else:
        yield f"{number}{code}".rstrip()


def note_text(note: Note) -> str:
    """A note as text: `q, k (b, h, t, d)`; an arrow before a result."""
    if not note.names:
        return f"→ {note.text}"
    between = " " if note.text.startswith("(") or " " in note.text else " = "
    return f"{', '.join(note.names)}{between}{note.text}"


def _closing(shapes: Shapes, paint: Paint) -> Iterator[str]:
    if shapes.failure is not None:
        at = f" at {shown_path(shapes.failure.file)}:{shapes.failure.line}" if shapes.failure.line else ""
        yield paint(f"failed{at}: {shapes.failure.error}", RED)
        yield from (f"  {note_text(each)}" for each in shapes.failure.tensors)
        yield ""
    if shapes.axes:
        yield paint("axes", BOLD)
        width = max(len(axis.name) for axis in shapes.axes)
        sizes = max(len(str(axis.size)) for axis in shapes.axes)
        yield from (f"  {axis.name:<{width}}  {axis.size:>{sizes}}  {axis.origin}" for axis in shapes.axes)
    if shapes.extent:
        yield shapes.extent
