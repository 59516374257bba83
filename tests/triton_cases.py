"""The kernel in Triton's interpreter: `python triton_cases.py FILE` runs every case and records how it went.

Triton reads its variable when it is first imported, so this is a process of its own, which
`test_maximum_triton.py` starts. Where there is a GPU, that file runs the same cases on it.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from random import Random

import torch
from torch import Tensor

from typed_einsum import einsum
from typed_einsum.contraction import maximum, maximum_triton

CASES: dict[str, Callable[[str], None]] = {}


def case(function: Callable[[str], None]) -> Callable[[str], None]:
    """Put a function of a device among the cases."""
    CASES[function.__name__.replace("_", " ")] = function
    return function


def by_definition(rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """Values and winners, one dot product after another. NaN beats all, the first of equals wins."""
    b, e, n, c = rows.shape
    p = columns.shape[2]
    best, winners = torch.empty(b, e, p), torch.empty(b, e, p, dtype=torch.int32)
    left, right = rows.double().tolist(), columns.double().tolist()
    for i, j, k in product(range(b), range(e), range(p)):
        found, winner = -float("inf"), 0
        for row in range(n):
            value = sum(left[i][j][row][channel] * right[i][channel][k] for channel in range(c))
            if value > found or (value != value and found == found):
                found, winner = value, row
        best[i, j, k], winners[i, j, k] = found, winner
    return best, winners


def whole(shape: tuple[int, ...], device: str, dtype: torch.dtype = torch.float32) -> Tensor:
    """Small whole numbers: sums are exact in every dtype, and there are many ties."""
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randint(-3, 4, shape, generator=generator).to(device, dtype)


def agree(rows: Tensor, columns: Tensor) -> None:
    """The kernel's values and winners are those of the definition."""
    best, winners = maximum_triton.largest_with_rows(rows, columns)
    wanted, of_wanted = by_definition(rows, columns)
    torch.testing.assert_close(best.float().cpu(), wanted, rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(winners.cpu(), of_wanted, rtol=0, atol=0)
    alone = maximum_triton.largest(rows, columns)
    torch.testing.assert_close(alone, best, rtol=0, atol=0, equal_nan=True)


def some_shapes() -> Iterator[tuple[int, int, int, int, int]]:
    """`b e n c p`, none a multiple of a block, one of each larger than a block."""
    yield from [
        (2, 3, 5, 7, 11),
        (1, 1, 1, 1, 1),
        (1, 2, 67, 3, 5),
        (2, 1, 3, 35, 4),
        (1, 2, 4, 3, 70),
        (1, 1, 130, 33, 66),
    ]


@case
def many_shapes(device: str) -> None:
    for b, e, n, c, p in some_shapes():
        agree(whole((b, e, n, c), device), whole((b, c, p), device))


@case
def half_precision(device: str) -> None:
    # The interpreter multiplies the bits of bfloat16 as if they were whole numbers.
    for dtype in (torch.float16, torch.bfloat16) if device == "cuda" else (torch.float16,):
        agree(whole((2, 2, 9, 5), device, dtype), whole((2, 5, 6), device, dtype))


@case
def strided_and_expanded_operands(device: str) -> None:
    rows = whole((5, 9, 3, 2), device).permute(3, 2, 1, 0)  # b e n c
    columns = whole((6, 5), device).t().expand(2, 5, 6)
    assert not rows.is_contiguous()
    assert columns.stride(0) == 0
    agree(rows, columns)


@case
def numbers_that_are_none(device: str) -> None:
    rows, columns = whole((1, 2, 70, 4), device), whole((1, 4, 6), device)
    rows[0, 0, 66, 1] = float("nan")
    rows[0, 1, 3, :] = float("inf")
    columns[0, :, 2] = -float("inf")
    agree(rows, columns)


@case
def nothing_but_minus_infinity(device: str) -> None:
    agree(torch.full((1, 1, 3, 1), -float("inf"), device=device), torch.ones(1, 1, 2, device=device))


@case
def random_shapes(device: str) -> None:
    random = Random(0)
    for _ in range(12):
        b, e, n, c, p = (random.randrange(1, limit) for limit in (3, 3, 80, 40, 9))
        agree(whole((b, e, n, c), device), whole((b, c, p), device))


@case
def the_door_and_its_gradients(device: str) -> None:
    """`einsum` with `max=` and the kernel in place of tiles, against the plain formulation."""
    fused, small = maximum_triton.is_fused, maximum.SMALL
    maximum_triton.is_fused = lambda rows, columns: True
    maximum.SMALL = 0
    launched: list[int] = []
    launch = maximum_triton._launch
    maximum_triton._launch = lambda *arguments: (launched.append(1), launch(*arguments))[1]
    try:
        image = torch.randn(2, 3, 4, 5, 6, device=device).requires_grad_()
        texts = torch.randn(2, 70, 3, 4, device=device).requires_grad_()
        best = einsum("b m c h w, b n m c -> b m h w", image, texts, max="n")
    finally:
        maximum_triton.is_fused, maximum.SMALL, maximum_triton._launch = fused, small, launch
    assert launched == [1]
    wanted = torch.einsum("bmchw,bnmc->bmhwn", image, texts).max(-1).values
    torch.testing.assert_close(best, wanted)
    weight = torch.randn_like(best)
    ours = torch.autograd.grad(best, (image, texts), weight)
    theirs = torch.autograd.grad(wanted, (image, texts), weight)
    torch.testing.assert_close(ours, theirs)


@case
def a_false_claim(device: str) -> None:
    rows, columns = whole((1, 1, 5, 3), device), whole((1, 3, 4), device)
    agree(rows, columns)
    winners = maximum_triton.largest_with_rows(rows, columns)[1]
    assert bool((winners == 17).all()), "a false claim"


def main(target: Path, device: str) -> None:
    """Run all, and record how each went."""
    record = {}
    for name, run in CASES.items():
        try:
            run(device)
            record[name] = "passed"
        except Exception:
            record[name] = traceback.format_exc()
    target.write_text(json.dumps(record), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), "cpu")
