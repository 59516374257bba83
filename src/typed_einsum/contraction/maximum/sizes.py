"""The sizes of tiles: from the cache of a core, and from how many workers share the products.

`benchmarks/maximum.py` is where a change shows. They depend on nothing that varies between two runs on one
machine, so that results do not, either.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from typed_einsum.tensors import device_of, dtype_of

Tile = tuple[slice, slice, slice]
"""Which entries of `b`, `e` and `p` a tile has."""

VARIABLE = "TYPED_EINSUM_TILES"
"""`128x1600` in the environment fixes rows and columns of a tile."""

CACHE = Path("/sys/devices/system/cpu/cpu0/cache/index2/size")
USUAL_CACHE, LEAST_CACHE, MOST_CACHE = 2**20, 2**19, 2**21
"""Bytes of a core's second cache: where the system does not say, and what a tile can use of it."""

LEAST_TILE = 2**15
"""Numbers of a tile, however little there is to share: each tile costs some microseconds of Python."""

TILES_EACH = 4
"""A worker gets so many tiles where it can: one that runs less than others then takes fewer of them."""

LARGER, SHARE, FEW_TILES = 4, 16, 4
"""Without workers all threads of torch share a tile, and meet at its end: tiles are larger there, where they
remain a sixteenth of all products or where so few would do."""

TILE_ELSEWHERE = 2**25
"""Numbers of a tile on other devices, whose every call must have enough to do. Not measured."""

LEAST_WIDTH = 256
"""Columns of a tile before its rows are divided too."""

TOLERANCE = 8
"""Tiles may exceed the cache by this part, where fewer of them then hold all columns."""

ALIGNED = 64
"""Tiles are a multiple of this wide: others take up to half as long again."""


@dataclass(frozen=True)
class Layout:
    """How products are cut: so many rows at a time, of tiles that hold at most so many entries at once."""

    height: int
    entries: int
    tiles: tuple[Tile, ...]


def layout(shape: tuple[int, int, int, int], channels: int, workers: int, like: Tensor) -> Layout:
    """The tiles for products of shape `(b, e, n, p)`, which have all rows where they fit."""
    b, e, n, p = shape
    entries = beside_rows(tile_size(like, workers, b * e * n * p), p, channels)
    most = entries + entries // TOLERANCE
    width = even_width(p, max(LEAST_WIDTH, most // n))
    height = n if n * width <= most else max(1, entries // width)
    positions = min(b * e * p, max(width, entries // height))
    fixed = fixed_tiles(os.environ.get(VARIABLE, ""))
    if fixed is not None:
        height, width = min(n, fixed[0]), min(p, fixed[1])
        positions = width
    return Layout(height, height * positions, tuple(slices((b, e, p), width, positions)))


def even_width(p: int, most: int) -> int:
    """The width of tiles that share `p` columns evenly: a narrow last one would cost nearly a whole one."""
    count = -(-p // max(1, most // ALIGNED * ALIGNED))
    return min(p, -(-p // (count * ALIGNED)) * ALIGNED)


def tile_size(like: Tensor, workers: int, products: int = 0) -> int:
    """How many numbers exist at once for each worker, of so many products."""
    if device_of(like).type != "cpu":
        return TILE_ELSEWHERE
    most = numbers_in_cache(like)
    threads = torch.get_num_threads()
    if threads == 1:
        return most
    if workers > 1:
        return max(LEAST_TILE, min(most, products // (TILES_EACH * workers)))
    most *= threads
    if 0 < products <= FEW_TILES * most:
        return 2 * most
    return max(most, min(LARGER * most, products // SHARE))


def beside_rows(entries: int, width: int, channels: int) -> int:
    """How many products fit beside the rows that they are made of, of so many channels.

    Rows pass through the cache once, products stay until their maximum is known: rows count as half.
    """
    return max(1, min(entries, 2 * entries * width // (width + channels)))


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


def numbers_in_cache(like: Tensor) -> int:
    """How many numbers the cache of a core holds; half precision is compared in single."""
    return core_cache() // max(4, dtype_of(like).itemsize)


@lru_cache(maxsize=1)
def core_cache() -> int:
    """The bytes of a core's second cache."""
    try:
        found = re.fullmatch(r"(\d+)K", CACHE.read_text().strip())
    except OSError:
        found = None
    return min(MOST_CACHE, max(LEAST_CACHE, int(found[1]) * 1024)) if found else USUAL_CACHE


@lru_cache(maxsize=8)
def fixed_tiles(text: str) -> tuple[int, int] | None:
    """The rows and columns that the environment fixes, if it does."""
    if not text:
        return None
    found = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if found is None:
        warnings.warn(
            f"{VARIABLE} is {text!r}; expected the rows and columns of a tile, such as 128x1600. "
            "It is ignored.",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    return int(found[1]), int(found[2])
