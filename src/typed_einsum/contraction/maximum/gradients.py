"""The gradients of the best products: of each position, only its winner has one."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from typed_einsum.contraction.maximum import sizes
from typed_einsum.contraction.maximum.workers import share, worker_count
from typed_einsum.tensors import device_of, dtype_of, shape_of

LEAST_CHANNELS = 16
"""A cache line of single precision: two workers would get into each other's way within one."""

Share = tuple[int, slice]
"""One sample and some channels."""


def gradients(
    grad: Tensor, rows: Tensor, columns: Tensor, winners: Tensor, of_rows: bool, of_columns: bool
) -> tuple[Tensor | None, Tensor | None]:
    """The gradients for rows `(b, e, n, c)` and columns `(b, c, p)`; winners and grad are `(b, e, p)`."""
    b, e, n, c = shape_of(rows)
    first = torch.arange(0, e * n, n, device=device_of(winners))
    to_rows, to_columns = gradients_of_groups(
        grad, rows.reshape(b, e * n, c), columns, winners, first, of_rows, of_columns
    )
    return None if to_rows is None else to_rows.reshape(b, e, n, c), to_columns


def gradients_of_groups(
    grad: Tensor,
    rows: Tensor,
    columns: Tensor,
    winners: Tensor,
    first: Tensor,
    of_rows: bool,
    of_columns: bool,
) -> tuple[Tensor | None, Tensor | None]:
    """The same for rows `(b, r, c)` in groups, each with its first row in `first`, `(e,)`.

    They come from some positions at a time. Many add up, so half precision is too short for that. A worker
    has samples and channels of its own, and adds in the order of positions: the sums are the same with any
    number of workers.
    """
    b, _, c = shape_of(rows)
    dtype = torch.float64 if dtype_of(rows) == torch.float64 else torch.float32
    to_rows = _zeros_like_rows(rows, columns, dtype) if of_rows else None
    to_columns = torch.zeros_like(columns, dtype=dtype) if of_columns else None
    workers = worker_count(grad, rows, columns)

    def add(every: Iterator[Share]) -> None:
        for sample, channels in every:
            _add_share(
                grad[sample],
                rows[sample, :, channels],
                columns[sample, channels],
                winners[sample],
                first,
                dtype,
                None if to_rows is None else to_rows[sample, :, channels],
                None if to_columns is None else to_columns[sample, channels],
            )

    share(add, _shares(b, c, workers), workers)
    return (
        None if to_rows is None else to_rows.to(dtype_of(rows)),
        None if to_columns is None else to_columns.to(dtype_of(columns)),
    )


def _shares(b: int, c: int, workers: int) -> Iterator[Share]:
    """Samples, divided by channels where there are fewer than workers."""
    parts = min(-(-workers // max(1, b)), max(1, c // LEAST_CHANNELS))
    width = max(1, -(-c // parts))
    for sample in range(b):
        for first in range(0, c, width):
            yield sample, slice(first, first + width)


def _add_share(
    grad: Tensor,
    rows: Tensor,
    columns: Tensor,
    winners: Tensor,
    first: Tensor,
    dtype: torch.dtype,
    to_rows: Tensor | None,
    to_columns: Tensor | None,
) -> None:
    """Add the gradients of one sample: rows are `(r, c)`, columns `(c, p)`, winners and grad `(e, p)`."""
    c, p = shape_of(columns)
    most = max(1, sizes.numbers_in_cache(rows) // max(1, c))
    add = _add_by_channel if _is_by_channel(rows, columns) else _add_by_row
    for _, at_e, at_p in sizes.slices((1, len(first), p), p, most):
        winner, weight = winners[at_e, at_p] + first[at_e].unsqueeze(1), grad[at_e, at_p].to(dtype)
        if to_columns is not None:
            to_columns[:, at_p] += _weighted_rows(rows, winner, weight)
        if to_rows is not None:
            add(to_rows, winner.flatten(), columns[:, at_p], weight)


def _is_by_channel(rows: Tensor, columns: Tensor) -> bool:
    """Whether the gradient of rows `(…, r, c)` has a channel's numbers side by side.

    They are few for columns `(…, c, p)` then, which are added as they lie.
    """
    return device_of(rows).type == "cpu" and shape_of(rows)[-2] <= shape_of(columns)[-1]


def _zeros_like_rows(rows: Tensor, columns: Tensor, dtype: torch.dtype) -> Tensor:
    b, r, c = shape_of(rows)
    if _is_by_channel(rows, columns):
        return rows.new_zeros(b, c, r, dtype=dtype).transpose(1, 2)
    return rows.new_zeros(b, r, c, dtype=dtype)


def _add_by_channel(to_rows: Tensor, winner: Tensor, columns: Tensor, weight: Tensor) -> None:
    """Add columns `(c, p)` times their gradients `(e, p)` to the winning rows."""
    some = (columns.unsqueeze(1) * weight).flatten(1)
    to_rows.t().scatter_add_(1, winner.expand(shape_of(some)), some)


def _add_by_row(to_rows: Tensor, winner: Tensor, columns: Tensor, weight: Tensor) -> None:
    """The same for rows that lie side by side, and columns laid out anew as they do."""
    some = columns.t().contiguous() * weight.unsqueeze(2)
    to_rows.index_add_(0, winner, some.flatten(0, 1))


def _weighted_rows(rows: Tensor, winner: Tensor, weight: Tensor) -> Tensor:
    """The sum over `e` of the winning rows times their gradients: `(c, p)`."""
    e, p = shape_of(winner)
    if e == 1 and len(rows) <= p:  # few rows are turned faster than what is chosen
        return rows.t().contiguous().index_select(1, winner[0]) * weight
    parts = rows.index_select(0, winner.flatten()).view(e, p, -1) * weight.unsqueeze(2)
    return (parts.squeeze(0) if e == 1 else parts.sum(0)).t()


def differentiable_gradients(
    grad: Tensor, rows: Tensor, columns: Tensor, winners: Tensor
) -> tuple[Tensor, Tensor]:
    """The same gradients, from all positions at once and without writing twice: what transforms ask for."""
    b, e, n, c = shape_of(rows)
    weight = grad.unsqueeze(-1)
    to_columns = (weight * chosen(rows, winners)).sum(1).transpose(1, 2)
    parts = (weight * columns.transpose(1, 2).unsqueeze(1)).flatten(0, 2)
    to_rows = rows.new_zeros(b * e * n, c).index_add(0, _flat(winners, n), parts)
    return to_rows.reshape(b, e, n, c), to_columns


def chosen(rows: Tensor, winners: Tensor) -> Tensor:
    """The winning row of each position: `(b, e, p, c)`."""
    _, _, n, c = shape_of(rows)
    found = rows.reshape(-1, c).index_select(0, _flat(winners, n))
    return found.reshape(*shape_of(winners), c)


def _flat(winners: Tensor, n: int) -> Tensor:
    """Rows of each group as rows of all groups, one after another."""
    b, e, _ = shape_of(winners)
    groups = torch.arange(b * e, device=device_of(winners)).reshape(b, e, 1)
    return (winners + groups * n).flatten()
