"""The comparison with other tools: its tables are what was recorded, and what was recorded is still so."""

from __future__ import annotations

import copy
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import rivals  # noqa: E402

RESULTS: dict[str, Any] = json.loads(rivals.RECORD.read_text(encoding="utf-8"))
CASES = rivals.MISTAKES + rivals.VALID


def versions(tool: rivals.Tool) -> dict[str, str]:
    """The installed versions without the build, such as `+cpu`."""
    return {name: number.split("+")[0] for name, number in rivals.versions(tool).items()}


def recorded_versions(tool: rivals.Tool) -> dict[str, str]:
    return {name: number.split("+")[0] for name, number in RESULTS["versions"][tool.name].items()}


def runnable() -> list[Any]:
    """The tools that need no command of their own: those that have one take most of a minute."""
    return [pytest.param(tool, id=tool.name) for tool in rivals.TOOLS if tool.find is None]


@pytest.mark.parametrize(("path", "kind"), rivals.PAGES.items(), ids=["docs", "README"])
def test_the_table_on_the_page_is_what_was_recorded(path: Path, kind: str) -> None:
    page = path.read_text(encoding="utf-8")
    assert rivals.filled(page, kind, RESULTS) == page, "run: python benchmarks/rivals.py"


@pytest.mark.parametrize("kind", ["full", "short"])
def test_a_changed_cell_changes_the_table(kind: str) -> None:
    changed = copy.deepcopy(RESULTS)
    changed["cells"]["one_letter_two_names"]["einops"]["outcome"] = rivals.CALL
    page = "<!-- rivals -->\n<!-- /rivals -->\n"
    assert rivals.filled(page, kind, changed) != rivals.filled(page, kind, RESULTS)


@pytest.mark.parametrize("tool", runnable())
def test_what_was_recorded_is_still_so(tool: rivals.Tool) -> None:
    if tool.name != "typed-einsum" and versions(tool) != recorded_versions(tool):
        pytest.skip(f"recorded with {recorded_versions(tool)}, here is {versions(tool) or 'none'}")
    outcomes = rivals.outcomes(tool, CASES)
    found = {case: rivals.cell(outcome) for case, outcome in outcomes.items()}
    assert found == {case: RESULTS["cells"][case][tool.name] for case in CASES}
    assert rivals.facts(outcomes[rivals.TOLD].message) == RESULTS["told"][tool.name]


def test_every_tool_took_part_and_has_a_program_or_a_reason_for_every_case() -> None:
    names = {tool.name for tool in rivals.TOOLS}
    assert set(RESULTS["versions"]) == names
    for case in (*CASES, rivals.TIMED):
        written = rivals.programs(case)
        assert set(written) == names
        for program in written.values():
            assert bool(program.text) != bool(program.reason)


@pytest.mark.parametrize("case", rivals.MISTAKES)
def test_a_correction_changes_the_program_of_a_mistake(case: str) -> None:
    for name, program in rivals.programs(case).items():
        if program.text:
            assert "# right:" not in program.corrected
            assert program.corrected != program.text, name


def test_a_tool_that_refuses_the_correction_caught_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    text = 'def call():\n    raise ValueError("wrong")  # right: raise ValueError("right")\n'
    (tmp_path / "fussy.md").write_text(f"# Fussy\n\n## torch\n\n```python\n{text}```\n", encoding="utf-8")
    monkeypatch.setattr(rivals, "CASES", tmp_path)
    torch_alone = rivals.Tool("torch", ("torch",))
    assert rivals.outcomes(torch_alone, ["fussy"]) == {"fussy": rivals.Outcome(rivals.OVERDONE, "right")}


def test_the_record_names_no_place_of_the_machine_it_was_made_on() -> None:
    text = rivals.RECORD.read_text(encoding="utf-8")
    places = (tempfile.gettempdir(), str(Path.home()), str(BENCHMARKS.parent), sys.prefix)
    assert not [place for place in places if place in text]


# A file of its own: annotations that are text, as here, do not resolve through the compiled function.
AROUND = """
import torch
from beartype import beartype
from jaxtyping import Float, jaxtyped
from torch import Tensor


@jaxtyped(typechecker=beartype)
@torch.compile(fullgraph=True, backend="eager")
def added(x: Float[Tensor, "b d"], y: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    return x + y
"""


def test_jaxtyping_works_around_a_compiled_function(tmp_path: Path) -> None:
    path = tmp_path / "around.py"
    path.write_text(AROUND, encoding="utf-8")
    added = rivals.load(path).added
    assert added(torch.ones(2, 3), torch.ones(2, 3)).shape == (2, 3)
    with pytest.raises(TypeError, match="Type-check error"):
        added(torch.ones(2, 3), torch.ones(1, 3))
