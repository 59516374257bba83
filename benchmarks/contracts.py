"""How long contracts take: `python benchmarks/contracts.py` writes contracts.json and docs/check.md.

Predicted before the first run: 5 s for the 94 functions, 4 s for the file, most of it to import torch.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import bugs
from pages import fill, table
from timing import machine

from typed_einsum.testing import check_contract

HERE = Path(__file__).parent
RECORD = HERE / "contracts.json"
PAGE = HERE.parent / "docs" / "check.md"
ROUNDS = 5

IMPORTS = """
import torch
from jaxtyping import Float
from torch import Tensor, nn
from typed_einsum import shape_checked, typed_einsum
"""

FOUR = """
@typed_einsum
def scores_N(q: Float[Tensor, "b q d"], k: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]: ...


@shape_checked
def attend_N(
    q: Float[Tensor, "b h t d"], k: Float[Tensor, "b h s d"], v: Float[Tensor, "b h s d"]
) -> Float[Tensor, "b h t d"]:
    return (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1) @ v


@shape_checked
def merge_N(x: Float[Tensor, "b h t d"]) -> Float[Tensor, "b t h*d"]:
    return x.transpose(1, 2).flatten(2)


class Attention_N(nn.Module):
    def __init__(self, dim: int = 48, heads: int = 4) -> None:
        super().__init__()
        self.heads, self.axis_sizes = heads, {"c": dim}
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x: Float[Tensor, "b t c"]) -> Float[Tensor, "b t c"]:
        b, t, c = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        return self.out(((q @ k.mT).softmax(-1) @ v).transpose(1, 2).reshape(b, t, c))
"""


def seconds_for_the_bugs() -> float:
    """The buggy and the fixed function of each file in tests/bugs, from import on."""
    modules = [bugs.load(path) for path in bugs.BUGS]
    start = time.perf_counter()
    for module in modules:
        check_contract(module.buggy)
        check_contract(module.fixed)
    return time.perf_counter() - start


def seconds_in_a_new_process() -> float:
    """The same where nothing is warm."""
    command = "import contracts; print(contracts.seconds_for_the_bugs())"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", command], cwd=HERE, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def seconds_for_a_file() -> float:
    """The command on a file of 100 functions, with its own start."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "hundred.py"
        file.write_text(IMPORTS + "".join(FOUR.replace("_N", f"_{n}") for n in range(25)))
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "typed_einsum.cli", "check", str(file)], capture_output=True, text=True
        )
        took = time.perf_counter() - start
    assert done.stdout.count(": ok ") == 100, done.stdout + done.stderr
    return took


def tables(record: dict[str, Any]) -> dict[str, str]:
    """The table for the page."""
    host = record["machine"]
    rows = [[name, f"{took:.1f} s"] for name, took in record["seconds"].items()]
    return {
        "contract time": table(["what", "time"], rows)
        + f"\n\nMedians of {record['rounds']} rounds; {host['processor']}, {host['cores']} cores, "
        f"Python {host['python']}, torch {host['torch']}."
    }


def main() -> None:
    """Measure, and write what was found."""
    took = {
        f"`check_contract` on {2 * len(bugs.BUGS)} functions, after import": seconds_in_a_new_process,
        "`typed-einsum check` on a file of 100 functions, from start to end": seconds_for_a_file,
    }
    times: dict[str, list[float]] = {name: [] for name in took}
    for _ in range(ROUNDS):
        for name, measure in took.items():
            times[name].append(measure())
    record = {
        "machine": machine(),
        "rounds": ROUNDS,
        "seconds": {name: statistics.median(each) for name, each in times.items()},
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    fill(PAGE, tables(record))
    print(tables(record)["contract time"])


if __name__ == "__main__":
    main()
