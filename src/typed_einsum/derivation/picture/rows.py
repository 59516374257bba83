"""Where the cells of a wiring lie, and how high its arcs are.

Two directions only: `u` along the rows, `v` from the operands to the result. Few cells lie side by side;
where they would not fit on a phone, the same layout is turned, and the rows become columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

from typed_einsum.derivation.picture.svg import LETTER, NARROW
from typed_einsum.derivation.subject import Subject, SymbolicTensor

GAP = 20
TRACK = 24
STUB = 18
MOST_ORDERED = 6
"""Up to this many arcs every order of their heights is tried for the fewest crossings."""


@dataclass(frozen=True)
class Cell:
    """One axis of one tensor, from `start` to `stop` along its row; the result is tensor -1."""

    tensor: int
    label: str
    start: float
    stop: float

    @property
    def middle(self) -> float:
        """Where its lines begin."""
        return (self.start + self.stop) / 2


@dataclass(frozen=True)
class Arc:
    """One axis that does not reach the result: the cells it joins, and its height above them."""

    label: str
    stems: tuple[float, ...]
    track: int


@dataclass(frozen=True)
class Layout:
    """The rows of cells and the arcs. `turned` where rows are drawn as columns.

    `lowest` is the height of the lowest arc, above the stubs; `depth` is that of all, `gap` lies between the
    operands and the result; `longest` is the most letters of a label and its size.
    """

    turned: bool
    cells: tuple[Cell, ...]
    names: tuple[tuple[int, float], ...]
    arcs: tuple[Arc, ...]
    lowest: float
    depth: float
    gap: float
    longest: int

    @property
    def links(self) -> tuple[tuple[Cell, Cell], ...]:
        """Which cell of an operand is wired to which cell of the result."""
        result = {cell.label: cell for cell in self.cells if cell.tensor == -1}
        return tuple(
            (cell, result[cell.label])
            for cell in self.cells
            if cell.tensor >= 0 and cell.label and cell.label in result
        )


def layout(subject: Subject) -> Layout:
    """Side by side if that is narrow enough, else turned."""
    flat = _laid(subject, turned=False)
    return flat if max(cell.stop for cell in flat.cells) <= NARROW else _laid(subject, turned=True)


def _laid(subject: Subject, *, turned: bool) -> Layout:
    rows = [*enumerate(subject.operands), (-1, subject.result)]
    placed = {which: _row(subject, which, tensor, turned) for which, tensor in rows}
    cells: list[Cell] = []
    names: list[tuple[int, float]] = []
    at = 0.0
    for which, _ in rows[:-1]:
        name, row, length = placed[which]
        names.append((which, at + name))
        cells += [Cell(which, c.label, c.start + at, c.stop + at) for c in row]
        at += length + GAP
    name, row, length = placed[-1]
    shift = _result_shift(cells, row, at - GAP, length)
    names.append((-1, shift + name))
    cells += [Cell(-1, c.label, c.start + shift, c.stop + shift) for c in row]
    arcs = _arcs(subject, cells)
    words = 40 if turned else 26  # at the end of a stub they stand beside it, or above
    lowest = STUB + (words if any(len(arc.stems) == 1 for arc in arcs) else 14)
    tracks = max((arc.track for arc in arcs), default=-1)
    depth = lowest + TRACK * max(tracks - 1, 0) + 10.0 if arcs else 0.0
    wired = len({cell.label for cell in cells if cell.tensor == -1})
    gap = 56.0 + min(8 * wired, 40 if turned else 56)
    longest = max(len(f"{cell.label}{subject.sizes.get(cell.label, '')}") for cell in cells)
    return Layout(turned, tuple(cells), tuple(names), arcs, lowest, depth, gap, longest)


def _row(
    subject: Subject, which: int, tensor: SymbolicTensor, turned: bool
) -> tuple[float, list[Cell], float]:
    """Where the name of a tensor stands, its cells, and how long the row is."""
    at = 24.0 if turned else len(tensor.symbol) * LETTER + 12
    name = 14.0 if turned else (at - 6) / 2
    cells = []
    for label in tensor.labels or ("",):
        size = subject.sizes.get(label)
        shown = max(len(label), len("" if size is None else str(size)))
        length = 28.0 if turned else max(30.0, shown * LETTER + 12)
        cells.append(Cell(which, label, at, at + length))
        at += length + 4
    return name, cells, at - 4


def _result_shift(cells: Sequence[Cell], row: Sequence[Cell], room: float, length: float) -> float:
    """Move the result so that its wires are short, without making the picture longer."""
    above: dict[str, list[float]] = {}
    for cell in cells:
        above.setdefault(cell.label, []).append(cell.middle)
    shifts = [sum(above[c.label]) / len(above[c.label]) - c.middle for c in row if c.label in above]
    wanted = sum(shifts) / len(shifts) if shifts else (room - length) / 2
    return min(max(wanted, 0.0), max(room - length, 0.0))


def _arcs(subject: Subject, cells: Sequence[Cell]) -> tuple[Arc, ...]:
    """An arc for each axis that vanishes, the heights chosen for the fewest crossings."""
    stems = {
        label: tuple(cell.middle for cell in cells if cell.tensor >= 0 and cell.label == label)
        for label in (*subject.summed, *subject.maximised)
    }
    stubs = [Arc(label, found, 0) for label, found in stems.items() if len(found) == 1]
    spans = [(label, found) for label, found in stems.items() if len(found) > 1]
    spans.sort(key=lambda span: (span[1][-1] - span[1][0], span[0]))
    orders = permutations(spans) if len(spans) <= MOST_ORDERED else [tuple(spans)]
    best = min(orders, key=lambda order: (crossings(order), -_nested(order)), default=())
    tracks: list[Arc] = []
    for label, found in best:
        below = [arc.track for arc in tracks if arc.stems[0] <= found[-1] and found[0] <= arc.stems[-1]]
        tracks.append(Arc(label, found, max(below, default=0) + 1))
    return (*stubs, *tracks)


def crossings(order: Sequence[tuple[str, tuple[float, ...]]]) -> int:
    """How often arcs cross where each lies above those before it: its stems pass through them."""
    return sum(
        sum(lower[0] < stem < lower[-1] for stem in upper)
        for i, (_, upper) in enumerate(order)
        for _, lower in order[:i]
    )


def _nested(order: Sequence[tuple[str, tuple[float, ...]]]) -> int:
    """How many pairs lie with the shorter below the longer; among equals this looks calmest."""
    lengths = [stems[-1] - stems[0] for _, stems in order]
    return sum(a <= b for i, b in enumerate(lengths) for a in lengths[:i])
