"""What observing costs: `python benchmarks/observe.py` writes observe.json and docs/run.md.

A project of 36 functions with 120 tests is made, and its tests run alone, with `--shapes`, and with
`--shapes` again, once all functions are known. Then one function is called in a loop, alone and once the
observer knows it. Processor time is measured, in turns.

The same is done with the tests of linear_operator, where it is installed and its sources are unpacked at
REAL_SOURCES/linear-operator; else their record stays. There, one run has no time to judge all; what is known
comes from a run that has a minute more.

Wanted: 1.5 times the time of the tests at first, and 1.05 once the functions are known.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pages import fill, table
from timing import machine

HERE = Path(__file__).parent
RECORD = HERE / "observe.json"
PAGE = HERE.parent / "docs" / "run.md"
ROUNDS = 3

IMPORTS = "import torch\nfrom jaxtyping import Float\nfrom torch import Tensor, nn\n"

LAYER = """

class Attention_N(nn.Module):
    def __init__(self, width: int = 48, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "b t c"]) -> Float[Tensor, "b t c"]:
        b, t, c = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        return self.out(merge_N((q @ k.mT / q.shape[-1] ** 0.5).softmax(-1) @ v))


def merge_N(x: Float[Tensor, "b h t d"]) -> Float[Tensor, "b t h*d"]:
    return x.transpose(1, 2).flatten(2)


def plain_N(x, scale=2):
    return x * scale
"""

TESTS = """
import pytest
import torch
from layers import *

@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("layer", [LAYERS])
def test_layer(layer, seed):
    torch.manual_seed(seed)
    layer = layer(96)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = layer(plain_0(torch.randn(4, 64, 96))).square().mean()
        loss.backward()
        optimizer.step()
    assert loss < 1
"""

LOOP = """
import sys, time, torch
from layers import merge_0, plain_0, Attention_0
x, layer = torch.randn(2, 3, 5, 7), Attention_0(96)
y = torch.randn(4, 64, 96)
def timed(call, number):
    for _ in range(50): call()
    begun = time.process_time()
    for _ in range(number): call()
    return (time.process_time() - begun) / number
best = lambda call, number: min(timed(call, number) for _ in range(7))
print(best(lambda: merge_0(x), 2000), best(lambda: layer(y), 50))
"""

REAL_TESTS = tuple(
    f"test/operators/test_{kind}_linear_operator.py" for kind in ("dense", "diag", "triangular")
)
LAYERS = 12
STEPS = 20


def project(folder: Path) -> None:
    """Write the files of the project."""
    layers = "".join(LAYER.replace("_N", f"_{n}") for n in range(LAYERS))
    (folder / "layers.py").write_text(IMPORTS + layers)
    names = ", ".join(f"Attention_{n}" for n in range(LAYERS))
    tests = TESTS.replace("LAYERS", names).replace("STEPS", str(STEPS))
    (folder / "test_layers.py").write_text(tests)
    (folder / "loop.py").write_text(LOOP)


def seconds(folder: Path, *options: str, **variables: str) -> float:
    """The processor time that the tests take, from start to end, where Python keeps bytecode as usual."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = os.times()
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env={**usual, **variables})
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


def per_call(folder: Path, *command: str) -> tuple[float, float]:
    """Seconds for a call of a function and of a module."""
    done = subprocess.run(
        [sys.executable, *command, "loop.py"], cwd=folder, check=True, capture_output=True, text=True
    )
    function, module = map(float, done.stdout.split())
    return function, module


def measured() -> dict[str, list[float]]:
    """Every measure alone and observed, in turns."""
    contenders = [f"{what}{how}" for what in ("tests", "function", "module") for how in ("", " observed")]
    times: dict[str, list[float]] = {name: [] for name in (*contenders, "tests known")}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        project(folder)
        for _ in range(ROUNDS):
            times["tests"].append(seconds(folder))
            shutil.rmtree(folder / ".typed-einsum", ignore_errors=True)
            times["tests observed"].append(seconds(folder, "--shapes"))
            times["tests known"].append(seconds(folder, "--shapes"))
            for name, command in (("", ()), (" observed", ("-m", "typed_einsum.cli", "run"))):
                function, module = per_call(folder, *command)
                times[f"function{name}"].append(function)
                times[f"module{name}"].append(module)
    return times


def measured_of_real() -> dict[str, list[float]]:
    """Times of the tests of linear_operator: alone, at first, in the next run, and once all is known."""
    times: dict[str, list[float]] = {f"real{name}": [] for name in ("", " observed", " again", " known")}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "tests"
        leave = shutil.ignore_patterns("linear_operator", ".git")
        shutil.copytree(Path(os.environ["REAL_SOURCES"]) / "linear-operator", folder, ignore=leave)
        observing = "--shapes=linear_operator"
        stored, known = folder / ".typed-einsum", Path(made) / "known"
        for _ in range(2):  # a call that has no time is judged by the next run
            seconds(folder, observing, *REAL_TESTS, TYPED_EINSUM_GRACE="60")
        shutil.copytree(stored, known)
        for _ in range(ROUNDS):
            times["real"].append(seconds(folder, *REAL_TESTS))
            shutil.rmtree(stored)
            times["real observed"].append(seconds(folder, observing, *REAL_TESTS))
            times["real again"].append(seconds(folder, observing, *REAL_TESTS))
            shutil.rmtree(stored)
            shutil.copytree(known, stored)
            times["real known"].append(seconds(folder, observing, *REAL_TESTS))
    return times


def rows(record: dict[str, dict[str, float]]) -> str:
    """The table of the page."""
    medians = record["seconds"]
    told = {
        "120 tests of 36 functions, from start to end": ("tests", "tests observed"),
        "the same once the functions are known, in a second run": ("tests", "tests known"),
        "564 tests of linear_operator 0.5.3, of 78 annotated functions": (
            "real",
            "real observed",
        ),
        "the same in the next run, which judges what is left": ("real", "real again"),
        "the same once the functions are known": ("real", "real known"),
        "a call of `merge`, once it is known": ("function", "function observed"),
        "a call of an attention layer, once it is known": ("module", "module observed"),
    }
    lines = []
    for text, names in told.items():
        if names[0] not in medians:
            continue
        alone, observed = (medians[name] for name in names)
        lines.append([text, _shown(alone), _shown(observed), f"{observed / alone:.2f}"])
    return table(["processor time", "alone", "observed", "ratio"], lines)


def _shown(value: float) -> str:
    return f"{value:.1f} s" if value >= 1 else f"{value * 1e6:.1f} µs"


if __name__ == "__main__":
    times = measured()
    has_real = "REAL_SOURCES" in os.environ and find_spec("linear_operator") is not None
    before = json.loads(RECORD.read_text())["seconds"] if RECORD.exists() else {}
    real = measured_of_real() if has_real else {}
    record: dict[str, Any] = {
        "machine": machine(),
        "rounds": ROUNDS,
        "seconds": {
            **{name: value for name, value in before.items() if name.startswith("real")},
            **{name: statistics.median(values) for name, values in {**times, **real}.items()},
        },
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    print(rows(record))
    if PAGE.exists():
        fill(PAGE, {"observe": rows(record)})
