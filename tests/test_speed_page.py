"""The numbers on docs/speed.md are those of the record. Nothing is timed here."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import pages  # noqa: E402
import speed  # noqa: E402

RECORD: dict[str, Any] = json.loads(speed.RECORD.read_text(encoding="utf-8"))


def test_the_page_says_what_was_recorded() -> None:
    page = speed.PAGE.read_text(encoding="utf-8")
    assert pages.filled(page, speed.tables(RECORD)) == page, "run: python benchmarks/speed.py"


def test_every_table_has_its_place() -> None:
    page = speed.PAGE.read_text(encoding="utf-8")
    for name in speed.tables(RECORD):
        assert f"<!-- {name} -->" in page


def test_another_number_changes_the_page() -> None:
    changed = copy.deepcopy(RECORD)
    changed["tiny"]["@typed_einsum"]["ratio"] = 9.87
    page = speed.PAGE.read_text(encoding="utf-8")
    assert "9.87" in pages.filled(page, speed.tables(changed))
    assert "9.87" not in page


def test_the_cases_of_the_benchmark_agree_with_torch() -> None:
    for index, case in enumerate(speed.cases(speed.small_sizes)):
        if index % 10 == 0:
            assert (case.ours() - case.theirs()).abs().max() < 1e-3
