"""The largest of many dot products on a GPU, in one kernel: the products never leave the chip.

`tiles` gives the same result, but a GPU would write the products of a tile to its memory and read them again.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from typed_einsum.tensors import device_of, dtype_of, shape_of

DTYPES = frozenset({torch.float32, torch.float16, torch.bfloat16})
"""Sums are in single precision. Double precision goes through tiles."""

BLOCK_N, BLOCK_C, BLOCK_P = 64, 32, 64
"""Rows, channels and columns that a program multiplies at once, at most. Not tuned."""

LEAST_BLOCK = 16
"""Matrix units multiply no smaller blocks."""

LEAST_PROGRAMS = 64
"""With fewer programs most of a GPU is idle, as each multiplies all rows; tiles are faster then."""

LEAST_CAPABILITY = (8, 0)
"""Triton leaves the matrix units of older GPUs unused, which torch does not."""


def is_fused(rows: Tensor, columns: Tensor) -> bool:
    """Whether the kernel takes these operands: on a GPU, in these dtypes, and enough blocks of them.

    A kernel would bypass the operations of a tensor's subclass.
    """
    device, dtype = device_of(rows), dtype_of(rows)
    return (
        device.type == "cuda"
        and device_of(columns) == device
        and dtype in DTYPES
        and dtype_of(columns) == dtype
        and {type(rows), type(columns)} <= {Tensor, nn.Parameter}
        and _programs(rows, columns) >= LEAST_PROGRAMS
        and _is_built_for(device, dtype)
    )


@lru_cache(maxsize=256)
def _is_built_for(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether a first, tiny product succeeds: what Triton needs may be missing, and tiles need none of it."""
    if find_spec("triton") is None or torch.cuda.get_device_capability(device) < LEAST_CAPABILITY:
        return False
    ones = torch.ones(1, 1, 2, 3, device=device, dtype=dtype)
    try:
        largest(ones, ones[0].transpose(1, 2))
    # No compiler, no headers, an old driver: each has an error of its own kind.
    except Exception as problem:
        why = str(problem).partition("\n")[0].rstrip(".")
        warnings.warn(
            f"max= goes without its fused kernel on {device}: Triton fails to build it for {dtype} "
            f"({type(problem).__name__}: {why}). Results are the same, but slower. Triton needs a C compiler "
            "and the headers of Python.",
            RuntimeWarning,
            stacklevel=2,
        )
        return False
    return True


def largest(rows: Tensor, columns: Tensor) -> Tensor:
    """The best products alone, for rows `(b, e, n, c)` and columns `(b, c, p)`: `(b, e, p)`."""
    best = rows.new_empty(_shape(rows, columns))
    _launch(rows, columns, best, None)
    return best


def largest_with_rows(rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """The best products and their rows, the first one of equals.

    Products are compared in single precision, so in half precision the row is the best one even where
    several round to the same number.
    """
    best = rows.new_empty(_shape(rows, columns))
    winners = torch.empty_like(best, dtype=torch.int32)
    _launch(rows, columns, best, winners)
    return best, winners


def _shape(rows: Tensor, columns: Tensor) -> tuple[int, int, int]:
    b, e, _, _ = shape_of(rows)
    return b, e, shape_of(columns)[2]


def _block(size: int, most: int) -> int:
    """The smallest block for this size: powers of two, as Triton asks for."""
    return min(most, max(LEAST_BLOCK, 1 << (size - 1).bit_length()))


def _programs(rows: Tensor, columns: Tensor) -> int:
    """One for each group of rows and block of columns."""
    b, e, p = _shape(rows, columns)
    return b * e * -(-p // _block(p, BLOCK_P))


def _precision(dtype: torch.dtype) -> str:
    """The precision of `tl.dot`: for float32 that of torch's own setting.

    Torch refuses to read `allow_tf32` once `fp32_precision` was set.
    """
    matmul = torch.backends.cuda.matmul
    setting = getattr(matmul, "fp32_precision", None)  # since torch 2.9
    reduced = matmul.allow_tf32 if setting is None else setting == "tf32"
    return "tf32" if dtype == torch.float32 and reduced else "ieee"


def _launch(rows: Tensor, columns: Tensor, best: Tensor, winners: Tensor | None) -> None:
    from typed_einsum.contraction.maximum.kernel import best_products_kernel

    _, e, n, c = shape_of(rows)
    p = shape_of(columns)[2]
    # A lazily negated tensor has its sign in a flag, which a kernel that reads memory does not see.
    rows, columns = rows.resolve_neg(), columns.resolve_neg()
    with torch.cuda.device_of(rows):  # type: ignore[no-untyped-call]
        best_products_kernel[(_programs(rows, columns),)](
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
            PRECISION=_precision(dtype_of(rows)),
            BLOCK_N=_block(n, BLOCK_N),
            BLOCK_C=_block(c, BLOCK_C),
            BLOCK_P=_block(p, BLOCK_P),
            enable_fp_fusion=True,  # the same in every version of Triton
        )
