"""The fused maximum on a GPU: `python benchmarks/cuda.py` measures it, and fills docs/maximum.md.

One kernel beside the product and its maximum as two steps of torch, interleaved in one process, timed with
CUDA events; medians and ratios. The largest size has several gigabytes of products. Where there is no
device, it says so and ends with status 2; nothing is written.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from pages import fill, table
from torch import Tensor

from typed_einsum import einsum

HERE = Path(__file__).parent
RECORD = HERE / "cuda.json"
PAGE = HERE.parent / "docs" / "maximum.md"
ROUNDS = 50
SIZES = {
    "YOLO-World, fine level, 80 texts": {"b": 8, "m": 2, "c": 32, "h": 80, "w": 80, "n": 80},
    "YOLO-World, fine level, 1,203 texts": {"b": 8, "m": 2, "c": 32, "h": 80, "w": 80, "n": 1203},
    "the same, 32 images": {"b": 32, "m": 2, "c": 32, "h": 80, "w": 80, "n": 1203},
}
DTYPES = (torch.float32, torch.float16)


def fused(image: Tensor, texts: Tensor) -> Tensor:
    return einsum("b m c h w, b n m c -> b m h w", image, texts, max="n")


def two_steps(image: Tensor, texts: Tensor) -> Tensor:
    return torch.einsum("bmchw,bnmc->bmhwn", image, texts).amax(-1)


def two_steps_with_winner(image: Tensor, texts: Tensor) -> Tensor:
    """For training: the gradient of `amax` would be spread over equals."""
    return torch.einsum("bmchw,bnmc->bmhwn", image, texts).max(-1).values


def milliseconds(work: Callable[[], object]) -> float:
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    work()
    end.record()
    torch.cuda.synchronize()
    return begin.elapsed_time(end)


def peak(work: Callable[[], object]) -> int:
    """Bytes that the work needs at once, beyond what was there."""
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    work()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def trained(function: Callable[[Tensor, Tensor], Tensor], image: Tensor, texts: Tensor) -> None:
    image.grad = texts.grad = None
    function(image, texts).sum().backward()


def measured(sizes: dict[str, int], dtype: torch.dtype) -> dict[str, Any]:
    """One size: medians of both in milliseconds, and their peaks."""
    b, m, c, h, w, n = (sizes[name] for name in "bmchwn")
    image = torch.randn(b, m, c, h, w, device="cuda", dtype=dtype)
    texts = torch.randn(b, n, m, c, device="cuda", dtype=dtype)
    torch.testing.assert_close(fused(image, texts), two_steps(image, texts), rtol=1e-2, atol=1e-2)
    works: dict[str, Callable[[], object]] = {
        "fused": lambda: fused(image, texts),
        "torch": lambda: two_steps(image, texts),
    }
    learnt = [tensor.clone().requires_grad_() for tensor in (image, texts)]
    works["fused, trained"] = lambda: trained(fused, *learnt)
    works["torch, trained"] = lambda: trained(two_steps_with_winner, *learnt)
    times: dict[str, list[float]] = {name: [] for name in works}
    for number in range(ROUNDS + 3):
        for name, work in works.items():
            taken = milliseconds(work)
            if number >= 3:
                times[name].append(taken)
    return {
        "milliseconds": {name: median(taken) for name, taken in times.items()},
        "peak": {name: peak(work) for name, work in works.items()},
        "products": b * m * h * w * n * image.element_size(),
    }


def tables(record: dict[str, Any] | None) -> dict[str, str]:
    """What stands on the page, measured or not."""
    if record is None:
        return {"cuda": "Not measured: no GPU was at hand."}
    rows = []
    for name, found in record["sizes"].items():
        times, peaks = found["milliseconds"], found["peak"]
        rows.append(
            [
                name,
                f"{found['products'] / 1e9:.2f} GB",
                f"{times['fused']:.2f} ms",
                f"{times['torch'] / times['fused']:.1f}",
                f"{times['torch, trained'] / times['fused, trained']:.1f}",
                f"{peaks['torch'] / max(1, peaks['fused']):.0f}",
            ]
        )
    header = ["size", "all products", "one kernel", "times faster", "in training", "times less memory"]
    return {"cuda": f"{record['device']}, torch {record['torch']}.\n\n{table(header, rows)}"}


def main() -> int:
    """Measure, where there is a device."""
    if not torch.cuda.is_available():
        print("benchmarks/cuda.py: there is no CUDA device here, so nothing was measured", file=sys.stderr)
        return 2
    sizes = {
        f"{name}, {str(dtype).removeprefix('torch.')}": measured(size, dtype)
        for name, size in SIZES.items()
        for dtype in DTYPES
    }
    record = {"device": torch.cuda.get_device_name(), "torch": torch.__version__, "sizes": sizes}
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    fill(PAGE, tables(record))
    print(tables(record)["cuda"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
