"""Use an installed typed-einsum as its users do: `python .ci/try_installed.py EXTRA` (`none`: no extra)."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

MODEL = """
import torch
from jaxtyping import Float
from torch import Tensor
from typed_einsum import einsum, explain, shape_checked, shapes, typed_einsum


@typed_einsum
def scores(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]: ...


@shape_checked
def merged(x: Float[Tensor, "b h t d"]) -> Float[Tensor, "b t c"]:
    b, h, t, d = x.shape
    return x.reshape(b, t, h * d)
"""
PROGRAM = """
from model import *
query, key = torch.randn(2, 3, 5), torch.randn(2, 4, 5)
assert torch.allclose(scores(query, key), torch.einsum("bqd,bkd->bqk", query, key), atol=1e-6)
assert "Σ_d" in explain(scores).to_text()
print(shapes(merged, torch.zeros(2, 3, 4, 5)))
try:
    scores(query, torch.randn(2, 4, 7))
except ValueError as error:
    print(error)
"""
THREE = """
import torch
from typed_einsum import einsum
a, b, c = torch.randn(2, 3), torch.randn(3, 4), torch.randn(4, 5)
assert torch.allclose(einsum("i j, j k, k l -> i l", a, b, c), a @ b @ c, atol=1e-5)
"""
GIVEN = """
from hypothesis import given
from model import scores
from typed_einsum.testing.strategies import inputs

@given(inputs(scores))
def test_scores(arguments):
    scores(**arguments)

test_scores()
"""
RECORD = """
import torch
from jaxtyping import Float
from tensordict import tensorclass
from torch import Tensor
from typed_einsum import shape_checked

@shape_checked
@tensorclass
class Batch:
    x: Float[Tensor, "b t"]
    y: Float[Tensor, "b"]

Batch(x=torch.ones(2, 3), y=torch.ones(2), batch_size=[2])
try:
    Batch(x=torch.ones(2, 3), y=torch.ones(4), batch_size=[])
except ValueError as error:
    assert "TE201" in str(error), error
else:
    raise SystemExit("a record whose fields disagree was made")
"""


def run(folder: Path, *command: str, status: int = 0) -> str:
    """The output of a command of this environment, which must end with this status."""
    program = [sys.executable, *command]
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    said = done.stdout + done.stderr
    if done.returncode != status:
        raise SystemExit(f"{' '.join(command)[:60]}: status {done.returncode}, not {status}\n{said}")
    return said


def plain(folder: Path) -> None:
    """What works without extras: calls, messages, the command."""
    assert "ShapeError[TE201]: axis `d` is 5 in `query` but 7 in `key`" in run(folder, "-c", PROGRAM)
    command = str(Path(sys.executable).with_name("typed-einsum"))
    if not os.path.exists(command):  # an extra's environment has the command of the one below it
        command = "-m typed_einsum.cli"
    entry = ["-m", "typed_einsum.cli"] if command.startswith("-m") else [command]
    assert "TE703" in run(folder, *entry, "check", "model.py", status=1)
    assert "# TE201" in run(folder, *entry, "errors", "TE201")
    assert "b q d, b k d -> b q k" in run(folder, *entry, "explain", "b q d, b k d -> b q k")


def without_hypothesis(folder: Path) -> None:
    """An extra that is missing is named with the command that installs it."""
    assert 'pip install "typed-einsum[hypothesis]"' in run(folder, "-c", GIVEN.split("\n", 2)[2], status=1)


TRIES: dict[str, Callable[[Path], object]] = {
    "none": without_hypothesis,
    "fast": lambda folder: run(folder, "-c", f"import opt_einsum{THREE}"),
    "hypothesis": lambda folder: run(folder, "-c", GIVEN),
    "tensordict": lambda folder: run(folder, "-c", RECORD),
    "gpu": lambda folder: run(folder, "-c", "import typed_einsum.contraction.maximum.kernel"),
    "test": lambda folder: run(folder, "-m", "pytest", "-q", "--shape-contracts", "model.py", status=1),
}


def main() -> None:
    """Use what is installed, in an empty folder."""
    extra = sys.argv[1]
    assert find_spec("typed_einsum") is not None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.py").write_text(MODEL, encoding="utf-8")
        plain(folder)
        TRIES[extra](folder)
    print(f"works with the extra {extra}" if extra != "none" else "works without extras")


if __name__ == "__main__":
    main()
