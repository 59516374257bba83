"""The fused maximum on a GPU: `python benchmarks/gpu.py` measures it, and fills docs/maximum.md.

The kernel, the tiles that it replaces, and the product and its maximum as two steps of torch take turns in
one process. Times are medians by CUDA events; peak memory is what a call had allocated at once beyond what
was there. The largest works have several gigabytes of products. Without a device, the script says so
and ends with status 2; nothing is written.

(Not named after CUDA: torch imports a package `cuda` where there is one, and would find this file.)
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from pages import fill, table
from torch import Tensor

from typed_einsum import einsum
from typed_einsum.contraction.maximum import fused

HERE = Path(__file__).parent
RECORD = HERE / "gpu.json"
PAGE = HERE.parent / "docs" / "maximum.md"
ROUNDS, WARM_UP = 50, 3
DTYPES = (torch.float32, torch.float16)

Call = Callable[[], object]


@dataclass(frozen=True)
class Work:
    """An equation in both spellings, and the sizes of its axes."""

    ours: str
    theirs: str
    largest: str
    sizes: dict[str, int]

    def operands(self, device: str, dtype: torch.dtype) -> list[Tensor]:
        shapes = [[self.sizes[axis] for axis in operand.split()] for operand in self.inputs()]
        return [torch.randn(shape, device=device, dtype=dtype) for shape in shapes]

    def inputs(self) -> list[str]:
        return self.ours.partition(" -> ")[0].split(", ")

    def products(self) -> int:
        """How many there are."""
        number = 1
        for axis in self.theirs.partition("->")[2]:
            number *= self.sizes[axis]
        return number

    def typed(self, *operands: Tensor) -> Tensor:
        return einsum(self.ours, *operands, max=self.largest)

    def two_steps(self, *operands: Tensor) -> Tensor:
        return torch.einsum(self.theirs, *operands).amax(-1)

    def two_steps_with_winner(self, *operands: Tensor) -> Tensor:
        """For training: the gradient of `amax` would be spread over equals."""
        return torch.einsum(self.theirs, *operands).max(-1).values


def texts(b: int, n: int) -> Work:
    """The finest level of YOLO-World: the best of n texts for each pixel of b images."""
    sizes = {"b": b, "m": 2, "c": 32, "h": 80, "w": 80, "n": n}
    return Work("b m c h w, b n m c -> b m h w", "bmchw,bnmc->bmhwn", "n", sizes)


def documents(n: int) -> Work:
    """MaxSim: the best token of each of n documents for each token of 16 queries."""
    sizes = {"a": 16, "q": 32, "d": 128, "n": n, "k": 180}
    return Work("a q d, n k d -> a n q", "aqd,nkd->anqk", "k", sizes)


WORKS = {
    "80 texts, 8 images": texts(8, 80),
    "1,203 texts, 8 images": texts(8, 1203),
    "1,203 texts, 96 images": texts(96, 1203),
    "16 queries, 20,000 documents": documents(20_000),
}


@contextmanager
def without_kernel() -> Iterator[None]:
    """Tiles, as where Triton is missing."""
    is_fused = fused.is_fused
    fused.is_fused = lambda rows, columns: False
    try:
        yield
    finally:
        fused.is_fused = is_fused


def in_tiles(function: Callable[..., object], *arguments: object) -> None:
    with without_kernel():
        function(*arguments)


def launches(work: Call) -> int:
    """How often the work starts the kernel."""
    launch, count = fused._launch, 0

    def counted(*operands: Any) -> None:
        nonlocal count
        count += 1
        launch(*operands)

    fused._launch = counted
    try:
        work()
    finally:
        fused._launch = launch
    return count


def milliseconds(work: Call) -> float:
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    work()
    end.record()
    torch.cuda.synchronize()
    return begin.elapsed_time(end)


def peak(work: Call) -> int:
    """Bytes that the work needs at once, beyond what was there."""
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    work()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def trained(function: Callable[..., Tensor], operands: list[Tensor]) -> None:
    result = function(*operands)
    torch.autograd.grad(result, operands, torch.ones_like(result))


def calls(work: Work, operands: list[Tensor]) -> dict[str, Call]:
    """Every contender, forward and in training."""
    learnt = [operand.clone().requires_grad_() for operand in operands]
    return {
        "kernel": lambda: work.typed(*operands),
        "tiles": lambda: in_tiles(work.typed, *operands),
        "torch": lambda: work.two_steps(*operands),
        "kernel, trained": lambda: trained(work.typed, learnt),
        "tiles, trained": lambda: in_tiles(trained, work.typed, learnt),
        "torch, trained": lambda: trained(work.two_steps_with_winner, learnt),
    }


def fitting(every: dict[str, Call]) -> tuple[dict[str, Call], dict[str, int | None]]:
    """The contenders that the memory is enough for, and the peaks; that of another is None."""
    peaks: dict[str, int | None] = {}
    for name, call in every.items():
        try:
            peaks[name] = peak(call)
        except torch.OutOfMemoryError:
            peaks[name] = None
    return {name: call for name, call in every.items() if peaks[name] is not None}, peaks


def measured(work: Work, dtype: torch.dtype, device: str = "cuda") -> dict[str, Any]:
    """One work: medians in milliseconds, and peaks in bytes."""
    operands = work.operands(device, dtype)
    every = calls(work, operands)
    every["kernel"]()  # where it is tried first, on next to nothing
    if not launches(every["kernel"]) or launches(every["tiles"]):
        raise SystemExit("benchmarks/gpu.py: the kernel is not used here; a warning above may say why")
    taking_part, peaks = fitting(every)
    if "torch" in taking_part:
        torch.testing.assert_close(work.typed(*operands), work.two_steps(*operands), rtol=1e-2, atol=1e-2)
    times: dict[str, list[float]] = {name: [] for name in taking_part}
    for _ in range(WARM_UP + ROUNDS):
        for name, call in taking_part.items():
            times[name].append(milliseconds(call))
    return {
        "milliseconds": {name: median(taken[WARM_UP:]) for name, taken in times.items()},
        "peak": peaks,
        "products": work.products() * operands[0].element_size(),
    }


def ratio(of: dict[str, Any], contender: str, trained: str = "") -> str:
    """How many times the kernel's, or that the memory is not enough."""
    ours, theirs = of[f"kernel{trained}"], of.get(f"{contender}{trained}")
    return "does not fit" if theirs is None else f"{theirs / max(ours, 1e-9):.1f}"


def tables(record: dict[str, Any] | None) -> dict[str, str]:
    """What stands on the page, measured or not."""
    if record is None:
        return {"cuda": "Not measured: there was no GPU."}
    header = ["work", "all products", "kernel", "torch", "tiles", "torch's peak"]
    header += ["trained: kernel", "torch", "torch's peak"]
    rows = []
    for name, found in record["works"].items():
        times, peaks = found["milliseconds"], found["peak"]
        forward = [f"{times['kernel']:.2f} ms", ratio(times, "torch"), ratio(times, "tiles")]
        training = [f"{times['kernel, trained']:.2f} ms", ratio(times, "torch", ", trained")]
        size = f"{found['products'] / 1e9:.2f} GB"
        peak, peak_trained = ratio(peaks, "torch"), ratio(peaks, "torch", ", trained")
        rows.append([name, size, *forward, peak, *training, peak_trained])
    told = (
        f"{record['device']}, torch {record['torch']}, Triton {record['triton']}, medians of "
        f"{record['rounds']} rounds. Of torch and tiles, how many times the kernel's time and peak memory."
    )
    return {"cuda": f"{told}\n\n{table(header, rows)}"}


def main() -> int:
    """Measure, where there is a device."""
    if not torch.cuda.is_available():
        print("benchmarks/gpu.py: there is no CUDA device here, so nothing was measured", file=sys.stderr)
        return 2
    import triton

    torch.manual_seed(0)
    works = {}
    for name, work in WORKS.items():
        for dtype in DTYPES:
            works[f"{name}, {str(dtype).removeprefix('torch.')}"] = measured(work, dtype)
            torch.cuda.empty_cache()
    record = {
        "device": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "triton": triton.__version__,
        "rounds": ROUNDS,
        "works": works,
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    fill(PAGE, tables(record))
    print(tables(record)["cuda"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
