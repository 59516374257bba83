"""Pairs of a bug and its repair that no check was made for: no repair causes a finding, most bugs are found.

Those in `cited/` are from public repositories, retold, each with a reference that its repair agrees with.
Some have led to checks since.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from typed_einsum.testing import Report, check_contract

FOLDER = Path(__file__).parent / "unseen_bugs"
FOUND_AT_LEAST = 183
"""Of 272. Not found: wrong axes of means, norms and losses, which only the intention tells."""


RIGHT_ON_THE_EXAMPLE = {"curvenet_squeeze_batch1", "curvenet_squeeze_small_k"}


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
    for path in sorted(FOLDER.rglob("*.py")):
        names = vars(loaded(path))
        for name in [name for name in names if name.lower().endswith("buggy")]:
            repaired = name.replace("buggy", "fixed").replace("Buggy", "Fixed")
            found.append((f"{path.stem}.{name}", names[name], names[repaired]))
    return found


def sound() -> list[tuple[str, Any]]:
    """Every function and module in the files of sound code."""
    found = []
    for path in sorted(FOLDER.glob("sound*.py")):
        module = loaded(path)
        own = {name: value for name, value in vars(module).items() if callable(value)}
        found += [(name, value) for name, value in own.items() if value.__module__ == module.__name__]
    return found


CITED = sorted((FOLDER / "cited").glob("*.py"))
sys.path.insert(0, str(FOLDER))
PAIRS = pairs()


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("path", CITED, ids=[path.stem for path in CITED])
def test_a_cited_repair_is_right_and_its_bug_is_not(path: Path) -> None:
    """A few bugs show only at a size that the example has not, and are right on it."""
    module = loaded(path)
    given = module.example()
    expected = module.reference(**given)
    torch.testing.assert_close(module.fixed(**given), expected, rtol=1e-3, atol=1e-4)
    if path.stem not in RIGHT_ON_THE_EXAMPLE:
        with pytest.raises((AssertionError, RuntimeError, IndexError)):
            torch.testing.assert_close(module.buggy(**given), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.thorough
def test_no_sound_code_alarms() -> None:
    assert len(sound()) >= 90
    alarms = {name: str(report) for name, value in sound() if not (report := report_of(value)).ok}
    assert alarms == {}


@pytest.mark.filterwarnings("ignore")  # of the functions themselves
@pytest.mark.thorough
def test_no_repaired_function_alarms() -> None:
    assert len(PAIRS) >= 160
    alarms = {name: str(report) for name, _, fixed in PAIRS if not (report := report_of(fixed)).ok}
    assert alarms == {}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.thorough
def test_most_bugs_are_found() -> None:
    found = [name for name, buggy, _ in PAIRS if not report_of(buggy).ok]
    assert len(found) >= FOUND_AT_LEAST, sorted({name for name, *_ in PAIRS} - set(found))
