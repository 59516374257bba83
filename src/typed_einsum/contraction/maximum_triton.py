"""The largest of many dot products on a GPU, in one kernel: the products never leave the chip.

What `maximum_tiles` does in tiles, whose products a GPU would write to its memory and read again.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from typed_einsum.tensors import device_of, dtype_of, shape_of

DTYPES = frozenset({torch.float32, torch.float16, torch.bfloat16})
"""Sums are in single precision. Double precision goes through tiles."""

BLOCK_N, BLOCK_C, BLOCK_P = 64, 32, 64
"""Rows, channels and columns that a program multiplies at once: 16 of each at least. Not tuned."""


def is_fused(rows: Tensor, columns: Tensor) -> bool:
    """Whether the kernel takes these operands: on a GPU, in these dtypes, and no subclass of a tensor."""
    return (
        device_of(rows).type == "cuda"
        and dtype_of(rows) in DTYPES
        and dtype_of(columns) == dtype_of(rows)
        and {type(rows), type(columns)} <= {Tensor, nn.Parameter}
        and _has_triton()
    )


@lru_cache(maxsize=1)
def _has_triton() -> bool:
    return find_spec("triton") is not None


def largest(rows: Tensor, columns: Tensor) -> Tensor:
    """The best products alone, for rows `(b, e, n, c)` and columns `(b, c, p)`: `(b, e, p)`."""
    best = rows.new_empty(_shape(rows, columns))
    _launch(rows, columns, best, None)
    return best


def largest_with_rows(rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """The best products and their rows, the first one of equals."""
    best = rows.new_empty(_shape(rows, columns))
    winners = torch.empty_like(best, dtype=torch.int32)
    _launch(rows, columns, best, winners)
    return best, winners


def _shape(rows: Tensor, columns: Tensor) -> tuple[int, int, int]:
    b, e, _, _ = shape_of(rows)
    return b, e, shape_of(columns)[2]


def _launch(rows: Tensor, columns: Tensor, best: Tensor, winners: Tensor | None) -> None:
    from typed_einsum.contraction.maximum_kernel import best_products_kernel

    b, e, n, c = shape_of(rows)
    p = shape_of(columns)[2]
    precise = dtype_of(rows) != torch.float32 or not torch.backends.cuda.matmul.allow_tf32
    best_products_kernel[(b * e * -(-p // BLOCK_P),)](
        rows,
        columns,
        best,
        best if winners is None else winners,
        e,
        n,
        c,
        p,
        *rows.stride(),
        *columns.stride(),
        WITH_WINNERS=winners is not None,
        PRECISION="ieee" if precise else "tf32",
        BLOCK_N=BLOCK_N,
        BLOCK_C=BLOCK_C,
        BLOCK_P=BLOCK_P,
    )
