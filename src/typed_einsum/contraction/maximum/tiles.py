"""Products in tiles, of which only the maximum is kept: the sizes of tiles, and what is done with each.

The numbers were found on a CPU with two threads; `benchmarks/maximum.py` is where a change shows.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from typed_einsum.tensors import device_of, shape_of

TILE = 2**18
"""Numbers that exist at once for each thread: 1 MiB in single precision, about one core's cache."""

LARGER, SHARE = 4, 16
"""A tile may be so many times larger where it remains so small a part of all products: threads meet at the
end of each tile, which costs tens of microseconds."""

FEW_TILES = 4
"""Where so few tiles would do, they are twice as large: little is saved, and threads meet less often."""

TILE_ELSEWHERE = 2**25
"""The same on other devices, whose every call must have enough to do. Not measured."""

LEAST_WIDTH = 256
"""Columns of a tile before its rows are divided too: rows are what a search for the winner gains from."""

ALIGNED = 64
"""Tiles are a multiple of this wide: others take up to half as long again."""

NARROW = 32
"""With fewer columns torch finds a maximum faster together with its row than alone."""

FEW_ROWS = 256
"""From so many rows on, the winner is sought in steps of `STEP` rows: first the step, then the row in it."""

STEP = 16


Tile = tuple[slice, slice, slice]


def all_products(rows: Tensor, columns: Tensor) -> Tensor:
    """All products of some rows and columns: `(b, e, n, p)`."""
    b, e, n, c = shape_of(rows)
    return torch.bmm(rows.reshape(b, e * n, c), columns).reshape(b, e, n, shape_of(columns)[2])


def tile_size(tensor: Tensor, products: int = 0) -> int:
    """How many numbers a tile has, of so many products."""
    if device_of(tensor).type != "cpu":
        return TILE_ELSEWHERE
    least = TILE * torch.get_num_threads()
    if 0 < products <= FEW_TILES * least:
        return 2 * least
    return max(least, min(LARGER * least, products // SHARE))


def slices(sizes: tuple[int, int, int], width: int, most: int) -> Iterator[Tile]:
    """Slices of `b`, `e` and `p`, together of at most so many positions, and of at most this width in `p`."""
    b, e, p = sizes
    width = min(p, width, most)
    depth = min(e, max(1, most // width))
    batch = min(b, max(1, most // (width * depth)))
    for first in range(0, b, batch):
        for second in range(0, e, depth):
            for third in range(0, p, width):
                yield slice(first, first + batch), slice(second, second + depth), slice(third, third + width)


def _layout(rows: Tensor, columns: Tensor) -> tuple[int, Iterator[Tile]]:
    """The rows of a tile, which are all rows where they fit, and the tiles."""
    b, e, n, _ = shape_of(rows)
    p = shape_of(columns)[2]
    tile = tile_size(rows, b * e * n * p)
    width = min(p, max(LEAST_WIDTH, tile // n // ALIGNED * ALIGNED))
    height = min(n, max(1, tile // width))
    return height, slices((b, e, p), width, max(1, tile // height))


def largest(rows: Tensor, columns: Tensor) -> Tensor:
    """The best products alone."""
    b, e, n, _ = shape_of(rows)
    height, every = _layout(rows, columns)
    best = rows.new_empty(b, e, shape_of(columns)[2])
    for at_b, at_e, at_p in every:
        target = best[at_b, at_e, at_p]
        for start in range(0, n, height):
            top = _top(all_products(rows[at_b, at_e, start : start + height], columns[at_b, :, at_p]))
            target.copy_(top if start == 0 else torch.maximum(target, top))
    return best


def largest_with_rows(rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """The best products and their rows."""
    b, e, n, _ = shape_of(rows)
    height, every = _layout(rows, columns)
    best = rows.new_empty(b, e, shape_of(columns)[2])
    winners = torch.empty_like(best, dtype=torch.int32)
    for at_b, at_e, at_p in every:
        target, winner = best[at_b, at_e, at_p], winners[at_b, at_e, at_p]
        for start in range(0, n, height):
            some_rows, some_columns = rows[at_b, at_e, start : start + height], columns[at_b, :, at_p]
            top, row = _top_with_row(all_products(some_rows, some_columns))
            if start == 0:
                target.copy_(top)
                winner.copy_(row)
            else:
                _keep_better(target, winner, top, row + start)
    return best, winners


def _top(products: Tensor) -> Tensor:
    """The maximum of a tile."""
    return products.max(2).values if 1 < shape_of(products)[3] < NARROW else products.amax(2)


def _top_with_row(products: Tensor) -> tuple[Tensor, Tensor]:
    """The maximum of a tile and its row, the first one of equals.

    `max` with its index is many times slower than `amax`. So `amax` goes over steps of rows, and the index
    is sought among the steps, then inside the winning one.
    """
    b, e, n, p = shape_of(products)
    if n < FEW_ROWS or p < NARROW:
        top, row = products.max(2)
        return top, row
    whole = n - n % STEP
    steps = torch.unflatten(products[:, :, :whole], 2, (-1, STEP))
    step = steps.amax(3).argmax(2)
    inside = steps.gather(2, step[:, :, None, None].expand(b, e, 1, STEP, p)).squeeze(2)
    top, row = inside.max(2)
    row += step * STEP
    if whole < n:
        later, later_row = products[:, :, whole:].max(2)
        _keep_better(top, row, later, later_row + whole)
    return top, row


def _keep_better(target: Tensor, winner: Tensor, top: Tensor, row: Tensor) -> None:
    """Write maxima where they beat what is there; an earlier one wins among equals, NaN over all."""
    beaten = ~(top <= target) & (target == target)
    winner.copy_(torch.where(beaten, row, winner))
    target.copy_(torch.maximum(target, top))
