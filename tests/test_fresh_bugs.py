"""Bugs that someone collected who wrote no check: most are found, no repair and no sound function alarms."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import fresh  # noqa: E402
import pages  # noqa: E402

RECORD: dict[str, Any] = json.loads(fresh.RECORD.read_text(encoding="utf-8"))
PATHS = sorted(fresh.FOLDER.glob("*.py"))
SOUND = fresh.sound_functions()
OF_INTENTION = {
    "222_one_hot_keeps_the_rank",
    "224_quantile_weights_on_targets",
    "226_advantages_run_forward",
    "238_cutout_sizes_exchanged",
}
"""Silent bugs that only the author's intention tells from right code: a reference finds them."""


SIZES_NOT_FOUND = {"220_spectrum_keeps_input_channels"}
"""Right code whose body asks for sizes that are not found, which is reported as TE701."""


def by_name(paths: list[Path]) -> list[str]:
    return [path.stem for path in paths]


@pytest.mark.parametrize("path", PATHS, ids=by_name(PATHS))
def test_a_repair_agrees_with_its_reference(path: Path) -> None:
    module = fresh.load(path)
    given = module.example()
    torch.manual_seed(0)
    result = module.fixed(**given)
    torch.manual_seed(0)
    torch.testing.assert_close(result, module.reference(**given), rtol=1e-3, atol=1e-4, check_dtype=False)


@pytest.mark.parametrize("path", PATHS, ids=by_name(PATHS))
@pytest.mark.one_in(7)
def test_a_bug_is_found_and_its_repair_alarms_nobody(path: Path) -> None:
    found = fresh.of_bug(path)
    assert bool(found["buggy"]["error"]) == (path.stem not in OF_INTENTION)
    assert found["buggy with reference"]["error"]
    if path.stem not in SIZES_NOT_FOUND:
        assert (found["fixed"]["error"], found["fixed with reference"]["error"]) == ([], [])


@pytest.mark.parametrize("name", [name for name in SOUND if name not in SIZES_NOT_FOUND])
@pytest.mark.one_in(7)
def test_a_sound_function_alarms_nobody(name: str) -> None:
    assert fresh.told(fresh.report_of(SOUND[name]))["error"] == []


def test_the_targets_are_met() -> None:
    found = fresh.counts(RECORD)
    assert found["found"] >= 0.6 * found["silent"]
    assert found["found with a reference"] >= 0.9 * found["silent"]
    assert found["errors"] <= len(SIZES_NOT_FOUND)
    assert found["advice"] <= 0.1 * found["right"]


def test_the_record_has_every_bug_and_the_page_says_what_it_says() -> None:
    assert list(RECORD["bugs"]) == by_name(PATHS)
    page = fresh.PAGE.read_text(encoding="utf-8")
    assert all(f"<!-- {name} -->" in page for name in fresh.tables(RECORD))
    assert pages.filled(page, fresh.tables(RECORD)) == page, "run: python benchmarks/fresh.py"


def test_the_measure_can_fail() -> None:
    """A record in which nothing is found, and a right function alarms, misses the targets."""
    nothing: dict[str, list[str]] = {"error": [], "advice": []}
    bug = {"silent": True, "buggy": nothing, "buggy with reference": nothing, "fixed": {"error": ["TE703"]}}
    found = fresh.counts({"bugs": {"one": {**bug, "fixed": {"error": ["TE703"], "advice": []}}}, "sound": {}})
    assert (found["found"], found["found with a reference"], found["errors"]) == (0, 0, 1)
