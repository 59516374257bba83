"""The table of tools and bugs says what was recorded, and the record holds for what is installed here."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import bugs  # noqa: E402
import pages  # noqa: E402

RECORD: dict[str, Any] = json.loads(bugs.RECORD.read_text(encoding="utf-8"))
TOOLS = {tool.name: tool for tool in bugs.TOOLS}
HERE = ("torch", "jaxtyping + beartype", "typed-einsum")
"""The tools that every environment of the tests has."""


def test_the_page_says_what_was_recorded() -> None:
    page = bugs.PAGE.read_text(encoding="utf-8")
    assert pages.filled(page, bugs.tables(RECORD)) == page, "run: python benchmarks/bugs.py"


def test_every_table_has_its_place() -> None:
    page = bugs.PAGE.read_text(encoding="utf-8")
    for name in bugs.tables(RECORD):
        assert f"<!-- {name} -->" in page


def test_every_bug_and_every_tool_is_in_the_record() -> None:
    stems = [path.stem for path in bugs.BUGS]
    assert stems == list(RECORD["bugs"])
    assert list(TOOLS) == list(RECORD["cells"])
    assert all(list(cells) == stems for cells in RECORD["cells"].values())
    assert RECORD["bugs"] == {path.stem: bugs.described(bugs.load(path)) for path in bugs.BUGS}


def refused(cells: dict[str, dict[str, Any]]) -> dict[str, list[bool | None]]:
    """Which forms are refused in which way. The words of other tools may change from version to version."""
    return {
        stem: [None if cell is None else bool(cell) for _, cell in sorted(found.items())]
        for stem, found in cells.items()
    }


@pytest.mark.parametrize("name", HERE)
@pytest.mark.thorough
def test_the_record_is_still_so(name: str) -> None:
    found = bugs.cells(TOOLS[name], bugs.BUGS)
    assert refused(found) == refused(RECORD["cells"][name]), "run: python benchmarks/bugs.py"


@pytest.mark.thorough
def test_the_codes_are_still_those_of_the_record() -> None:
    some = bugs.BUGS[::4]
    found = bugs.cells(TOOLS["typed-einsum"], some)
    assert found == {path.stem: RECORD["cells"]["typed-einsum"][path.stem] for path in some}


def test_another_cell_changes_the_page() -> None:
    changed = copy.deepcopy(RECORD)
    stem = "005_rotation_applied_inverse"
    changed["cells"]["torch"][stem]["buggy on example"] = "RuntimeError: refused"
    before, after = bugs.tables(RECORD), bugs.tables(changed)
    assert {name for name in before if before[name] != after[name]} == {
        "bugs: tools",
        "bugs: kinds",
        "bugs: all",
    }


def test_a_tool_that_refuses_both_forms_has_found_nothing() -> None:
    changed = copy.deepcopy(RECORD)
    stem, cells = "001_mha_weight_letters", changed["cells"]["typed-einsum"]
    assert bugs.outcome(changed, "typed-einsum", stem, "by check") == bugs.FOUND
    cells[stem]["fixed by check"] = "TE701 fails"
    assert bugs.outcome(changed, "typed-einsum", stem, "by check") == bugs.BOTH
    cells[stem]["buggy by check"] = ""
    assert bugs.outcome(changed, "typed-einsum", stem, "by check") == bugs.SILENT


def test_the_targets_are_met() -> None:
    found = [bugs.outcome(RECORD, "typed-einsum", stem, "by check") for stem in RECORD["bugs"]]
    silent = [stem for stem, bug in RECORD["bugs"].items() if bug["at_example"] != "raises"]
    found_silent = [bugs.outcome(RECORD, "typed-einsum", stem, "by check") for stem in silent]
    assert found.count(bugs.FOUND) >= 0.85 * len(found)
    assert found_silent.count(bugs.FOUND) >= 0.8 * len(found_silent)
    assert found.count(bugs.BOTH) == 0
