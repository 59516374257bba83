"""The tensor network: a node for each operand, a leg for each axis, shared legs joined.

A dot joins lines of one axis; a leg that leaves the network is an axis of the result. Contracted axes are
lines between nodes without a leg.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, permutations
from math import atan2, cos, hypot, pi, sin

from typed_einsum.derivation.picture.spots import clearest
from typed_einsum.derivation.picture.svg import (
    LETTER,
    Box,
    Drawn,
    Point,
    bend,
    dot,
    line,
    move,
    number,
    plate,
    text,
    wire,
)
from typed_einsum.derivation.subject import Index, Role, Subject

RADIUS = 20.0
LEG = 40.0
STUB = 17.0
BETWEEN = 36.0
MOST_ORDERED = 6
"""Up to this many operands every order around the circle is tried for the fewest crossings."""


@dataclass(frozen=True)
class Placed:
    """Where the nodes are, and the middle of them all."""

    nodes: tuple[Point, ...]
    radii: tuple[float, ...]
    centre: Point


class Canvas:
    """Collects lines below nodes and words above them, and how far all of it reaches."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.nodes: list[str] = []
        self.words: list[str] = []
        self._xs: list[float] = []
        self._ys: list[float] = []

    def reach(self, at: Point, wide: float = 0.0, high: float = 0.0) -> None:
        """Make room for something around a point."""
        self._xs += [at[0] - wide, at[0] + wide]
        self._ys += [at[1] - high, at[1] + high]

    def say(self, at: Point, said: str, role: str, label: str) -> None:
        """Words at a point."""
        self.words.append(plate(at, said, f"role-{role}", index=label))
        self.reach(at, len(said) * LETTER / 2 + 4, 12)

    def drawn(self, roles: Sequence[str]) -> Drawn:
        """All of it."""
        box: Box = (min(self._xs), min(self._ys), max(self._xs), max(self._ys))
        return Drawn((*self.lines, *self.nodes, *self.words), box, tuple(dict.fromkeys(roles)))


def network(subject: Subject) -> Drawn:
    """Draw the network of a subject."""
    placed = place(subject)
    canvas = Canvas()
    for operand, at, radius in zip(subject.operands, placed.nodes, placed.radii, strict=True):
        x, y = number(at[0] - radius), number(at[1] - RADIUS)
        size = f'width="{number(2 * radius)}" height="{number(2 * RADIUS)}" rx="{number(RADIUS)}"'
        canvas.nodes.append(f'<rect x="{x}" y="{y}" {size} class="einsum-node"/>')
        canvas.nodes.append(text((at[0], at[1] + 4.5), operand.symbol, "einsum-name"))
        canvas.reach(at, radius + 2, RADIUS + 2)
    _pairs(subject, placed, canvas)
    _hubs(subject, placed, canvas)
    for which in range(len(subject.operands)):
        _legs(subject, placed, which, canvas)
    return canvas.drawn([index.role.value for index in subject.indices])


def place(subject: Subject) -> Placed:
    """Nodes side by side, or around a circle in the order with the fewest crossings."""
    count = len(subject.operands)
    radii = tuple(max(RADIUS, len(operand.symbol) * LETTER / 2 + 10) for operand in subject.operands)
    if count == 1:
        return Placed(((0.0, 0.0),), radii, (0.0, 40.0))
    if count == 2:
        half = 56 + max(radii)
        return Placed(((-half, 0.0), (half, 0.0)), radii, (0.0, 0.0))
    circle = max(86.0, 34.0 * count)
    joined = [index.holders for index in subject.indices if len(index.holders) == 2]
    around = permutations(range(1, count)) if count <= MOST_ORDERED else [tuple(range(1, count))]
    orders = [(0, *rest) for rest in around]
    best = min(orders, key=lambda order: chord_crossings(order, joined))
    spots = {operand: spot for spot, operand in enumerate(best)}
    angles = [-pi / 2 + 2 * pi * spots[operand] / count for operand in range(count)]
    return Placed(tuple((circle * cos(a), circle * sin(a)) for a in angles), radii, (0.0, 0.0))


def chord_crossings(order: Sequence[int], joined: Sequence[tuple[int, ...]]) -> int:
    """How many pairs of chords cross, with operands around a circle in this order."""
    spots = {operand: spot for spot, operand in enumerate(order)}
    chords = [tuple(sorted((spots[a], spots[b]))) for a, b in joined]
    return sum(
        a < c < b < d or c < a < d < b for (a, b), (c, d) in combinations(chords, 2) if len({a, b, c, d}) == 4
    )


def _pairs(subject: Subject, placed: Placed, canvas: Canvas) -> None:
    """Lines between two nodes, side by side where there are several."""
    groups: dict[tuple[int, ...], list[Index]] = {}
    for index in subject.indices:
        if len(index.holders) == 2:
            groups.setdefault(index.holders, []).append(index)
    for (first, second), group in groups.items():
        # Axes of the result outside, so that their legs do not end between other lines.
        inner = [index for index in group if index.role is Role.CONTRACTED]
        outer = [index for index in group if index.role is not Role.CONTRACTED]
        ordered = [*outer[: (len(outer) + 1) // 2], *inner, *outer[(len(outer) + 1) // 2 :]]
        for spot, index in enumerate(ordered):
            shift = (spot - (len(ordered) - 1) / 2) * BETWEEN
            _edge(index, placed.nodes[first], placed.nodes[second], shift, canvas)


def _edge(index: Index, start: Point, stop: Point, shift: float, canvas: Canvas) -> None:
    length = hypot(stop[0] - start[0], stop[1] - start[1])
    along = ((stop[0] - start[0]) / length, (stop[1] - start[1]) / length)
    across = (-along[1], along[0])
    middle = ((start[0] + stop[0]) / 2, (start[1] + stop[1]) / 2)
    control = (middle[0] + 2 * shift * across[0], middle[1] + 2 * shift * across[1])
    top = (middle[0] + shift * across[0], middle[1] + shift * across[1])
    role = index.role.value
    canvas.lines.append(wire(move(start) + bend(control, stop), role, index.label))
    canvas.reach(top, 4, 4)
    if index.role is Role.CONTRACTED:
        canvas.say(top, named(index), role, index.label)
        return
    side = -1.0 if shift < 0 or (shift == 0 and across[1] > 0) else 1.0
    _leg(index, top, (across[0] * side, across[1] * side), STUB, canvas)


def _leg(index: Index, start: Point, towards: Point, length: float, canvas: Canvas) -> None:
    """A leg from a dot, with the name of its axis at the end."""
    end = (start[0] + length * towards[0], start[1] + length * towards[1])
    role = index.role.value
    canvas.lines.append(wire(move(start) + line(end), role, index.label))
    canvas.lines.append(dot(start, role, index.label))
    _name_leg(index, end, towards, canvas)


def _name_leg(index: Index, end: Point, towards: Point, canvas: Canvas) -> None:
    said = named(index)
    wide = len(said) * LETTER / 2 + 4
    at = (end[0] + towards[0] * wide, end[1] + towards[1] * 11)
    canvas.say(at, said, index.role.value, index.label)


def named(index: Index) -> str:
    """The axis with its size, and the sign of how it ends."""
    sign = {Role.MAXIMISED: "max ", Role.LONE: "Σ ", Role.CONTRACTED: "Σ "}.get(index.role, "")
    return f"{sign}{index.label}" + ("" if index.size is None else f" {index.size}")


def _hubs(subject: Subject, placed: Placed, canvas: Canvas) -> None:
    """Axes of three operands or more: lines that meet in a dot."""
    indices = [index for index in subject.indices if len(index.holders) > 2]
    drawn = [
        (placed.nodes[index.holders[0]], placed.nodes[index.holders[1]])
        for index in subject.indices
        if len(index.holders) == 2
    ]
    obstacles = list(placed.nodes)
    for index in indices:
        nodes = [placed.nodes[holder] for holder in index.holders]
        at = clearest(nodes, drawn, obstacles)
        obstacles.append(at)
        drawn += [(node, at) for node in nodes]
        _hub(index, nodes, at, canvas)


def _hub(index: Index, nodes: Sequence[Point], at: Point, canvas: Canvas) -> None:
    role = index.role.value
    for node in nodes:
        canvas.lines.append(wire(move(node) + line(at), role, index.label))
    # Its name, and its leg if it has one, go where there is most room between the lines.
    angles = sorted(atan2(y - at[1], x - at[0]) for x, y in nodes)
    gaps = [(after - before, before) for before, after in pairwise([*angles, angles[0] + 2 * pi])]
    widest, before = max(gaps, key=lambda gap: (round(gap[0], 6), -gap[1]))
    towards = (cos(before + widest / 2), sin(before + widest / 2))
    if index.role is Role.CONTRACTED:
        canvas.lines.append(dot(at, role, index.label))
        _name_leg(index, (at[0] + 6 * towards[0], at[1] + 6 * towards[1]), towards, canvas)
    else:
        _leg(index, at, towards, STUB, canvas)


def _legs(subject: Subject, placed: Placed, operand: int, canvas: Canvas) -> None:
    """The axes that an operand has alone, spread out on the side that faces away from the others."""
    own = [index for index in subject.indices if index.holders == (operand,)]
    if not own:
        return
    x, y = placed.nodes[operand]
    outward = atan2(y - placed.centre[1], x - placed.centre[0])
    # On the left they are named from the bottom up, so that the order reads the same on both sides.
    own = own[::-1] if cos(outward) < -0.01 else own
    step = min(0.62, 2.6 / max(len(own) - 1, 1))
    far = max(LEG, 30.0 * (len(own) - 1) / 2.6 - 10)
    for spot, index in enumerate(own):
        angle = outward + (spot - (len(own) - 1) / 2) * step
        towards = (cos(angle), sin(angle))
        edge = placed.radii[operand] if abs(towards[0]) > 0.7 else RADIUS
        end = (x + towards[0] * (edge + far), y + towards[1] * (RADIUS + far))
        if index.repeated:
            end = (end[0] + towards[0] * 12, end[1] + towards[1] * 12)
            _loop(index, (x, y), (x + towards[0] * (edge + 30), y + towards[1] * (RADIUS + 30)), canvas)
        canvas.lines.append(wire(move((x, y)) + line(end), index.role.value, index.label))
        _name_leg(index, end, towards, canvas)


def _loop(index: Index, node: Point, at: Point, canvas: Canvas) -> None:
    """Two lines from a node into one dot: a diagonal."""
    across = (-(at[1] - node[1]) * 0.7, (at[0] - node[0]) * 0.7)
    middle = ((node[0] + at[0]) / 2, (node[1] + at[1]) / 2)
    role = index.role.value
    for side in (1, -1):
        control = (middle[0] + side * across[0], middle[1] + side * across[1])
        canvas.lines.append(wire(move(node) + bend(control, at), role, index.label))
    canvas.lines.append(dot(at, role, index.label))
