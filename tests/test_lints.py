"""The lints stay silent on correct code of others, and pages say what was recorded of them."""

from __future__ import annotations

import copy
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import contracts  # noqa: E402
import lints  # noqa: E402
import pages  # noqa: E402
import programs  # noqa: E402

RECORD: dict[str, Any] = json.loads(lints.RECORD.read_text(encoding="utf-8"))
TIMES: dict[str, Any] = json.loads(contracts.RECORD.read_text(encoding="utf-8"))
OF_TORCH = list(programs.of_torch())


@pytest.mark.filterwarnings("ignore")  # of the programs themselves
@pytest.mark.parametrize("program", OF_TORCH, ids=lambda program: program.name)
def test_modules_of_torch_alarm_nobody(program: programs.Program) -> None:
    assert lints.said_of(program) == []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("library", [name for name in programs.SOURCES if name != "torch"])
def test_what_else_is_installed_alarms_nobody(library: str) -> None:
    module = library.replace("-", "_")
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{library} is not installed")
    some = list(programs.SOURCES[library]())[::7]
    assert [lints.said_of(program) for program in some] == [[] for _ in some]


class MixesAxes(nn.Module):
    """Lays the heads of each position out as if they stood beside their channels."""

    def forward(self, x: Tensor) -> Tensor:
        b, h, t, d = x.shape
        return x.reshape(b, t, h * d)


def test_an_alarm_is_counted() -> None:
    program = programs.Program("torch", "mixes axes", MixesAxes, (torch.randn(2, 3, 5, 7),))
    (finding,) = lints.said_of(program)
    assert finding == {"program": "mixes axes", "code": "TE703", "severity": "error"}
    changed = copy.deepcopy(RECORD)
    changed["torch"]["findings"].append(finding)
    assert lints.tables(changed) != lints.tables(RECORD)


def test_the_page_says_what_was_recorded() -> None:
    page = lints.PAGE.read_text(encoding="utf-8")
    contents = {**lints.tables(RECORD), **contracts.tables(TIMES)}
    assert all(f"<!-- {name} -->" in page for name in contents)
    assert pages.filled(page, contents) == page, (
        "run: python benchmarks/lints.py, python benchmarks/contracts.py"
    )


def test_the_targets_are_met() -> None:
    assert list(RECORD) == list(programs.SOURCES)
    assert sum(found["programs"] for found in RECORD.values()) >= 80
    assert [f for found in RECORD.values() for f in found["findings"] if f["severity"] == "error"] == []
    bugs, hundred = TIMES["seconds"].values()
    assert bugs <= 10
    assert hundred <= 5
