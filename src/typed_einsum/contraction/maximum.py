"""The largest of many dot products, without the tensor of all of them.

`max_n Σ_c rows[b, e, n, c] · columns[b, c, p]` is what `max=` asks for: the best text of a vocabulary for
each pixel, the best token of a document for each token of a query. The products come in tiles that fit into
a processor's cache, and of each tile only its maximum is kept. What the backward pass needs is the winner of
each position: the row itself, or the block of rows that it is in, from which it is found again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.compiler import is_compiling

from typed_einsum.tensors import device_of, dtype_of, shape_of

SMALL = 2**16
"""Up to so many products it is faster to make them all."""

TILE = 2**19
"""Products that exist at once: 2 MiB in single precision, about one core's cache."""

BLOCK = 128
"""Rows of a tile."""

FEW_ROWS = 256
"""Up to so many rows the winning row is kept; from there on, its block, which is faster to find."""

MOST_GROUPS = 64
"""Blocks are searched one group (`b` and `e`) after another: with more groups, rows are kept instead."""


def best_products(rows: Tensor, columns: Tensor) -> Tensor:
    """For rows `(b, e, n, c)` and columns `(b, c, p)`, the largest product over `n`: `(b, e, p)`.

    Gradients go to the winning row alone, the first one of equals, as with `Tensor.max`.
    """
    if is_compiling() or not _can_stream(rows, columns):
        return _all_at_once(rows, columns)
    device = device_of(rows).type
    if torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
        rows, columns = rows.to(dtype), columns.to(dtype)
    if not _is_differentiated(rows, columns):
        return _streamed(rows, columns)
    # A transform of `torch.func` cannot look into the winners, as the search for a row in its block must.
    by_block = keeps_blocks(rows) and not _is_transformed()
    best: Tensor = BestProducts.apply(rows, columns, by_block)[0]  # type: ignore[no-untyped-call]
    return best


def _is_differentiated(rows: Tensor, columns: Tensor) -> bool:
    """Whether a derivative may be asked for: backward, forward, or by a transform of `torch.func`."""
    if torch.is_grad_enabled() and (rows.requires_grad or columns.requires_grad):
        return True
    return forward_ad._current_level >= 0 or _is_transformed()


def _is_transformed() -> bool:
    """Whether a transform of `torch.func` is running."""
    return torch._C._functorch.peek_interpreter_stack() is not None


def _can_stream(rows: Tensor, columns: Tensor) -> bool:
    """Whether tiles pay: real numbers, of which there would be many."""
    b, e, n, _ = shape_of(rows)
    p = shape_of(columns)[2]
    return b * e * n * p > SMALL and dtype_of(rows).is_floating_point and not rows.is_meta


def _all_at_once(rows: Tensor, columns: Tensor) -> Tensor:
    b, e, n, c = shape_of(rows)
    products = torch.bmm(rows.reshape(b, e * n, c), columns).reshape(b, e, n, shape_of(columns)[2])
    if products.requires_grad:  # the gradient of `amax` is spread over equals
        return products.max(2).values
    return products.amax(2)


class BestProducts(torch.autograd.Function):
    """`best_products` with a derivative that visits the winners alone."""

    @staticmethod
    def forward(rows: Tensor, columns: Tensor, by_block: bool) -> tuple[Tensor, Tensor]:
        """The best products, and the winners."""
        return _with_blocks(rows, columns) if by_block else _with_rows(rows, columns)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, bool], output: tuple[Tensor, Tensor]) -> None:
        """Keep the operands and the winners."""
        *operands, ctx.by_block = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(*operands, output[1])
        ctx.save_for_forward(*operands, output[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Any) -> tuple[Tensor, Tensor, None]:
        """To each winning row its column times the gradient, and the other way round."""
        rows, columns, winners = ctx.saved_tensors
        index = _flat_index(_winning_rows(ctx.by_block, rows, columns, winners), rows)
        b, e, n, c = shape_of(rows)
        p = shape_of(columns)[2]
        chosen = rows.reshape(b * e * n, c).index_select(0, index).reshape(b, e, p, c)
        to_columns = (grad.unsqueeze(-1) * chosen).sum(1).transpose(1, 2)
        parts = grad.unsqueeze(-1) * columns.transpose(1, 2).unsqueeze(1)
        to_rows = rows.new_zeros(b * e * n, c).index_add(0, index, parts.reshape(b * e * p, c))
        return to_rows.reshape(b, e, n, c), to_columns, None

    @staticmethod
    def jvp(
        ctx: Any, rows_tangent: Tensor | None, columns_tangent: Tensor | None, _: Any
    ) -> tuple[Tensor, None]:
        """The change of the winning products."""
        rows, columns, winners = ctx.saved_tensors
        index = _flat_index(_winning_rows(ctx.by_block, rows, columns, winners), rows)
        b, e, n, c = shape_of(rows)
        p = shape_of(columns)[2]
        change = rows.new_zeros(b, e, p)
        if rows_tangent is not None:
            moved = rows_tangent.reshape(b * e * n, c).index_select(0, index).reshape(b, e, p, c)
            change = change + (moved * columns.transpose(1, 2).unsqueeze(1)).sum(-1)
        if columns_tangent is not None:
            chosen = rows.reshape(b * e * n, c).index_select(0, index).reshape(b, e, p, c)
            change = change + (chosen * columns_tangent.transpose(1, 2).unsqueeze(1)).sum(-1)
        return change, None

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, int | None, None], rows: Tensor, columns: Tensor, by_block: bool
    ) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
        """One more batch axis, merged into the first."""
        size = info.batch_size
        each = [
            tensor.expand(size, *shape_of(tensor)) if dim is None else tensor.movedim(dim, 0)
            for tensor, dim in zip((rows, columns), in_dims[:2], strict=True)
        ]
        merged = (tensor.flatten(0, 1) for tensor in each)
        best, winners = BestProducts.apply(*merged, by_block)  # type: ignore[no-untyped-call]
        return (best.unflatten(0, (size, -1)), winners.unflatten(0, (size, -1))), (0, 0)


def keeps_blocks(rows: Tensor) -> bool:
    """Whether the winners are kept as blocks of rows."""
    b, e, n, _ = shape_of(rows)
    return n > FEW_ROWS and b * e <= MOST_GROUPS


def _tiles(rows: Tensor, columns: Tensor) -> Iterator[tuple[slice, slice, slice]]:
    """Slices of `b`, `e` and `p` whose products with the rows of a tile are about `TILE`."""
    b, e, n, _ = shape_of(rows)
    p = shape_of(columns)[2]
    height = _height(n)
    batch = max(1, min(b, TILE // (height * min(p, 1024))))
    depth = max(1, min(e, TILE // (batch * height * min(p, 1024)))) if height == n else 1
    width = min(p, max(64, TILE // (batch * depth * height)))
    for first in range(0, b, batch):
        for second in range(0, e, depth):
            for third in range(0, p, width):
                yield slice(first, first + batch), slice(second, second + depth), slice(third, third + width)


def _height(n: int) -> int:
    """The rows of a tile: all of them, or blocks of them."""
    return n if n <= FEW_ROWS else BLOCK


def _products(rows: Tensor, columns: Tensor) -> Tensor:
    """The products of a tile: `(b, e, n, p)`."""
    b, e, n, c = shape_of(rows)
    return torch.bmm(rows.reshape(b, e * n, c), columns).reshape(b, e, n, shape_of(columns)[2])


def _streamed(rows: Tensor, columns: Tensor) -> Tensor:
    """The best products alone."""
    b, e, n, _ = shape_of(rows)
    height = _height(n)
    best = rows.new_empty(b, e, shape_of(columns)[2])
    for at_b, at_e, at_p in _tiles(rows, columns):
        some_rows, some_columns = rows[at_b, at_e], columns[at_b, :, at_p]
        target = best[at_b, at_e, at_p]
        for start in range(0, n, height):
            top = _products(some_rows[:, :, start : start + height], some_columns).amax(2)
            target.copy_(top if start == 0 else torch.maximum(target, top))
    return best


def _with_rows(rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """The best products and their rows."""
    b, e, n, _ = shape_of(rows)
    height = _height(n)
    best = rows.new_empty(b, e, shape_of(columns)[2])
    winners = torch.empty_like(best, dtype=torch.int32)
    for at_b, at_e, at_p in _tiles(rows, columns):
        some_rows, some_columns = rows[at_b, at_e], columns[at_b, :, at_p]
        target, winner = best[at_b, at_e, at_p], winners[at_b, at_e, at_p]
        for start in range(0, n, height):
            top, row = _products(some_rows[:, :, start : start + height], some_columns).max(2)
            _keep_better(target, winner, top, row + start, is_first=start == 0)
    return best, winners


def _with_blocks(rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """The best products and the blocks that their rows are in."""
    b, e, n, _ = shape_of(rows)
    best = rows.new_empty(b, e, shape_of(columns)[2])
    winners = torch.empty_like(best, dtype=torch.int32)
    for at_b, at_e, at_p in _tiles(rows, columns):
        some_rows, some_columns = rows[at_b, at_e], columns[at_b, :, at_p]
        target, winner = best[at_b, at_e, at_p], winners[at_b, at_e, at_p]
        for block, start in enumerate(range(0, n, BLOCK)):
            top = _products(some_rows[:, :, start : start + BLOCK], some_columns).amax(2)
            _keep_better(target, winner, top, block, is_first=start == 0)
    return best, winners


def _keep_better(target: Tensor, winner: Tensor, top: Tensor, index: Tensor | int, *, is_first: bool) -> None:
    """Write a tile's maxima where they beat what is there; an earlier one wins among equals, NaN over all."""
    if is_first:
        target.copy_(top)
        winner.copy_(index) if isinstance(index, Tensor) else winner.fill_(index)
        return
    beaten = ~(top <= target) & (target == target)
    if isinstance(index, Tensor):
        winner.copy_(torch.where(beaten, index, winner))
    else:
        winner.masked_fill_(beaten, index)
    target.copy_(torch.maximum(target, top))


def _winning_rows(by_block: bool, rows: Tensor, columns: Tensor, winners: Tensor) -> Tensor:
    """The winning row of each position: `(b, e, p)`."""
    if not by_block:
        return winners.long()
    found = torch.empty_like(winners, dtype=torch.int64)
    with torch.no_grad():
        for b, e in ((b, e) for b in range(shape_of(rows)[0]) for e in range(shape_of(rows)[1])):
            order = winners[b, e].argsort(stable=True)
            counts = torch.bincount(winners[b, e], minlength=-(-shape_of(rows)[2] // BLOCK)).tolist()
            end = 0
            for block, count in enumerate(counts):
                start, end = end, end + count
                for at in torch.split(order[start:end], TILE // BLOCK):
                    some_rows = rows[b, e, block * BLOCK : (block + 1) * BLOCK]
                    products = some_rows @ columns[b].index_select(1, at)
                    found[b, e, at] = products.argmax(0) + block * BLOCK
    return found


def _flat_index(index: Tensor, rows: Tensor) -> Tensor:
    """Rows of each group as rows of all groups, one after another."""
    b, e, n, _ = shape_of(rows)
    groups = torch.arange(b * e, device=device_of(index)).reshape(b, e, 1)
    return (index + groups * n).flatten()
