"""A listing as HTML: one section without scripts, with its style sheet, all text escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from typed_einsum.derivation.style import ROLES, own_colours, variable
from typed_einsum.locations import shown_path
from typed_einsum.testing.listing.listing import AxisName, Failure, Line, Listed, Note
from typed_einsum.testing.listing.text import NO_SOURCE, note_text

if TYPE_CHECKING:
    from typed_einsum.testing.listing.shapes import Shapes

BOX = "einsum-shapes"
NAME = re.compile(r"[A-Za-z_]\w*")


def to_html(shapes: Shapes) -> str:
    """The whole listing as one section."""
    colours = colours_of(axis.name for axis in shapes.axes)
    parts = [function_html(each, colours) for each in shapes.functions] or [f"<p>{escape(NO_SOURCE)}</p>\n"]
    if shapes.failure is not None:
        parts.append(_failure(shapes.failure, colours))
    if shapes.axes:
        parts.append(axes_html(shapes.axes, colours))
    parts.append(f"<p>{escape(shapes.extent)}</p>\n" if shapes.extent else "")
    return f'<section class="{BOX}">\n<style>{style()}</style>\n{"".join(parts)}</section>\n'


def colours_of(names: Iterable[str]) -> Mapping[str, str]:
    """A colour for each name of an axis, one of those that roles have in derivations."""
    return {name: ROLES[at % len(ROLES)] for at, name in enumerate(dict.fromkeys(names))}


def function_html(function: Listed, colours: Mapping[str, str]) -> str:
    """The source of one function."""
    times = f" <small>called {function.calls} times</small>" if function.calls > 1 else ""
    place = f"{escape(shown_path(function.file))}:{function.first}"
    head = f"<h3><code>{escape(function.name)}</code>{times} <small>{place}</small></h3>\n"
    indent = len(function.lines[0].text) - len(function.lines[0].text.lstrip())
    rows = [line_html(line, indent, colours) for line in function.lines]
    return f'<div class="{BOX}-function">\n{head}<div class="{BOX}-source">\n{"".join(rows)}</div>\n</div>\n'


def line_html(line: Line, indent: int, colours: Mapping[str, str]) -> str:
    """One line of source with its notes."""
    kinds = [f"{BOX}-line", *([] if line.ran else ["not-run"]), *(["failed"] if line.failed else [])]
    notes = "".join(f"<span>{_note(note, colours)}</span> " for note in line.notes)
    code = line.text.expandtabs()[indent:]
    hang = len(code) - len(code.lstrip()) + 4
    return (
        f'<div class="{" ".join(kinds)}"><span class="number">{line.number}</span>'
        f'<code style="padding-left:{hang}ch;text-indent:-{hang}ch">{escape(code) or " "}</code>'
        f'<span class="notes">{notes}</span></div>\n'
    )


def _note(note: Note, colours: Mapping[str, str]) -> str:
    """A note with its axes in their colours; names of locals have none."""
    text = note_text(note)
    before = text[: len(text) - len(note.text)]
    return f"<b>{escape(before)}</b>{coloured(note.text, colours)}"


def coloured(text: str, colours: Mapping[str, str]) -> str:
    """A text in which names of axes have their colours."""
    found, end = [], 0
    for match in NAME.finditer(text):
        colour = colours.get(match.group())
        if colour is not None:
            name = f'<var class="role-{colour}">{match.group()}</var>'
            found += [escape(text[end : match.start()]), name]
            end = match.end()
    return "".join([*found, escape(text[end:])])


def _failure(failure: Failure, colours: Mapping[str, str]) -> str:
    at = f" at {shown_path(failure.file)}:{failure.line}" if failure.line else ""
    held = "".join(f"<li>{_note(each, colours)}</li>" for each in failure.tensors)
    return f'<div class="failure"><p>failed{escape(at)}: {escape(failure.error)}</p><ul>{held}</ul></div>\n'


def axes_html(axes: Sequence[AxisName], colours: Mapping[str, str]) -> str:
    """The axes with where their names come from."""
    cells = [(coloured(axis.name, colours), str(axis.size), escape(axis.origin)) for axis in axes]
    rows = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in cells)
    head = '<tr><th scope="col">axis</th><th scope="col">size</th><th scope="col">named by</th></tr>\n'
    return f"<table>\n{head}{rows}</table>\n"


def style() -> str:
    """The style sheet: the colours of derivations, in light and in dark."""
    box, ink, soft, wrong = f".{BOX}", variable("ink"), variable("soft"), variable("contracted")
    wraps = "white-space:pre-wrap;overflow-wrap:anywhere"
    narrow = (
        f"{box}-line{{grid-template-columns:2.4em minmax(0,1fr);gap:0 .5em}}{box} .notes{{grid-column:2}}"
        f"{box}-source{{font-size:.72em}}"
        f"{box} td{{overflow-wrap:anywhere}}{box}-index tr,{box}-index td{{display:block}}"
        f"{box}-index td:last-child{{padding-bottom:.8rem}}"
        f"{box}-index tr:first-child{{display:none}}"
    )
    rules = [
        own_colours(box),
        f"{box}{{color:{ink};background:{variable('surface')};padding:.5rem 1rem;line-height:1.45}}",
        f"{box} h1{{font-size:1.5em;overflow-wrap:anywhere}}",
        f"{box} h2,{box} h3{{margin:1rem 0 .3rem;font-size:1em;overflow-wrap:anywhere}}",
        f"{box} small{{color:{soft};font-weight:400;opacity:1}}",
        f"{box}-source{{font-family:ui-monospace,monospace;font-size:.85em;overflow-x:auto}}",
        f"{box}-line{{display:grid;gap:0 1rem;",
        "grid-template-columns:3.2em minmax(0,3fr) minmax(0,2fr)}",
        f"{box}-line code{{{wraps};background:none;color:inherit;font:inherit}}",
        f"{box} .number{{text-align:right;color:{soft};user-select:none}}",
        f"{box} .notes{{{wraps};color:{ink}}}{box} .notes span{{margin-right:1rem}}",
        f"{box} .notes b{{font-weight:400;color:{soft}}}",
        f"{box} .not-run{{color:{soft}}}{box} var{{font-style:normal;font-weight:600}}",
        f"{box} .failed{{outline:2px solid {wrong}}}{box} .failure{{color:{wrong}}}",
        f"{box}-head{{border-top:1px solid {variable('line')};margin-top:1rem}}{box} .advice{{color:{soft}}}",
        f"{box} p{{margin:.3rem 0;overflow-wrap:anywhere}}{box} a{{color:{variable('batch')}}}",
        f"{box} table{{border-collapse:collapse;margin:.8rem 0}}",
        f"{box} th,{box} td{{text-align:left;vertical-align:top;",
        f"padding:.15rem .8rem .15rem 0;color:{ink}}}",
        f"{box} input{{font:inherit;color:{ink};background:{variable('surface')};",
        f"border:1px solid {soft};padding:.2rem .4rem}}",
        f"@media(max-width:60rem){{{narrow}}}",
        *(f"{box} .role-{role}{{color:{variable(role)}}}" for role in ROLES),
    ]
    return escape("".join(rules), quote=False)
