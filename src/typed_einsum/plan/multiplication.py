"""What a stack of matrix products costs on one core, by shape and layout: fitted to measurements.

A library of matrix products packs operands before it multiplies, at a cost that depends on how they lie; for
small matrices and for vectors that is most of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Layout = Literal["plain", "turned", "neither"]
"""Which axis of a matrix is contiguous: the last one, the first one, or none."""


@dataclass(frozen=True, slots=True)
class Shape:
    """`batch` products of `(m, k)` and `(k, n)`, and whether the contracted axis is innermost in each."""

    batch: int
    m: int
    k: int
    n: int
    left: Layout
    right: Layout
    left_inner: bool
    right_inner: bool


PACKING = {
    (False, False): (1.1, 0.15, 0.2),
    (False, True): (0.3, 0.2, 0.6),
    (True, False): (1.4, 0.13, 0.2),
    (True, True): (1.3, 0.45, 0.2),
}
"""Nanoseconds for each entry of the left matrix, of the right one and of their product, by whether each of
the two is turned."""

THIN = 8
PER_ENTRY_OF_RIGHT = 2.6
"""With fewer rows than that, and both matrices turned, MKL on processors with AVX-512 takes so many
nanoseconds for each entry of the right matrix."""

PER_MULTIPLICATION = 0.016
PER_MATRIX, PER_VECTOR = 300.0, 50.0

NARROW = 16
PER_RUN, PER_PLAIN, PER_TURNED, PER_CROSSING = 3.4, 0.13, 0.17, 1.5
"""A row times a matrix, in nanoseconds: each run of neighbours in the matrix that is shorter than that; each
entry of longer runs, along columns or along the contracted axis; and each entry of a turned matrix where the
row's own are not neighbours."""

PER_ENTRY_OF_COLUMN = 0.5
"""A matrix times a column, for each entry."""

FEW = 400
PER_PRODUCT, PER_ENTRY_IN_ORDER, PER_ENTRY_JUMPING = 2.2, 0.5, 0.95
"""Up to so many multiplications torch multiplies matrices itself, entry by entry: faster where the contracted
axis is innermost on both sides."""

ALONE = 3000.0
"""For each matrix of a stack of which no axis is contiguous: torch multiplies them one by one."""


def nanoseconds(shape: Shape) -> float:
    """What all products of the stack cost."""
    m, k, n = shape.m, shape.k, shape.n
    if shape.batch == 1 and 1 in (m, n):
        strided = n == 1 and not shape.right_inner  # torch copies a row first, but not a column
        return (0.3 if strided else 0.11) * max(m, n) * k
    if m * k * n < FEW:
        in_order = shape.left_inner and shape.right_inner
        per_entry = PER_ENTRY_IN_ORDER if in_order else PER_ENTRY_JUMPING
        return shape.batch * (PER_PRODUCT * m * n + per_entry * m * k * n)
    alone = ALONE if shape.batch > 1 and "neither" in (shape.left, shape.right) else 0.0
    return shape.batch * (_of_one(shape) + alone)


def _of_one(shape: Shape) -> float:
    m, k, n = shape.m, shape.k, shape.n
    turned = shape.left == "turned", shape.right == "turned"
    if m == 1:
        runs, length, per_entry = (n, k, PER_TURNED) if turned[1] else (k, n, PER_PLAIN)
        if turned[1] and not shape.left_inner:
            return PER_VECTOR + PER_CROSSING * k * n
        return PER_VECTOR + runs * (PER_RUN if length < NARROW else per_entry * length)
    if n == 1:
        return PER_VECTOR + PER_ENTRY_OF_COLUMN * m * k
    of_left, of_right, of_product = PACKING[turned]
    if turned == (True, True) and m < THIN:
        of_right = PER_ENTRY_OF_RIGHT
    packing = of_left * m * k + of_right * k * n + of_product * m * n
    return PER_MATRIX + packing + PER_MULTIPLICATION * m * k * n
