"""The fused kernel of `max=`: in Triton's interpreter everywhere, and on a GPU where there is one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from support import triton_cases
from torch import nn

from typed_einsum.contraction.maximum import fused, products, tiles

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import gpu
import pages

FALSE = "a false claim"
NAMES = [name for name in triton_cases.CASES if name != FALSE]


def ran(target: Path, *options: str, **variables: str) -> Any:
    """What `triton_cases.py` records, in a process of its own."""
    if find_spec("triton") is None:
        pytest.skip("triton is not installed")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    command = [sys.executable, triton_cases.__file__, str(target), *options]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(target.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    found: dict[str, str] = ran(tmp_path_factory.mktemp("triton") / "record.json", TRITON_INTERPRET="1")
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


def test_built_for_gpus_it_stores_nothing_but_its_results(tmp_path: Path) -> None:
    if find_spec("triton") is None or find_spec("triton.backends.nvidia") is None:
        pytest.skip("triton cannot build for NVIDIA's GPUs here")
    built = ran(tmp_path / "built.json", "build", TRITON_CACHE_DIR=str(tmp_path), TRITON_INTERPRET="0")
    assert len(built) == 4
    for name, code in built.items():
        assert code["stores"] == (2 if name.endswith("winners") else 1), name
        assert code["spills"] == 0, name
        assert (code["matrix units"] > 0) is (not name.startswith("fp32 ieee")), name
        assert 0 < code["shared"] <= 99 * 1024, f"{name}: too much for the GPUs that have least"


class OnGpu:
    """A tensor that has operations of its own."""


def pretend(patch: pytest.MonkeyPatch, device: str, dtype: torch.dtype, other: str = "") -> None:
    """Operands say that they are there, and of this dtype; `other` is the device of the columns alone."""
    devices = iter([device, other or device] * 9)
    patch.setattr(fused, "device_of", lambda tensor: torch.device(next(devices)))
    patch.setattr(fused, "dtype_of", lambda tensor: dtype)
    patch.setattr(fused, "shape_of", lambda tensor: (8, 8, 7, 5) if tensor is ROWS else (8, 5, 6))


ROWS, COLUMNS = torch.ones(1), nn.Parameter(torch.ones(1))


@pytest.mark.parametrize(
    ("device", "dtype", "other", "wanted"),
    [
        ("cuda:0", torch.float32, "", True),
        ("cuda:1", torch.bfloat16, "", True),
        ("cuda:0", torch.float16, "", True),
        ("cuda:0", torch.float64, "", False),
        ("cuda:0", torch.float32, "cuda:1", False),
        ("cuda:0", torch.float32, "cpu", False),
        ("cpu", torch.float32, "", False),
    ],
)
def test_which_operands_go_through_the_kernel(monkeypatch, device, dtype, other, wanted):
    pretend(monkeypatch, device, dtype, other)
    monkeypatch.setattr(fused, "_is_built_for", lambda *_: True)
    assert fused.is_fused(ROWS, COLUMNS) is wanted
    for name in ("largest", "largest_with_rows"):
        monkeypatch.setattr(fused, name, lambda *_: "the kernel")
        monkeypatch.setattr(tiles, name, lambda *_: "tiles")
        assert getattr(products, name)(ROWS, COLUMNS) == ("the kernel" if wanted else "tiles")
    monkeypatch.setattr(fused, "_is_built_for", lambda *_: False)
    assert products.largest(ROWS, COLUMNS) == "tiles"


def test_what_the_kernel_leaves_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, "cuda:0", torch.float32)
    monkeypatch.setattr(fused, "_is_built_for", lambda *_: True)
    assert fused.is_fused(ROWS, COLUMNS)
    assert not fused.is_fused(ROWS, OnGpu())  # type: ignore[arg-type]
    monkeypatch.setattr(fused, "LEAST_PROGRAMS", 65)  # eight times eight groups, one block each
    assert not fused.is_fused(ROWS, COLUMNS)


@pytest.mark.parametrize(
    ("size", "block"), [(0, 16), (1, 16), (16, 16), (17, 32), (33, 64), (64, 64), (900, 64)]
)
def test_blocks_are_powers_of_two_that_fit(size: int, block: int) -> None:
    assert fused._block(size, 64) == block


@pytest.fixture
def capability(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, tuple[int, int]]]:
    """What a device of these tests can do; products are made on the CPU, and answers are forgotten."""
    found = {"it": (9, 0)}
    ones = torch.ones
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: found["it"])
    monkeypatch.setattr(fused, "find_spec", lambda name: name)
    monkeypatch.setattr(torch, "ones", lambda *sizes, device, **rest: ones(*sizes, **rest))
    fused._is_built_for.cache_clear()
    yield found
    fused._is_built_for.cache_clear()


@pytest.mark.filterwarnings("error")
def test_a_gpu_that_suits(monkeypatch: pytest.MonkeyPatch, capability: dict[str, tuple[int, int]]) -> None:
    launched = []
    monkeypatch.setattr(fused, "_launch", lambda *operands: launched.append(operands))
    device = torch.device("cuda:0")
    assert fused._is_built_for(device, torch.float16)
    assert fused._is_built_for(device, torch.float16)
    ((rows, columns, best, winners),) = launched
    assert (rows.shape, columns.shape, best.shape) == ((1, 1, 2, 3), (1, 3, 2), (1, 1, 2))
    assert rows.dtype == torch.float16
    assert winners is None
    capability["it"] = (7, 5)
    assert not fused._is_built_for(device, torch.float32)
    capability["it"] = (9, 0)
    monkeypatch.setattr(fused, "find_spec", lambda name: None)
    assert not fused._is_built_for(device, torch.bfloat16)
    assert len(launched) == 1


def test_where_triton_fails_tiles_do_the_work_and_say_so_once(
    monkeypatch: pytest.MonkeyPatch, capability: dict[str, tuple[int, int]]
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("Failed to find C compiler.\nMore about that.")

    monkeypatch.setattr(fused, "_launch", fails)
    asked = torch.device("cuda:1"), torch.float32
    with pytest.warns(RuntimeWarning) as seen:
        found = [fused._is_built_for(*asked) for _ in range(2)]
    assert found == [False, False]
    assert [str(warning.message) for warning in seen] == [
        "max= goes without its fused kernel on cuda:1: Triton fails to build it for torch.float32 "
        "(RuntimeError: Failed to find C compiler). Results are the same, but slower. Triton needs a C "
        "compiler and the headers of Python."
    ]


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
    record = json.loads(gpu.RECORD.read_text(encoding="utf-8")) if gpu.RECORD.exists() else None
    page = gpu.PAGE.read_text(encoding="utf-8")
    assert "<!-- cuda -->" in page
    assert pages.filled(page, gpu.tables(record)) == page
    assert pages.filled(page, {"cuda": "Something else."}) != page


def test_a_record_becomes_a_table() -> None:
    times = {"kernel": 1.5, "torch": 6.0, "tiles": 4.5, "kernel, trained": 2.0, "tiles, trained": 3.0}
    peaks = {"kernel": 10, "torch": 300, "tiles": 20, "kernel, trained": 20, "torch, trained": None}
    work = {"milliseconds": times, "peak": peaks, "products": 2_500_000_000}
    versions = {"device": "a device", "torch": "2.13", "triton": "3.9", "rounds": 50}
    table = gpu.tables({**versions, "works": {"large": work}})["cuda"]
    assert table.startswith("a device, torch 2.13, Triton 3.9, medians of 50 rounds.")
    header, line, row = table.splitlines()[2:]
    assert header.count("|") == line.count("|") == row.count("|")
    assert row == ("| large | 2.50 GB | 1.50 ms | 4.0 | 3.0 | 30.0 | 2.00 ms | does not fit | does not fit |")


def test_the_benchmark_reaches_several_gigabytes() -> None:
    sizes = [work.products() * 4 for work in gpu.WORKS.values()]
    assert max(sizes) > 5e9
    assert gpu.texts(8, 1203).products() == 8 * 2 * 80 * 80 * 1203


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_device_the_benchmark_says_so() -> None:
    run = subprocess.run(
        [sys.executable, gpu.__file__], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 2
    assert run.stderr == "benchmarks/gpu.py: there is no CUDA device here, so nothing was measured\n"
    assert run.stdout == ""
