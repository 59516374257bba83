"""The largest of many dot products, without the tensor of all of them.

`max_n Σ_c rows[b, e, n, c] · columns[b, c, p]` is what `max=` asks for: the best text of a vocabulary for
each pixel, the best token of a document for each token of a query. The products come in tiles that fit into
a processor's cache, and of each tile only its maximum is kept; on a GPU one kernel does both. What the
backward pass needs is the winner of each position, its row as one number: gradients go to winners alone, so
nothing is multiplied a second time.

In half precision an answer overflows only if it does not fit itself: a product too large is the maximum, and
one too small never is.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from typed_einsum.contraction.maximum import fused, tiles
from typed_einsum.contraction.maximum.gradients import chosen, differentiable_gradients, gradients
from typed_einsum.contraction.maximum.tiles import all_products, least
from typed_einsum.contraction.maximum.tracing import is_recorded, is_traced, is_transformed
from typed_einsum.tensors import device_of, dtype_of, have_symbolic_sizes, shape_of

SMALL, SMALL_IN_TRAINING = 2**16, 2**20
"""Up to so many products it is faster to make them all."""


def best_products(
    rows: Tensor,
    columns: Tensor,
    allowed_rows: Tensor | None = None,
    allowed_columns: Tensor | None = None,
) -> Tensor:
    """For rows `(b, e, n, c)` and columns `(b, c, p)`, the largest product over `n`: `(b, e, p)`.

    Gradients go to the winning row alone, the first one of equals, as with `Tensor.max`. Masks `(b, e, n)`
    and `(b, p)` tell which rows and columns take part; where none does, the result is 0.
    """
    if allowed_rows is None and allowed_columns is None:
        return _best(rows, columns, None)
    chooses = []
    if allowed_columns is not None:
        chooses.append(allowed_columns.unsqueeze(1))
        if _is_differentiated(rows, columns):  # 0 times NaN is NaN
            columns = columns.masked_fill(~chooses[0], 0)
    if allowed_rows is not None:
        some = allowed_rows.any(2, keepdim=True)
        chooses.append(some)
        if _is_differentiated(rows, columns) and (is_recorded() or not bool(some.all())):
            rows = rows.masked_fill(~allowed_rows.unsqueeze(3), 0)
    best = _best(rows, columns, allowed_rows)
    for choice in chooses:
        best = best.masked_fill(~choice, 0)
    return best


def _best(rows: Tensor, columns: Tensor, allowed: Tensor | None) -> Tensor:
    # Tiles of symbolic sizes would be followed one by one.
    is_symbolic = not is_traced() and have_symbolic_sizes((rows, columns))
    if is_traced() or is_symbolic or (allowed is not None and is_recorded()):
        return _all_at_once(rows, columns, allowed, with_row=_is_differentiated(rows, columns))
    differentiated = _is_differentiated(rows, columns)
    if not _can_stream(rows, columns, SMALL_IN_TRAINING if differentiated else SMALL):
        return _all_at_once(rows, columns, allowed, with_row=differentiated)
    rows, columns = _autocast(rows), _autocast(columns)
    if not differentiated:
        return largest(rows, columns, allowed)
    best: Tensor = BestProducts.apply(rows, columns, allowed)[0]  # type: ignore[no-untyped-call]
    return best


def _autocast(operand: Tensor) -> Tensor:
    """The operand as autocast would give it to a matrix product; double precision stays what it is."""
    device = device_of(operand).type
    if not torch.is_autocast_enabled(device) or dtype_of(operand) == torch.float64:
        return operand
    return operand.to(torch.get_autocast_dtype(device))


def _is_differentiated(rows: Tensor, columns: Tensor) -> bool:
    """Whether a derivative may be asked for: backward, forward, or by a transform of `torch.func`."""
    return _requires_grad(rows, columns) or forward_ad._current_level >= 0 or is_transformed()


def _requires_grad(rows: Tensor, columns: Tensor) -> bool:
    return torch.is_grad_enabled() and (rows.requires_grad or columns.requires_grad)


def _can_stream(rows: Tensor, columns: Tensor, small: int) -> bool:
    """Whether tiles pay: real numbers, of which there would be many."""
    return _products(rows, columns) > small and dtype_of(rows).is_floating_point and not rows.is_meta


def _products(rows: Tensor, columns: Tensor) -> int:
    b, e, n, _ = shape_of(rows)
    return b * e * n * shape_of(columns)[2]


def largest(rows: Tensor, columns: Tensor, allowed: Tensor | None = None) -> Tensor:
    """The best products, in one kernel of a GPU or in tiles."""
    if allowed is None and fused.is_fused(rows, columns):
        return fused.largest(rows, columns)
    return tiles.largest(rows, columns, allowed)


def largest_with_rows(rows: Tensor, columns: Tensor, allowed: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The best products and their rows, the first one of equals."""
    if allowed is None and fused.is_fused(rows, columns):
        return fused.largest_with_rows(rows, columns)
    return tiles.largest_with_rows(rows, columns, allowed)


def _all_at_once(rows: Tensor, columns: Tensor, allowed: Tensor | None, *, with_row: bool) -> Tensor:
    """The plain formulation. A gradient needs the row: that of `amax` is spread over equals."""
    if allowed is not None and with_row:
        rows = rows.masked_fill(~allowed.unsqueeze(3), 0)
    products = all_products(rows, columns)
    if allowed is not None:
        products = torch.where(allowed.unsqueeze(3), products, least(dtype_of(products)))
    return products.max(2).values if with_row else products.amax(2)


class BestProducts(torch.autograd.Function):
    """`best_products` with a derivative that visits the winners alone."""

    @staticmethod
    def forward(rows: Tensor, columns: Tensor, allowed: Tensor | None) -> tuple[Tensor, Tensor]:
        """The best products, and the winners."""
        return largest_with_rows(rows, columns, allowed)

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Tensor, Tensor, Tensor | None], output: tuple[Tensor, Tensor]
    ) -> None:
        """Keep the operands and the winners."""
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(*inputs[:2], output[1])
        ctx.save_for_forward(*inputs[:2], output[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Any) -> tuple[Tensor | None, Tensor | None, None]:
        """To each winning row its column times the gradient, and the other way round."""
        if torch.is_grad_enabled() or is_transformed():
            return *differentiable_gradients(grad, *ctx.saved_tensors), None
        return *gradients(grad, *ctx.saved_tensors, *ctx.needs_input_grad[:2]), None

    @staticmethod
    def jvp(
        ctx: Any, rows_tangent: Tensor | None, columns_tangent: Tensor | None, _: None
    ) -> tuple[Tensor, None]:
        """The change of the winning products."""
        rows, columns, winners = ctx.saved_tensors
        change = columns.new_zeros(shape_of(winners))
        if rows_tangent is not None:
            moved = chosen(rows_tangent, winners)
            change = change + (moved * columns.transpose(1, 2).unsqueeze(1)).sum(-1)
        if columns_tangent is not None:
            moved = columns_tangent.transpose(1, 2).unsqueeze(1)
            change = change + (chosen(rows, winners) * moved).sum(-1)
        return change, None

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, int | None, None], rows: Tensor, columns: Tensor, _: None
    ) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
        """One more batch axis, merged into the first."""
        size = info.batch_size
        each = [
            tensor.expand(size, *shape_of(tensor)) if dim is None else tensor.movedim(dim, 0)
            for tensor, dim in zip((rows, columns), in_dims[:2], strict=True)
        ]
        merged = (tensor.flatten(0, 1) for tensor in each)
        best, winners = BestProducts.apply(*merged, None)  # type: ignore[no-untyped-call]
        return (best.unflatten(0, (size, -1)), winners.unflatten(0, (size, -1))), (0, 0)
