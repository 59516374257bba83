"""The Triton kernel: the products of one block of columns with all rows, of which the largest are kept.

A module of its own, because importing it needs Triton.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def best_products_kernel(
    rows,
    columns,
    best,
    winners,
    groups,  # e
    n,
    c,
    p,
    row_b,
    row_e,
    row_n,
    row_c,
    column_b,
    column_c,
    column_p,
    WITH_WINNERS: tl.constexpr,
    PRECISION: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_C: tl.constexpr,
    BLOCK_P: tl.constexpr,
):
    """One program: one group of one sample, and `BLOCK_P` columns."""
    blocks = tl.cdiv(p, BLOCK_P)
    program = tl.program_id(0).to(tl.int64)
    group = program // blocks
    sample = group // groups
    rows += sample * row_b + (group % groups) * row_e
    columns += sample * column_b
    at_p = (program % blocks) * BLOCK_P + tl.arange(0, BLOCK_P)
    in_p = at_p < p
    top = tl.full((BLOCK_P,), float("-inf"), tl.float32)
    winner = tl.zeros((BLOCK_P,), tl.int32)
    for start in range(0, n, BLOCK_N):
        at_n = start + tl.arange(0, BLOCK_N)
        in_n = at_n < n
        products = tl.zeros((BLOCK_N, BLOCK_P), tl.float32)
        for first in range(0, c, BLOCK_C):
            at_c = first + tl.arange(0, BLOCK_C)
            in_c = at_c < c
            left = tl.load(
                rows + at_n[:, None].to(tl.int64) * row_n + at_c[None, :].to(tl.int64) * row_c,
                mask=in_n[:, None] & in_c[None, :],
                other=0.0,
            )
            right = tl.load(
                columns + at_c[:, None].to(tl.int64) * column_c + at_p[None, :] * column_p,
                mask=in_c[:, None] & in_p[None, :],
                other=0.0,
            )
            products = tl.dot(left, right, products, input_precision=PRECISION)
        # NaN beats everything, as with torch's maximum; comparisons alone would lose it.
        missing = (products != products) & in_n[:, None]
        numbers = tl.where(in_n[:, None] & (products == products), products, float("-inf"))
        here = tl.max(numbers, axis=0)
        row = tl.argmax(numbers, axis=0)  # the first of equals
        is_missing = tl.max(missing.to(tl.int32), axis=0) > 0
        here = tl.where(is_missing, float("nan"), here)
        row = tl.where(is_missing, tl.argmax(missing.to(tl.int32), axis=0), row)
        beaten = ((here > top) | is_missing) & (top == top)
        winner = tl.where(beaten, row + start, winner)
        top = tl.where(beaten, here, top)
    tl.store(best + group * p + at_p, top.to(best.dtype.element_ty), mask=in_p)
    if WITH_WINNERS:
        tl.store(winners + group * p + at_p, winner, mask=in_p)
