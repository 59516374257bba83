"""The best products of groups of different lengths, packed one after another: documents without padding."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from typed_einsum.contraction.maximum import sizes, tiles
from typed_einsum.contraction.maximum.gradients import gradients_of_groups
from typed_einsum.contraction.maximum.tracing import is_recorded
from typed_einsum.contraction.maximum.workers import is_plain, share, worker_count
from typed_einsum.tensors import device_of, shape_of

WIDTH = 512
"""Columns of a tile."""

Tile = tuple[slice, slice]
"""Groups and columns."""


def best_packed(rows: Tensor, columns: Tensor, first: Tensor) -> Tensor:
    """For rows `(t, c)` in groups and columns `(c, p)`, the largest product of each group: `(n, p)`.

    `first` is the first row of each group, `(n,)`. An empty group has 0.
    Gradients go to the winning row alone, the first one of equals.
    """
    if is_recorded():
        return _all_at_once(rows, columns, first)
    if not (torch.is_grad_enabled() and (rows.requires_grad or columns.requires_grad)):
        return _streamed(rows, columns, first, with_rows=False)[0]
    best: Tensor = BestPacked.apply(rows, columns, first)[0]  # type: ignore[no-untyped-call]
    return best


def _all_at_once(rows: Tensor, columns: Tensor, first: Tensor) -> Tensor:
    """The plain formulation; a gradient is divided among equals."""
    begins = torch.zeros(len(rows) + 1, dtype=torch.int64, device=device_of(rows))
    begins = begins.index_add(0, first.long(), torch.ones_like(first, dtype=torch.int64))
    group = begins.cumsum(0)[:-1] - 1
    products = rows @ columns
    at = group.unsqueeze(1).expand_as(products)
    empty = products.new_zeros(len(first), shape_of(columns)[1])
    return empty.scatter_reduce(0, at, products, "amax", include_self=False)


class BestPacked(torch.autograd.Function):
    """`best_packed` with a derivative that visits the winners alone."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, columns: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
        """The best products, and the winners, counted from the first row of each group."""
        best, winners = _streamed(rows, columns, first, with_rows=True)
        ctx.mark_non_differentiable(winners)
        ctx.save_for_backward(rows, columns, first, winners)
        return best, winners

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, _: Any) -> tuple[Tensor | None, Tensor | None, None]:
        """To each winning row its column times the gradient, and the other way round."""
        rows, columns, first, winners = ctx.saved_tensors
        empty = _lengths(first, len(rows)) == 0
        grad = grad.masked_fill(empty.unsqueeze(1), 0)
        to_rows, to_columns = gradients_of_groups(
            grad[None],
            rows[None],
            columns[None],
            winners[None],
            first.clamp(max=max(0, len(rows) - 1)),  # an empty group may begin behind the last row
            *ctx.needs_input_grad[:2],
        )
        return None if to_rows is None else to_rows[0], None if to_columns is None else to_columns[0], None


def _lengths(first: Tensor, total: int) -> Tensor:
    return torch.cat([first[1:], first.new_tensor([total])]) - first


def _streamed(rows: Tensor, columns: Tensor, first: Tensor, *, with_rows: bool) -> tuple[Tensor, Tensor]:
    total, (c, p) = len(rows), shape_of(columns)
    best = rows.new_zeros(len(first), p)
    winners = torch.zeros_like(best, dtype=torch.int32)
    lengths = _lengths(first, total)
    last = (first + lengths - 1).clamp(min=0)
    plain, workers = is_plain(rows, columns), worker_count(rows, columns)
    width = max(1, min(p, WIDTH))
    bounds = [*first.tolist(), total]
    entries = sizes.beside_rows(sizes.tile_size(rows, workers, total * p), width, c)
    groups = list(_groups(bounds, max(1, entries // width)))
    longest = max((bounds[at.stop] - bounds[at.start] for at in groups), default=0)

    def compute(every: Iterator[Tile]) -> None:
        products = tiles.Products.for_tiles_of(longest * width, rows) if plain else None
        for at, at_p in every:
            begin, end = bounds[at.start], bounds[at.stop]
            some = rows[None, None, begin:end], columns[None, :, at_p]
            made = tiles.all_products(*some) if products is None else products.of(*some)
            padded = _padded(made[0, 0], first[at], last[at], begin)
            if with_rows:
                top, row = tiles.top_with_row(padded, plain=plain)
                best[at, at_p], winners[at, at_p] = top[0], row[0]
            else:
                best[at, at_p] = padded.amax(2)[0]

    every = [(at, slice(start, start + width)) for at in groups for start in range(0, p, width)]
    share(compute, every, workers)
    empty = (lengths == 0).unsqueeze(1)
    return best.masked_fill_(empty, 0), winners.masked_fill_(empty, 0)


def _groups(bounds: list[int], most: int) -> Iterator[slice]:
    """Groups that have together at most so many rows, or one that has more; none without rows."""
    start, count = 0, len(bounds) - 1
    while start < count:
        stop = max(start + 1, bisect_right(bounds, bounds[start] + most) - 1)
        if bounds[min(stop, count)] > bounds[start]:
            yield slice(start, min(stop, count))
        start = min(stop, count)


def _padded(products: Tensor, first: Tensor, last: Tensor, begin: int) -> Tensor:
    """The products `(t, p)` of some groups as `(1, e, n, p)`: the last of each group is repeated, which
    changes neither the maximum nor the first row that has it."""
    longest = int((last - first).max()) + 1
    steps = torch.arange(longest, device=device_of(products))
    places = torch.minimum(first.unsqueeze(1) + steps, last.unsqueeze(1)) - begin
    flat = products.index_select(0, places.clamp_(0, len(products) - 1).flatten())
    return flat.view(1, len(first), longest, -1)
