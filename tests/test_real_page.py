"""The page about real projects says what was recorded, and every recorded error has a reader's verdict."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import pages
import real

RECORD: dict[str, Any] = json.loads(real.RECORD.read_text(encoding="utf-8"))
ARGUED: dict[str, Any] = json.loads(real.ARGUED.read_text(encoding="utf-8"))


def test_the_page_says_what_was_recorded() -> None:
    page = real.PAGE.read_text(encoding="utf-8")
    assert pages.filled(page, real.tables(RECORD, ARGUED)) == page, "run: python benchmarks/real.py"


def test_every_table_has_its_place() -> None:
    page = real.PAGE.read_text(encoding="utf-8")
    for name in real.tables(RECORD, ARGUED):
        assert f"<!-- {name} -->" in page


def test_another_number_changes_the_page() -> None:
    changed = copy.deepcopy(RECORD)
    next(iter(changed.values()))["check"]["judged"] += 1
    assert real.tables(changed, ARGUED) != real.tables(RECORD, ARGUED)


def test_every_error_has_been_read() -> None:
    for package, found in RECORD.items():
        for where, code, _ in (
            error for part in real.PARTS for error in found.get(part, {}).get("errors", [])
        ):
            verdict, why = ARGUED[package][f"{where} {code}"]
            assert verdict in real.VERDICTS
            assert why.endswith(".")


def outcome(kind: str, name: str, text: str = "", sizes: str = "") -> dict[str, Any]:
    return {"kind": kind, "name": name, "file": "model.py", "code": "TE201", "text": text, "sizes": sizes}


def test_functions_are_counted_once_whatever_is_said_of_them() -> None:
    outcomes = [
        outcome("advice", "merge"),
        outcome("ok", "merge", sizes="for all sizes with t <= 64"),
        outcome("finding", "split", "axis `b` is 2 in `x` but 3 in `y`"),
        outcome("finding", "split", "axis `c` is 2 in `x` but 3 in `y`"),
        outcome("ok", "pooled", sizes="at b=11"),
        outcome("skipped", "Model.forward", "cannot build Model: nothing says how to make `x`"),
        outcome("failed", "", "ImportError: no module"),
    ]
    found = real.counted(outcomes, Path())
    assert (found["functions"], found["judged"], found["all sizes"]) == (4, 3, 1)
    assert found["not judged"] == {"its class cannot be built": 1}
    assert found["files not imported"] == 1
    assert found["advice"] == {"TE201": 1}
    assert [error[0] for error in found["errors"]] == ["model.py::split"] * 2


def test_a_function_is_judged_by_check_or_by_the_tests() -> None:
    by_check = [
        {**outcome("ok", "merge"), "file": "/usr/lib/python3/site-packages/model/parts.py"},
        {**outcome("skipped", "split"), "file": "/usr/lib/python3/site-packages/model/parts.py"},
    ]
    by_tests = [{**outcome("finding", "split"), "file": "../lib/python3/site-packages/model/parts.py"}]
    folder = Path("/usr/lib/python3/site-packages/model")
    assert real.judged_in(by_check, folder) == {("parts.py", "merge")}
    assert real.judged_in(by_tests, folder) == {("parts.py", "split")}


def test_ours_judges_more_than_the_rival_on_each_package() -> None:
    for found in RECORD.values():
        assert found["check"]["judged"] > found["torchtyc"]["judged"]
