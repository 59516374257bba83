"""Operands as rows of labelled cells, wires to the axes of the result, arcs over what is summed."""

from __future__ import annotations

from itertools import pairwise

from typed_einsum.derivation.picture.rows import STUB, TRACK, Arc, Cell, Layout, layout
from typed_einsum.derivation.picture.svg import (
    LETTER,
    Drawn,
    Point,
    classes,
    curve,
    line,
    move,
    number,
    plate,
    text,
    wire,
)
from typed_einsum.derivation.subject import Role, Subject


def wires(subject: Subject) -> Drawn:
    """Draw the wires of a subject."""
    laid = layout(subject)
    roles = tuple(dict.fromkeys(index.role.value for index in subject.indices))
    return Drawn(tuple(_elements(subject, laid)), _box(subject, laid), roles)


def _thickness(laid: Layout) -> float:
    """How far a row of cells reaches across."""
    if not laid.turned:
        return 40.0
    return max(64.0, laid.longest * LETTER + 28)


def _at(laid: Layout, u: float, v: float) -> Point:
    return (v, u) if laid.turned else (u, v)


def _box(subject: Subject, laid: Layout) -> tuple[float, float, float, float]:
    thickness = _thickness(laid)
    ends = [cell.stop for cell in laid.cells]
    starts = [at - 20 for _, at in laid.names]
    low, high = min([0.0, *starts]), max(ends) + 2
    top, bottom = -laid.depth - 12, 2 * thickness + laid.gap + 2
    if not laid.turned:
        return low, top, high, bottom
    named = thickness + laid.gap + len(subject.result.symbol) * LETTER  # a name may be wider than its cells
    return top - 12, low, max(bottom, named), high


def _elements(subject: Subject, laid: Layout) -> list[str]:
    thickness = _thickness(laid)
    elements = [_link(subject, laid, start, stop, thickness) for start, stop in laid.links]
    # Lines first, words after them: a word must not be struck through by a line drawn later.
    drawn = [_arc(subject, laid, arc) for arc in laid.arcs]
    elements += [lines for lines, _ in drawn] + [words for _, words in drawn]
    for cell in laid.cells:
        v = 0.0 if cell.tensor >= 0 else thickness + laid.gap
        elements.append(_cell(subject, laid, cell, v, thickness))
    for which, u in laid.names:
        tensor = subject.result if which == -1 else subject.operands[which]
        v = 0.0 if which >= 0 else thickness + laid.gap
        if laid.turned:
            elements.append(text((v, u + 4), tensor.symbol, "einsum-name", anchor="start"))
        else:
            elements.append(text((u, v + thickness / 2 + 5), tensor.symbol, "einsum-name"))
    return elements


def _link(subject: Subject, laid: Layout, start: Cell, stop: Cell, thickness: float) -> str:
    # All wires bend in the same way, so two cross only where their ends are in opposite order.
    role = subject.by_label[start.label].role.value
    first, last = thickness, thickness + laid.gap
    half = (first + last) / 2
    points = [(start.middle, first), (start.middle, half), (stop.middle, half), (stop.middle, last)]
    a, b, c, d = (_at(laid, u, v) for u, v in points)
    return wire(move(a) + curve(b, c, d), role, start.label)


def _arc(subject: Subject, laid: Layout, arc: Arc) -> tuple[str, str]:
    """The lines of an arc, and its words."""
    index = subject.by_label[arc.label]
    sign = "max" if index.role is Role.MAXIMISED else "Σ"
    role = index.role.value
    if len(arc.stems) == 1:
        u = arc.stems[0]
        path = move(_at(laid, u, 0)) + line(_at(laid, u, -STUB))
        x, y = _at(laid, u, -STUB - 9)
        if laid.turned:
            return wire(path, role, arc.label), text(
                (x + 4, y + 4.5), sign, f"role-{role}", anchor="end", index=arc.label
            )
        return wire(path, role, arc.label), text((x, y + 4.5), sign, f"role-{role}", index=arc.label)
    height = -(laid.lowest + TRACK * (arc.track - 1))
    first, *middle, last = arc.stems
    radius = min(10.0, (last - first) / 2)
    path = move(_at(laid, first, 0)) + line(_at(laid, first, height + radius))
    path += _corner(laid, (first, height), (first + radius, height))
    path += line(_at(laid, last - radius, height))
    path += _corner(laid, (last, height), (last, height + radius)) + line(_at(laid, last, 0))
    for stem in middle:
        path += move(_at(laid, stem, 0)) + line(_at(laid, stem, height))
    centre = _at(laid, _clear(laid, arc), height)
    words = plate(centre, f"{sign} {arc.label}", f"role-{role}", index=arc.label)
    if laid.turned:  # words along the line, or those of neighbours would lie over each other
        words = f'<g transform="rotate(-90 {number(centre[0])} {number(centre[1])})">{words}</g>'
    return wire(path, role, arc.label), words


def _corner(laid: Layout, control: Point, to: Point) -> str:
    a, b = _at(laid, *control), _at(laid, *to)
    return f"Q{number(a[0])} {number(a[1])} {number(b[0])} {number(b[1])}"


def _clear(laid: Layout, arc: Arc) -> float:
    """The middle of the longest piece of an arc that no stem of another passes."""
    passing = [
        stem
        for other in laid.arcs
        if other.track > arc.track or other is arc
        for stem in other.stems
        if arc.stems[0] <= stem <= arc.stems[-1]
    ]
    ends = sorted({arc.stems[0], *passing, arc.stems[-1]})
    pieces = list(pairwise(ends))
    start, stop = max(pieces, key=lambda piece: (piece[1] - piece[0], -piece[0]))
    return (start + stop) / 2


def _cell(subject: Subject, laid: Layout, cell: Cell, v: float, thickness: float) -> str:
    x, y = _at(laid, cell.start, v)
    width, height = _at(laid, cell.stop - cell.start, thickness)
    box = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}" rx="5"'
    if not cell.label:
        words = text((x + width / 2, y + height / 2 + 4), "1" if laid.turned else "·", "einsum-soft")
        return f"<rect {box} {classes('einsum-cell', 'role-lone')}/>{words}"
    index = subject.by_label[cell.label]
    role = f"role-{index.role.value}"
    rect = f'<rect {box} {classes("einsum-cell", role)} data-i="{cell.label}"/>'
    middle, names = (x + width / 2, y + height / 2), (role, "einsum-name")
    if index.size is None:
        return rect + text((middle[0], middle[1] + 4.5), cell.label, *names, index=cell.label)
    if laid.turned:
        return (
            rect
            + text(
                (x + 10, middle[1] + 4.5), cell.label, role, "einsum-name", anchor="start", index=cell.label
            )
            + text((x + width - 8, middle[1] + 4), str(index.size), "einsum-soft", anchor="end")
        )
    return (
        rect
        + text((middle[0], middle[1] - 2), cell.label, *names, index=cell.label)
        + text((middle[0], middle[1] + 13), str(index.size), "einsum-soft")
    )
