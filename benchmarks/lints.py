"""Correct programs of others under the lints: `python benchmarks/lints.py` writes lints.json, docs/check.md.

Those of programs.py whose library is installed run once in training and once in evaluation. Their authors'
tests pass, so an error is a false alarm.
"""

from __future__ import annotations

import json
import os
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

# OpenMP reads these once, when torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch
from pages import fill, table
from programs import SOURCES, Program

from typed_einsum.testing import lint

HERE = Path(__file__).parent
RECORD = HERE / "lints.json"
PAGE = HERE.parent / "docs" / "check.md"


def said_of(program: Program) -> list[dict[str, str]]:
    """What the lints say of a program, in training and in evaluation."""
    torch.manual_seed(0)
    module, found = program.build(), dict[str, dict[str, str]]()
    for mode in (True, False):
        for finding in lint(module.train(mode), *program.arguments).findings:
            found[str(finding)] = {"code": finding.code, "severity": finding.severity}
    return [{"program": program.name, **finding} for finding in found.values()]


def measured(library: str) -> dict[str, Any]:
    """One library's part of the record."""
    programs = list(SOURCES[library]())
    return {
        "version": version(library),
        "programs": len(programs),
        "findings": [finding for program in programs for finding in said_of(program)],
    }


def tables(record: dict[str, Any]) -> dict[str, str]:
    """The table for the page."""
    rows = [
        [
            f"{library} {found['version']}",
            str(found["programs"]),
            *(str(sum(f["severity"] == kind for f in found["findings"])) for kind in ("error", "advice")),
        ]
        for library, found in record.items()
    ]
    columns = (sum(int(row[place]) for row in rows) for place in (1, 2, 3))
    total = ["all", *map(str, columns)]
    return {"lints": table(["correct code of", "programs", "errors", "advice"], [*rows, total])}


def main() -> None:
    """Run all, and write what was said."""
    warnings.simplefilter("ignore")
    record = {library: measured(library) for library in SOURCES}
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    fill(PAGE, tables(record))
    print(tables(record)["lints"])


if __name__ == "__main__":
    main()
