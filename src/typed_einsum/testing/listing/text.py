"""A listing as text, for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from typed_einsum.locations import shown_path
from typed_einsum.testing.listing.listing import AxisName, Line, Listed, Note

if TYPE_CHECKING:
    from typed_einsum.testing.listing.shapes import Shapes

Paint = Callable[[str, str], str]

WIDE = 72
"""Notes stand in one column, unless that is farther right than this."""

HIDDEN = 5
"""So many lines and more that did not run are left out."""

BOLD, DIM, CYAN, RED, END = "\x1b[1m", "\x1b[2m", "\x1b[36m", "\x1b[31m", "\x1b[0m"


def to_text(shapes: Shapes, *, colour: bool = False) -> str:
    """The whole listing."""
    paint = _painted if colour else _plain
    parts = ["\n".join(_function(each, paint)) for each in shapes.functions]
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
    for group in _groups(function.lines):
        if len(group) >= HIDDEN and not group[0].ran:
            spaces = len(group[0].text) - len(group[0].text.lstrip()) - indent
            yield paint(f"{'':{digits}}   {' ' * spaces}… {len(group)} lines that did not run", DIM)
            continue
        for line in group:
            yield from _line(line, digits, indent, column, paint)


def _groups(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Lines that ran or did not, in their order."""
    group: list[Line] = []
    for line in lines:
        if group and group[-1].ran != line.ran:
            yield group
            group = []
        group.append(line)
    if group:
        yield group


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
        return f"→ {note.shape}"
    between = " " if note.shape.startswith("(") or " " in note.shape else " = "
    return f"{', '.join(note.names)}{between}{note.shape}"


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
        yield from (f"  {axis.name:<{width}}  {axis.size:>{sizes}}  {_from(axis)}" for axis in shapes.axes)
    if shapes.reason:
        yield shapes.reason
    elif shapes.failure is None:
        yield f"for all sizes with {', '.join(shapes.conditions)}" if shapes.conditions else "for all sizes"


def _from(axis: AxisName) -> str:
    others = f"; also {', '.join(axis.others)}" if axis.others else ""
    return f"{axis.source}{others}"
