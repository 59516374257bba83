"""Sharded tensors and wrapped modules, in two and in four processes on this machine."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import group
import pytest
import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
import collectives  # noqa: E402
import pages  # noqa: E402

FAILS = "a false claim"
PASS = sorted(set(group.CASES) - group.LEFT_OUT - {FAILS})
SECONDS = 240
ABORTED = "(SIGABRT)"
"""Threads of gloo may still hold tensors when the interpreter ends, and then abort it (pytorch#179291)."""

pytestmark = pytest.mark.skipif(
    not (torch.distributed.is_available() and torch.distributed.is_gloo_available()),
    reason="this torch has no gloo",
)

Record = dict[str, dict[int, str]]


def run_group(world: int, folder: Path, *cases: str, seconds: float = SECONDS) -> Record:
    """Start a group, wait for all of it, and read what each process recorded for each case."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(world)}
    shared |= {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    command = [sys.executable, group.__file__, str(folder), *cases]
    processes = [
        subprocess.Popen(
            command,
            env={**shared, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(world)
    ]
    try:
        said = [process.communicate(timeout=seconds)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert [process.returncode for process in processes] == [0] * world, "\n".join(said)
    record: Record = {}
    for rank in range(world):
        for name, result in json.loads((folder / f"{rank}.json").read_text(encoding="utf-8")).items():
            record.setdefault(name, {})[rank] = result
    return record


@pytest.fixture(
    scope="module",
    params=[2, pytest.param(4, marks=pytest.mark.thorough)],
    ids=lambda world: f"{world} processes",
)
def record(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Record:
    return run_group(request.param, tmp_path_factory.mktemp("group"))


@pytest.mark.parametrize("name", PASS)
def test_every_process_agrees_with_one_process(record: Record, name: str) -> None:
    wrong = {rank: result for rank, result in record[name].items() if result != "passed"}
    assert wrong == {}, "\n".join(wrong.values())


def test_a_false_claim_is_seen_by_every_process(record: Record) -> None:
    assert all("AssertionError" in result for result in record[FAILS].values())
    assert len(record[FAILS]) in (2, 4)


@pytest.mark.thorough
def test_a_group_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run_group(2, tmp_path, "a process that never comes", seconds=5)


EXAMPLE = ROOT / "docs" / "examples" / "sharded_scores.py"


@pytest.mark.thorough
def test_the_example_of_the_page_prints_what_the_page_says() -> None:
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--standalone",
        EXAMPLE.name,
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}

    def attempt() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=EXAMPLE.parent,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    run = attempt()
    if ABORTED in run.stderr:
        run = attempt()
    assert run.returncode == 0, run.stderr
    assert run.stdout == EXAMPLE.with_suffix(".txt").read_text(encoding="utf-8")


def test_the_page_says_what_was_counted() -> None:
    record = json.loads(collectives.RECORD.read_text(encoding="utf-8"))
    page = collectives.PAGE.read_text(encoding="utf-8")
    assert pages.filled(page, collectives.tables(record)) == page
    record["layouts"]["best, `k` sharded"]["forward"] = {}
    assert pages.filled(page, collectives.tables(record)) != page


def test_the_record_has_every_layout() -> None:
    record = json.loads(collectives.RECORD.read_text(encoding="utf-8"))
    layouts = {f"{name}, {layout}" for name in collectives.FUNCTIONS for layout in collectives.LAYOUTS}
    assert set(record["layouts"]) == layouts
