"""The matrix on the page shows the record, and the record has a cell for each test."""

from __future__ import annotations

import copy
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from cells import CELLS, Cell, column
from public_callables import ROWS

from typed_einsum import nn

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import pages  # noqa: E402
import transformations  # noqa: E402

RECORD: dict[str, Any] = json.loads(transformations.RECORD.read_text(encoding="utf-8"))
RUN = "run: python benchmarks/transformations.py"

for name in transformations.FILES:
    importlib.import_module(name.removesuffix(".py"))


def test_the_page_says_what_was_recorded() -> None:
    page = transformations.PAGE.read_text(encoding="utf-8")
    assert pages.filled(page, transformations.tables(RECORD)) == page, RUN


def test_every_table_has_its_place() -> None:
    page = transformations.PAGE.read_text(encoding="utf-8")
    for name in transformations.tables(RECORD):
        assert f"<!-- {name} -->" in page


def cells() -> dict[str, dict[str, str]]:
    """The kind of each cell, by column and row."""
    found: dict[str, dict[str, str]] = {}
    for cell in CELLS.values():
        found.setdefault(cell.column, {})[cell.row] = cell.kind
    return found


def test_the_record_has_the_cells_of_the_tests() -> None:
    assert RECORD["cells"] == cells(), RUN
    notes = {(column, row): note for column, said in RECORD["notes"].items() for row, note in said.items()}
    assert notes == {key: cell.note for key, cell in CELLS.items() if cell.note}, RUN
    assert RECORD["rows"] == transformations.kinds_of_rows(), RUN


def test_every_file_with_cells_is_run() -> None:
    files = Path(__file__).parent.glob("test_*.py")
    with_cells = {path.name for path in files if "\n@column(" in path.read_text(encoding="utf-8")}
    assert with_cells == set(transformations.FILES)


@pytest.mark.parametrize("title", [title for title in cells() if "Inductor" not in title])
def test_a_column_has_a_cell_for_every_row(title: str) -> None:
    assert set(cells()[title]) == {row.name for row in ROWS}


def test_every_public_module_has_a_row() -> None:
    assert {name for name in nn.__all__ if isinstance(getattr(nn, name), type)} <= {row.name for row in ROWS}


def test_two_tests_cannot_be_one_cell() -> None:
    with pytest.raises(ValueError, match="two tests are the cell of @typed_einsum under a plain call"):
        column("a plain call")


def test_another_cell_changes_the_page() -> None:
    changed = copy.deepcopy(RECORD)
    changed["cells"]["`vmap`"]["einsum"] = "not run"
    before, after = transformations.tables(RECORD), transformations.tables(changed)
    assert {name for name in before if before[name] != after[name]} == {
        "transformations: count",
        "transformations: functions",
    }


CELL_TESTS = """
    import pytest
    from cells import Cell

    @pytest.mark.cell(Cell("one", "a"))
    def test_passes():
        pass

    @pytest.mark.cell(Cell("one", "b", "refused", "why"))
    def test_refuses():
        pass

    @pytest.mark.cell(Cell("one", "c"))
    def test_cannot_run():
        pytest.skip("no tool")

    def test_of_no_cell():
        pass
"""


def test_the_recorder_keeps_what_ran(pytester: pytest.Pytester) -> None:
    recorder = transformations.Recorder()
    pytester.makepyfile(CELL_TESTS)
    # Another module of this name would be taken for the one here.
    pytester.inline_run("-p", "no:cacheprovider", plugins=[recorder], no_reraise_ctrlc=True)
    assert recorder.cells == {"one": {"a": "works", "b": "refused", "c": "not run"}}
    assert recorder.notes == {"one": {"b": "why"}}
    assert Cell("one", "a").kind == "works"
