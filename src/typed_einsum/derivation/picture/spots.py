"""Where a dot has most room: a place from which its lines cross and touch as little as can be."""

from __future__ import annotations

from collections.abc import Sequence
from math import acos, cos, hypot, pi, sin

from typed_einsum.derivation.picture.svg import Point

Line = tuple[Point, Point]

DISTANCES = (0.0, 24.0, 44.0, 64.0)
DIRECTIONS = 12
NEAR = 24.0
NARROW_ANGLE = 0.3

CROSSING, TOUCHING, BESIDE, FAR = 10.0, 8.0, 6.0, 0.01
"""What is bad about a place, and how bad: a crossing, a line too near the dot, two lines from one node that
cannot be told apart; and a little, to be far from the middle."""


def clearest(nodes: Sequence[Point], drawn: Sequence[Line], obstacles: Sequence[Point]) -> Point:
    """The best place near the middle of some nodes for a dot that is joined to each of them."""
    x = sum(node[0] for node in nodes) / len(nodes)
    y = sum(node[1] for node in nodes) / len(nodes)
    places = [
        (x + distance * cos(turn), y + distance * sin(turn))
        for distance in DISTANCES
        for turn in (2 * pi * step / DIRECTIONS + pi / 24 for step in range(DIRECTIONS if distance else 1))
    ]

    def bad(at: Point) -> float:
        own = [(node, at) for node in nodes]
        found = (
            CROSSING * sum(crosses(a, b) for a in own for b in drawn)
            + TOUCHING * sum(distance_to(at, line) < NEAR for line in drawn)
            + TOUCHING * sum(hypot(at[0] - node[0], at[1] - node[1]) < 2 * NEAR for node in obstacles)
            + TOUCHING * sum(passes(line, node) for line in own for node in obstacles)
            + BESIDE * sum(beside(a, b) for a in own for b in drawn)
            + FAR * hypot(at[0] - x, at[1] - y)
        )
        return round(found, 3)  # equal places stay equal on every machine

    return min(places, key=bad)


def passes(line: Line, at: Point) -> bool:
    """Whether a line goes by a point too near, without starting there."""
    return at != line[0] and distance_to(at, line) < NEAR


def crosses(first: Line, second: Line) -> bool:
    """Whether two lines cross inside; a common end does not count.

    >>> crosses(((0, 0), (2, 2)), ((0, 2), (2, 0))), crosses(((0, 0), (2, 2)), ((0, 0), (2, 0)))
    (True, False)
    """

    def side(a: Point, b: Point, c: Point) -> float:
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    (a, b), (c, d) = first, second
    return side(a, b, c) * side(a, b, d) < -1e-6 and side(c, d, a) * side(c, d, b) < -1e-6


def distance_to(at: Point, line: Line) -> float:
    """How far a point is from a line between two points.

    >>> distance_to((0, 3), ((-1, 0), (1, 0))), distance_to((5, 0), ((-1, 0), (1, 0)))
    (3.0, 4.0)
    """
    (ax, ay), (bx, by) = line
    length = hypot(bx - ax, by - ay)
    if length == 0:
        return hypot(at[0] - ax, at[1] - ay)
    along = ((at[0] - ax) * (bx - ax) + (at[1] - ay) * (by - ay)) / length**2
    along = min(max(along, 0.0), 1.0)
    return hypot(at[0] - ax - along * (bx - ax), at[1] - ay - along * (by - ay))


def beside(first: Line, second: Line) -> bool:
    """Whether two lines leave one point in nearly one direction.

    >>> beside(((0, 0), (2, 2)), ((3, 3.1), (0, 0))), beside(((0, 0), (2, 2)), ((0, 0), (2, 0)))
    (True, False)
    """
    for (a, b), (c, d) in ((x, y) for x in (first, first[::-1]) for y in (second, second[::-1])):
        if a == c:
            one, two = (b[0] - a[0], b[1] - a[1]), (d[0] - a[0], d[1] - a[1])
            size = hypot(*one) * hypot(*two)
            cosine = (one[0] * two[0] + one[1] * two[1]) / size if size else 1.0
            return acos(min(max(cosine, -1.0), 1.0)) < NARROW_ANGLE
    return False
