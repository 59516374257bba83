"""The kernel in Triton's interpreter: `python triton_cases.py FILE` runs every case and records how it went.

Triton reads its variable when it is first imported, so this is a process of its own, which
`tests/test_maximum_triton.py` starts. Where there is a GPU, that file runs the same cases on it.
`python triton_cases.py FILE build` builds the kernel for GPUs instead, which needs none, and records what
the machine code does with memory.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import gpu

from typed_einsum import einsum, typed_einsum
from typed_einsum.contraction.maximum import fused, products, tiles

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
    """The kernel's values and winners are those of the definition, and of the tiles."""
    best, winners = fused.largest_with_rows(rows, columns)
    wanted, of_wanted = by_definition(rows, columns)
    torch.testing.assert_close(best.float().cpu(), wanted, rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(winners.cpu(), of_wanted, rtol=0, atol=0)
    tiled, of_tiled = tiles.largest_with_rows(rows.cpu(), columns.cpu())
    torch.testing.assert_close(best.cpu(), tiled, rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(winners.cpu(), of_tiled, rtol=0, atol=0)
    alone = fused.largest(rows, columns)
    torch.testing.assert_close(alone, best, rtol=0, atol=0, equal_nan=True)


@contextmanager
def in_place_of_tiles() -> Iterator[list[int]]:
    """The kernel for operands of any size on any device; the list counts its launches."""
    is_fused, launch = fused.is_fused, fused._launch
    small = products.SMALL, products.SMALL_IN_TRAINING
    launched: list[int] = []
    fused.is_fused = lambda rows, columns: True
    products.SMALL = products.SMALL_IN_TRAINING = 0
    fused._launch = lambda *arguments: (launched.append(1), launch(*arguments))[1]
    try:
        yield launched
    finally:
        fused.is_fused, fused._launch = is_fused, launch
        products.SMALL, products.SMALL_IN_TRAINING = small


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
def nothing_but_infinity(device: str) -> None:
    # Rows that only fill a block are zeros, and zero times infinity is NaN.
    agree(torch.ones(1, 1, 3, 1, device=device), torch.full((1, 1, 2), float("inf"), device=device))
    agree(torch.full((1, 1, 3, 1), -float("inf"), device=device), torch.ones(1, 1, 2, device=device))


@case
def random_shapes(device: str) -> None:
    random = Random(0)
    for _ in range(12):
        b, e, n, c, p = (random.randrange(1, limit) for limit in (3, 3, 80, 40, 9))
        agree(whole((b, e, n, c), device), whole((b, c, p), device))


@case
def numbers_that_are_not_whole(device: str) -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(2, 3, 75, 40, generator=generator).to(device)
    columns = torch.randn(2, 40, 21, generator=generator).to(device)
    best, winners = fused.largest_with_rows(rows, columns)
    wanted = torch.einsum("benc,bcp->benp", rows, columns).max(2)
    torch.testing.assert_close(best, wanted.values)
    torch.testing.assert_close(winners.long(), wanted.indices)


@case
def no_channels(device: str) -> None:
    agree(torch.ones(2, 1, 5, 0, device=device), torch.ones(2, 0, 3, device=device))


@case
def a_sign_that_is_owed(device: str) -> None:
    def negated(tensor: Tensor) -> Tensor:
        return torch.complex(torch.zeros_like(tensor), tensor).conj().imag

    rows, columns = whole((1, 2, 7, 3), device), whole((1, 3, 5), device)
    assert negated(rows).is_neg()
    agree(negated(rows), columns)
    agree(rows, negated(columns))


@case
def the_best_of_those_that_round_to_one_number(device: str) -> None:
    rows = torch.tensor([2048.0, 0.25, 2048.0, 0.75, 2048.0, 0.5], device=device, dtype=torch.float16)
    columns = torch.ones(1, 2, 1, device=device, dtype=torch.float16)
    best, winners = fused.largest_with_rows(rows.reshape(1, 1, 3, 2), columns)
    assert best.tolist() == [[[2048.0]]]
    assert winners.tolist() == [[[1]]]


@typed_einsum(max="n")
def best_text(
    image: Float[Tensor, "b m c h w"], texts: Float[Tensor, "b n m c"]
) -> Float[Tensor, "b m h w"]: ...


def by_equation(image: Tensor, texts: Tensor) -> Tensor:
    return einsum("b m c h w, b n m c -> b m h w", image, texts, max="n")


def doors(device: str, door: Callable[[Tensor, Tensor], Tensor]) -> None:
    """One door with the kernel in place of tiles, and its gradients, against the plain formulation."""
    image = torch.randn(2, 3, 4, 5, 6, device=device).requires_grad_()
    texts = torch.randn(2, 70, 3, 4, device=device).requires_grad_()
    wanted = torch.einsum("bmchw,bnmc->bmhwn", image, texts).max(-1).values
    weight = torch.randn_like(wanted)
    with in_place_of_tiles() as launched:
        best = door(image, texts)
        with torch.no_grad():
            alone = door(image, texts)
    assert launched == [1, 1]
    torch.testing.assert_close(best, wanted)
    torch.testing.assert_close(alone, wanted)
    ours = torch.autograd.grad(best, (image, texts), weight)
    theirs = torch.autograd.grad(wanted, (image, texts), weight)
    torch.testing.assert_close(ours, theirs)


@case
def an_equation_and_its_gradients(device: str) -> None:
    doors(device, by_equation)


@case
def a_signature_and_its_gradients(device: str) -> None:
    doors(device, best_text)


@case
def gradients_of_equals(device: str) -> None:
    """The first of equals takes all, as with `Tensor.max`; with these numbers there are many."""
    rows = whole((2, 1, 70, 3), device).requires_grad_()
    columns = whole((2, 3, 40), device).requires_grad_()
    wanted = torch.einsum("benc,bcp->benp", rows, columns).max(2).values
    with in_place_of_tiles() as launched:
        best = products.best_products(rows, columns)
    assert launched == [1]
    weight = whole(tuple(wanted.shape), device)
    ours, theirs = (torch.autograd.grad(each, (rows, columns), weight) for each in (best, wanted))
    torch.testing.assert_close(ours, theirs)


@case
def transforms(device: str) -> None:
    """Every sample on its own, forward and with gradients, by one launch each."""
    rows, columns = torch.randn(3, 2, 1, 70, 4, device=device), torch.randn(2, 4, 9, device=device)

    def plain(one: Tensor, other: Tensor) -> Tensor:
        return torch.einsum("benc,bcp->benp", one, other).max(2).values

    def mapped(function: Callable[[Tensor, Tensor], Tensor]) -> list[Tensor]:
        total = torch.func.grad(lambda one, other: function(one, other).square().sum())
        return [torch.func.vmap(each, (0, None))(rows, columns) for each in (function, total)]

    with in_place_of_tiles() as launched:
        ours = mapped(products.best_products)
    assert launched == [1, 1]
    torch.testing.assert_close(ours, mapped(plain))


@case
def precision_as_torch_was_told(device: str) -> None:
    matmul = torch.backends.cuda.matmul
    before = matmul.fp32_precision
    found: dict[str | tuple[str, str], str] = {}
    try:
        for setting in ("ieee", "tf32"):
            matmul.fp32_precision = setting
            found[setting] = fused._precision(torch.float32)
            found[setting, "half"] = fused._precision(torch.float16)
    finally:
        matmul.fp32_precision = before
    assert found == {"ieee": "ieee", ("ieee", "half"): "ieee", "tf32": "tf32", ("tf32", "half"): "ieee"}


@case
def the_benchmark(device: str) -> None:
    """All steps of the benchmark at small sizes; without a GPU, times and memory are made up."""
    kept = gpu.ROUNDS, gpu.milliseconds, gpu.peak
    gpu.ROUNDS = 2
    if device == "cpu":
        gpu.milliseconds = gpu.peak = without_gpu
    try:
        for work in (small(gpu.texts(2, 5), h=3, w=4), small(gpu.documents(5), a=2, q=3, d=6, k=7)):
            with in_place_of_tiles():
                found = gpu.measured(work, torch.float32, device)
            assert len(found["milliseconds"]) == len(found["peak"]) == 6
            assert found["products"] == 4 * work.products()
            assert gpu.ratio(found["milliseconds"], "torch") != "does not fit"
    finally:
        gpu.ROUNDS, gpu.milliseconds, gpu.peak = kept


def without_gpu(work: Callable[[], object]) -> int:
    work()
    return 7


def small(work: gpu.Work, **sizes: int) -> gpu.Work:
    return replace(work, sizes=work.sizes | sizes)


@case
def a_false_claim(device: str) -> None:
    rows, columns = whole((1, 1, 5, 3), device), whole((1, 3, 4), device)
    agree(rows, columns)
    winners = fused.largest_with_rows(rows, columns)[1]
    assert bool((winners == 17).all()), "a false claim"


def in_turn(device: str) -> dict[str, str]:
    """Run all, and say how each went."""
    record = {}
    for name, run in CASES.items():
        try:
            run(device)
            record[name] = "passed"
        except Exception:
            record[name] = traceback.format_exc()
    return record


def builds() -> dict[str, dict[str, int]]:
    """The kernel in machine code: its stores, what it spills to memory, and the memory of a block."""
    return {
        f"{dtype} {precision} {capability} {'winners' if winners else 'alone'}": built(
            dtype, precision, capability, winners
        )
        for dtype, precision, capability, winners in [
            ("fp32", "ieee", 80, True),
            ("fp32", "tf32", 90, True),
            ("fp16", "ieee", 80, False),
            ("bf16", "ieee", 90, True),
        ]
    }


def built(dtype: str, precision: str, capability: int, winners: bool) -> dict[str, int]:
    """The kernel for one dtype and GPU, in blocks of the greatest size."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from typed_einsum.contraction.maximum.kernel import best_products_kernel

    pointers = {"rows": f"*{dtype}", "columns": f"*{dtype}", "best": f"*{dtype}", "winners": "*i32"}
    constants = {
        "WITH_WINNERS": winners,
        "PRECISION": precision,
        "BLOCK_N": fused.BLOCK_N,
        "BLOCK_C": fused.BLOCK_C,
        "BLOCK_P": fused.BLOCK_P,
    }
    signature = {
        name: "constexpr" if name in constants else pointers.get(name, "i32")
        for name in best_products_kernel.arg_names
    }
    source: Any = ASTSource(best_products_kernel, signature, constants)
    kernel = triton.compile(source, GPUTarget("cuda", capability, 32), {"enable_fp_fusion": True})
    lines = kernel.asm["ptx"].splitlines()
    return {
        "stores": sum("st.global" in line for line in lines),
        "spills": sum("st.local" in line for line in lines),
        "matrix units": sum("mma" in line for line in lines),
        "shared": kernel.metadata.shared,
    }


if __name__ == "__main__":
    found = builds() if "build" in sys.argv else in_turn("cpu")
    Path(sys.argv[1]).write_text(json.dumps(found), encoding="utf-8")
