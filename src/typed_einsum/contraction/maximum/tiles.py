"""Products in tiles, of which only the maximum is kept, and its row where that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from typed_einsum.contraction.maximum import sizes
from typed_einsum.contraction.maximum.sizes import Tile
from typed_einsum.contraction.maximum.workers import is_plain, scratch, share, worker_count
from typed_einsum.tensors import device_of, dtype_of, shape_of

NARROW = 32
"""With fewer columns torch finds a maximum faster together with its row than alone."""


def all_products(rows: Tensor, columns: Tensor) -> Tensor:
    """All products of some rows and columns: `(b, e, n, p)`."""
    b, e, n, c = shape_of(rows)
    return torch.bmm(rows.reshape(b, e * n, c), columns).reshape(b, e, n, shape_of(columns)[2])


def least(dtype: torch.dtype) -> float:
    """What never wins."""
    return -torch.inf if dtype.is_floating_point else torch.iinfo(dtype).min


def largest(rows: Tensor, columns: Tensor, allowed: Tensor | None = None) -> Tensor:
    """The best products alone, of the rows that take part: `allowed` is `(b, e, n)`."""
    return _streamed(rows, columns, allowed, with_rows=False)[0]


def largest_with_rows(rows: Tensor, columns: Tensor, allowed: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The best products and their rows, the first one of equals."""
    best, winners = _streamed(rows, columns, allowed, with_rows=True)
    assert winners is not None
    return best, winners


def _streamed(
    rows: Tensor, columns: Tensor, allowed: Tensor | None, *, with_rows: bool
) -> tuple[Tensor, Tensor | None]:
    b, e, n, c = shape_of(rows)
    p = shape_of(columns)[2]
    best = rows.new_empty(b, e, p)
    winners = torch.empty_like(best, dtype=torch.int32) if with_rows else None
    plain, workers = is_plain(rows, columns), worker_count(rows, columns)
    layout = sizes.layout((b, e, n, p), c, workers, rows)

    def compute(every: Iterator[Part]) -> None:
        products = Products.for_tiles_of(layout.entries, rows) if plain else None
        for part in every:
            top, row = _of_tile(part, layout.height, products, with_rows)
            if top is not part.best:
                part.best.copy_(top)
            if part.winners is not None and row is not None:
                part.winners.copy_(row)

    def part_of(tile: Tile) -> Part:
        at_b, at_e, at_p = tile
        return Part(
            rows[at_b, at_e],
            columns[at_b, :, at_p],
            None if allowed is None else allowed[at_b, at_e],
            best[at_b, at_e, at_p],
            None if winners is None else winners[at_b, at_e, at_p],
        )

    share(compute, map(part_of, layout.tiles), workers)
    return best, winners


@dataclass(frozen=True)
class Part:
    """What a tile reads and writes: views, made before workers share them, who would wait for each other."""

    rows: Tensor
    columns: Tensor
    allowed: Tensor | None
    best: Tensor
    winners: Tensor | None


@dataclass(frozen=True)
class Products:
    """The products of one tile after another, in memory that the next tile overwrites.

    Half precision is multiplied as such where the processor can, and else in single precision; products are
    compared in single precision in any case.
    """

    buffer: Tensor
    multiplied: torch.dtype
    half: Tensor | None
    targets: dict[tuple[int, ...], tuple[Tensor, Tensor]] = field(default_factory=dict)
    """For each shape `(b, e, n, p)`: what is multiplied into, `(b, e n, p)`, and what is compared."""

    @classmethod
    def for_tiles_of(cls, entries: int, rows: Tensor) -> Products:
        """Memory for tiles with at most so many entries."""
        dtype = dtype_of(rows)
        if dtype.itemsize > 2:
            return cls(scratch(entries, dtype), dtype, None)
        buffer = scratch(entries, torch.float32)
        if not _multiplies(dtype):
            return cls(buffer, torch.float32, None)
        return cls(buffer, dtype, scratch(entries, dtype))

    def of(self, rows: Tensor, columns: Tensor) -> Tensor:
        """All products of these rows and columns: `(b, e, n, p)`."""
        b, e, n, c = shape_of(rows)
        p = shape_of(columns)[2]
        target, compared = self.targets.get((b, e, n, p)) or self._targets(b, e, n, p)
        if dtype_of(rows) != self.multiplied:
            rows, columns = rows.to(self.multiplied), columns.to(self.multiplied)
        if b == 1:
            torch.mm(rows.reshape(e * n, c), columns[0], out=target)
        else:
            torch.bmm(rows.reshape(b, e * n, c), columns, out=target)
        if self.half is not None:
            compared.copy_(target.view(b, e, n, p))
        return compared

    def _targets(self, b: int, e: int, n: int, p: int) -> tuple[Tensor, Tensor]:
        entries = b * e * n * p
        compared = self.buffer[:entries].view(b, e, n, p)
        written = (self.buffer if self.half is None else self.half)[:entries]
        target = written.view(e * n, p) if b == 1 else written.view(b, e * n, p)
        self.targets[b, e, n, p] = target, compared
        return target, compared


def _multiplies(dtype: torch.dtype) -> bool:
    """Whether this processor multiplies matrices in half precision, and not entry by entry."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    if dtype == torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return dtype == torch.float16 and bool(torch.ops.mkldnn._is_mkldnn_fp16_supported())


def _of_tile(
    part: Part, height: int, products: Products | None, with_rows: bool
) -> tuple[Tensor, Tensor | None]:
    """The best products of a tile, from so many rows at a time."""
    make = all_products if products is None else products.of
    top: Tensor | None = None
    row: Tensor | None = None
    n = shape_of(part.rows)[2]
    for start in range(0, n, height):
        rows = part.rows if height >= n else part.rows[:, :, start : start + height]
        here = make(rows, part.columns)
        if part.allowed is not None:
            _leave_out(here, part.allowed[:, :, start : start + height], one_by_one=products is not None)
        if not with_rows:
            better = _top(here, part.best if height >= n else None)
            top = better if top is None else torch.maximum(top, better)
            continue
        better, its_row = top_with_row(here, plain=products is not None)
        if top is None or row is None:
            top, row = better, its_row
        else:
            _keep_better(top, row, better, its_row + start)
    assert top is not None
    return top, row


def _leave_out(products: Tensor, allowed: Tensor, *, one_by_one: bool) -> None:
    """Let the products of rows that take no part never win, whatever they are."""
    never = least(dtype_of(products))
    if not one_by_one:
        products.masked_fill_(~allowed.unsqueeze(3), never)
        return
    padding = (~allowed).flatten().nonzero().squeeze(1)  # few rows are filled faster than all are looked at
    if len(padding):
        products.flatten(0, 2).index_fill_(0, padding, never)


def _top(products: Tensor, best: Tensor | None) -> Tensor:
    """The maximum of a tile, at once where it belongs if that is known and has its dtype."""
    if 1 < shape_of(products)[3] < NARROW:
        return products.max(2).values
    if best is None or dtype_of(best) != dtype_of(products):
        return products.amax(2)
    return torch.amax(products, 2, out=best)


def top_with_row(products: Tensor, *, plain: bool) -> tuple[Tensor, Tensor]:
    """The maximum of a tile and its row, the first one of equals. Plain products are overwritten.

    `max` with its index is many times slower than passes that are one vectorised operation each: rows are
    ranked, the first one highest, and the rank of each that reaches the maximum is written over its product.
    The highest rank tells the row.
    """
    if not plain:
        best, found = products.max(2)
        return best, found
    n = shape_of(products)[2]
    top = products.amax(2, keepdim=True)
    if bool(top.isnan().any()):  # equal to nothing
        return top_with_row(products, plain=False)
    ranks = torch.arange(n, 0, -1, dtype=dtype_of(products), device=device_of(products)).unsqueeze(1)
    row = n - products.eq_(top).mul_(ranks).amax(2)
    return top.squeeze(2), row.to(torch.int32)


def _keep_better(target: Tensor, winner: Tensor, top: Tensor, row: Tensor) -> None:
    """Write maxima where they beat what is there; an earlier one wins among equals, NaN over all."""
    beaten = ~(top <= target) & (target == target)
    winner.copy_(torch.where(beaten, row, winner))
    target.copy_(torch.maximum(target, top))
