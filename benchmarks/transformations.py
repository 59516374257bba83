"""Every public callable under torch's transformations: `python benchmarks/transformations.py`.

Runs the tests in tests/transformations/, and writes what each has shown to transformations.json and to
docs/transformations.md. A run in which a test fails is not written.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

# OpenMP reads these once, when torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pytest
from pages import fill, table

HERE = Path(__file__).parent
RECORD = HERE / "transformations.json"
PAGE = HERE.parent / "docs" / "transformations.md"
TESTS = HERE.parent / "tests" / "transformations"

FILES = (
    "test_plain_calls.py",
    "test_graphs.py",
    "test_functional_transforms.py",
    "test_subclasses.py",
    "test_copies.py",
    "test_workers.py",
)
"""The files with cells, in the order of the table."""

DISTRIBUTIONS = ("torch", "onnxruntime", "onnxscript", "cloudpickle")

SHOWN = {"works": "works", "refused": "**refused**", "not run": "not run"}


class Recorder:
    """A plugin for pytest that keeps what the tests of cells have shown."""

    def __init__(self) -> None:
        self.tests = 0
        self.cells: dict[str, dict[str, str]] = {}
        self.notes: dict[str, dict[str, str]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Iterator[None]:
        report: Any = yield
        mark = item.get_closest_marker("cell")
        if mark is not None and (report.when == "call" or report.skipped):
            (cell,) = mark.args
            self.tests += 1
            self.cells.setdefault(cell.column, {})[cell.row] = cell.kind if report.passed else "not run"
            if cell.note:
                self.notes.setdefault(cell.column, {})[cell.row] = cell.note
        return report


def record(recorder: Recorder) -> dict[str, Any]:
    """Everything the page shows, as transformations.json holds it."""
    return {
        "versions": {"Python": platform.python_version(), **dict(_versions())},
        "rows": kinds_of_rows(),
        "cells": recorder.cells,
        "notes": recorder.notes,
    }


def kinds_of_rows() -> dict[str, list[str]]:
    """The names of the functions and of the modules among the rows."""
    sys.path[:0] = [str(TESTS), str(TESTS.parent)]
    import public_callables
    from torch import nn

    rows: dict[str, list[str]] = {"functions": [], "modules": []}
    for row in public_callables.ROWS:
        rows["modules" if isinstance(row.make(), nn.Module) else "functions"].append(row.name)
    return rows


def _versions() -> Iterator[tuple[str, str]]:
    for name in DISTRIBUTIONS:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def tables(results: Mapping[str, Any]) -> dict[str, str]:
    """What stands between the markers of the page."""
    matrices = {
        f"transformations: {kind}": _matrix(results, names) for kind, names in results["rows"].items()
    }
    return {
        "transformations: count": _count(results),
        **matrices,
        "transformations: notes": "\n".join(_notes(results)),
    }


def _matrix(results: Mapping[str, Any], names: Sequence[str]) -> str:
    rows = [
        [column, *(SHOWN[cells[name]] if name in cells else "" for name in names)]
        for column, cells in results["cells"].items()
    ]
    return table(["under", *(f"`{name}`" for name in names)], rows)


def _count(results: Mapping[str, Any]) -> str:
    found = [shown for cells in results["cells"].values() for shown in cells.values()]
    counts = ", ".join(f"{found.count(kind)} {kind}" for kind in SHOWN if kind in found)
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    return f"{len(found)} cells: {counts}. Versions: {versions}."


def _notes(results: Mapping[str, Any]) -> Iterator[str]:
    """One line for each remark; it names its callables where it is not about all."""
    for column, notes in results["notes"].items():
        for note in dict.fromkeys(notes.values()):
            names = [name for name, said in notes.items() if said == note]
            of = "" if len(names) == len(results["cells"][column]) else f", {_listed(names)}"
            yield f"- {column}{of}: {note}."


def _listed(names: Sequence[str]) -> str:
    *before, last = (f"`{name}`" for name in names)
    return f"{', '.join(before)} and {last}" if before else last


def main() -> None:
    """Run the tests, and write what they have shown."""
    recorder = Recorder()
    paths = [str(TESTS / name) for name in FILES]
    status = pytest.main(["-q", "-m", "", "-p", "no:cacheprovider", *paths], plugins=[recorder])
    if status:
        raise SystemExit(status)
    results = record(recorder)
    RECORD.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    fill(PAGE, tables(results))
    print(_count(results))


if __name__ == "__main__":
    main()
