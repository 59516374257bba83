"""A million wrong texts: `python benchmarks/fuzz.py` fills docs/robustness.md.

The texts and the doors are those of tests/fuzz/hostile.py, the record is fuzz.json. An error that is not ours
ends the run, with the seed of its text. Takes ten minutes.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import sys
import tracemalloc
import warnings
from pathlib import Path
from time import perf_counter
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch
from pages import fill, table

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "fuzz"))
import hostile  # noqa: E402

from typed_einsum import einsum  # noqa: E402
from typed_einsum.equation.reading import linted  # noqa: E402

RECORD = HERE / "fuzz.json"
PAGE = HERE.parent / "docs" / "robustness.md"
COUNTS = {
    "equations": 500_000,
    "calls of einsum": 100_000,
    "annotations": 200_000,
    "reductions": 50_000,
    "sizes": 200_000,
    "derivations": 20_000,
    "fences": 20_000,
    "the command": 10_000,
    "pytest": 5_000,
}
DISTINCT = 1_000_000
"""Equations through one process, to see what stays in memory."""


def memory_of_distinct_equations() -> list[int]:
    """Bytes that Python holds after each tenth of a million distinct equations."""
    held = []
    matrix = torch.ones(2, 3)
    tracemalloc.start()
    for number in range(DISTINCT):
        if number % 10:  # most are only read and linted; each tenth runs
            linted(f"b{number} c{number} -> c{number} b{number}")
        else:
            einsum(f"b{number} c{number} -> c{number} b{number}", matrix)
        if (number + 1) % (DISTINCT // 10) == 0:
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    return held


def measured(seed: int = 0) -> dict[str, Any]:
    """Try every door."""
    doors = {}
    for door, count in COUNTS.items():
        begun = perf_counter()
        outcomes = hostile.counted(door, seed, count)
        doors[door] = {
            "outcomes": dict(sorted(outcomes.items())),
            "seconds": round(perf_counter() - begun, 1),
        }
        print(door, count, doors[door]["seconds"], "s", flush=True)
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "seed": seed,
        "doors": doors,
        "held": memory_of_distinct_equations(),
    }


def tables(record: dict[str, Any]) -> dict[str, str]:
    """The tables of the page."""
    rows = []
    for door, found in record["doors"].items():
        outcomes = found["outcomes"]
        codes = len([code for code in outcomes if code != "accepted"])
        texts = sum(outcomes.values())
        accepted = outcomes.get("accepted", 0)
        rows.append([door, f"{texts:,}", f"{accepted:,}", f"{texts - accepted:,}", str(codes), "0"])
    whole = [sum(int(row[place].replace(",", "")) for row in rows) for place in (1, 2, 3)]
    rows.append(["all", *(f"{number:,}" for number in whole), "", "0"])
    held = record["held"]
    growth = table(
        ["distinct equations so far", "held by Python"],
        [
            [f"{(place + 1) * DISTINCT // len(held):,}", f"{number / 1e6:.1f} MB"]
            for place, number in enumerate(held)
            if place in (0, 4, 9)
        ],
    )
    header = ["door", "texts", "accepted", "refused by us", "codes", "other errors"]
    return {"fuzz": table(header, rows), "memory": growth}


def main() -> None:
    """Try all, and write what came out."""
    warnings.simplefilter("ignore")
    record = measured()
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    fill(PAGE, tables(record))
    print(*tables(record).values(), sep="\n\n")


if __name__ == "__main__":
    main()
