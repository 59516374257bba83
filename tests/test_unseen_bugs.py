"""Pairs of a bug and its repair, which no check was made for: no repair alarms, and most bugs are found."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from typed_einsum.testing import Report, check_contract

FOLDER = Path(__file__).parent / "unseen_bugs"
FOUND_AT_LEAST = 56
"""Of 93. Not found yet: wrong axes of means, of losses and of gathers, where every shape is right."""


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"unseen_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def report_of(value: Any) -> Report:
    return check_contract(value() if isinstance(value, type) else value)


def pairs() -> list[tuple[str, Any, Any]]:
    found = []
    for path in sorted(FOLDER.glob("*.py")):
        names = vars(loaded(path))
        for name in [name for name in names if name.lower().endswith("buggy")]:
            repaired = name.replace("buggy", "fixed").replace("Buggy", "Fixed")
            found.append((f"{path.stem}.{name}", names[name], names[repaired]))
    return found


PAIRS = pairs()


@pytest.mark.filterwarnings("ignore")  # of the functions themselves
def test_no_repaired_function_alarms() -> None:
    assert len(PAIRS) >= 90
    alarms = {name: str(report) for name, _, fixed in PAIRS if not (report := report_of(fixed)).ok}
    assert alarms == {}


@pytest.mark.filterwarnings("ignore")
def test_most_bugs_are_found() -> None:
    found = [name for name, buggy, _ in PAIRS if not report_of(buggy).ok]
    assert len(found) >= FOUND_AT_LEAST, sorted({name for name, *_ in PAIRS} - set(found))
