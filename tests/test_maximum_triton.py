"""The fused kernel of `max=`: in Triton's interpreter everywhere, and on a GPU where there is one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
import triton_cases
from torch import nn

from typed_einsum.contraction import maximum, maximum_tiles, maximum_triton

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import cuda
import pages

FALSE = "a false claim"
NAMES = [name for name in triton_cases.CASES if name != FALSE]


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    if find_spec("triton") is None:
        pytest.skip("triton is not installed")
    target = tmp_path_factory.mktemp("triton") / "record.json"
    environment = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, triton_cases.__file__, str(target)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    found: dict[str, str] = json.loads(target.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_in_the_interpreter(record: dict[str, str], name: str) -> None:
    assert record[name] == "passed", record[name]


def test_a_false_claim_is_seen(record: dict[str, str]) -> None:
    assert "AssertionError: a false claim" in record[FALSE]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("name", NAMES)
def test_on_a_gpu(name: str) -> None:
    triton_cases.CASES[name]("cuda")


class OnGpu:
    """What the dispatch asks of a tensor, without a GPU."""


@pytest.mark.parametrize(
    ("device", "dtype", "kind", "wanted"),
    [
        ("cuda", torch.float32, torch.Tensor, True),
        ("cuda", torch.bfloat16, nn.Parameter, True),
        ("cuda", torch.float64, torch.Tensor, False),
        ("cpu", torch.float32, torch.Tensor, False),
        ("cuda", torch.float32, OnGpu, False),
    ],
)
def test_which_operands_go_through_the_kernel(monkeypatch, device, dtype, kind, wanted):
    monkeypatch.setattr(maximum_triton, "device_of", lambda tensor: torch.device(device))
    monkeypatch.setattr(maximum_triton, "dtype_of", lambda tensor: dtype)
    monkeypatch.setattr(maximum_triton, "_has_triton", lambda: True)
    operand = OnGpu() if kind is OnGpu else kind(torch.ones(2))
    assert maximum_triton.is_fused(operand, operand) is wanted
    for name in ("largest", "largest_with_rows"):
        monkeypatch.setattr(maximum_triton, name, lambda *_: "the kernel")
        monkeypatch.setattr(maximum_tiles, name, lambda *_: "tiles")
        assert getattr(maximum, name)(operand, operand) == ("the kernel" if wanted else "tiles")
    monkeypatch.setattr(maximum_triton, "_has_triton", lambda: False)
    assert maximum.largest(operand, operand) == "tiles"


def test_triton_is_not_imported_where_it_is_not_needed() -> None:
    source = """
        import sys, torch
        from typed_einsum import einsum
        einsum("b m c h w, b n m c -> b m h w", torch.ones(1, 2, 8, 40, 40), torch.ones(1, 90, 2, 8), max="n")
        assert "triton" not in sys.modules, "imported"
    """
    program = "\n".join(line.strip() for line in source.splitlines())
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr


# The benchmark, for a machine that has a device.


def test_the_page_says_what_was_measured() -> None:
    record = json.loads(cuda.RECORD.read_text(encoding="utf-8")) if cuda.RECORD.exists() else None
    page = cuda.PAGE.read_text(encoding="utf-8")
    assert pages.filled(page, cuda.tables(record)) == page


def test_a_record_becomes_a_table() -> None:
    times = {"fused": 1.5, "torch": 6.0, "fused, trained": 2.0, "torch, trained": 7.0}
    found = {"milliseconds": times, "peak": {"fused": 10, "torch": 300}, "products": 2_500_000_000}
    table = cuda.tables({"device": "a device", "torch": "2.13", "sizes": {"large": found}})["cuda"]
    assert table.startswith("a device, torch 2.13.")
    assert "| large | 2.50 GB | 1.50 ms | 4.0 | 3.5 | 30 |" in table


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_device_the_benchmark_says_so() -> None:
    run = subprocess.run(
        [sys.executable, cuda.__file__], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 2
    assert run.stderr == "benchmarks/cuda.py: there is no CUDA device here, so nothing was measured\n"
    assert run.stdout == ""
