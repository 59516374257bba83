"""The notebook of the docs: its cells are those of the page, and show what the page shows."""

from __future__ import annotations

import json
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "docs" / "scripts"))
import notebook

PAGE = notebook.PAGE.read_text(encoding="utf-8")
STORED = json.loads(notebook.NOTEBOOK.read_text(encoding="utf-8"))
HINT = "run: python docs/scripts/notebook.py"


def source(cell: Any) -> str:
    return "".join(cell["source"])


def code_of(found: Any) -> list[Any]:
    return [cell for cell in found["cells"] if cell["cell_type"] == "code"]


def essence(output: Any) -> tuple[str, str]:
    """What must not change: a text or an error whole, of HTML what it is."""
    if output["output_type"] == "error":
        return output["ename"], output["evalue"]
    html = "".join(output["data"].get("text/html", ""))
    if html:
        return "text/html", html[: html.index(">")]
    return "text/plain", "".join(output["data"]["text/plain"])


def test_the_cells_are_those_of_the_page() -> None:
    assert [(cell["cell_type"], source(cell)) for cell in STORED["cells"]] == notebook.cells(PAGE), HINT


def test_the_page_shows_what_the_cells_showed() -> None:
    assert notebook.pages.filled(PAGE, notebook.outputs(STORED)) == PAGE, HINT


def test_a_cell_is_refused_and_the_others_are_displayed() -> None:
    kinds = [essence(output)[0] for cell in code_of(STORED) for output in cell["outputs"]]
    assert kinds == ["text/plain", "text/html", "ShapeError", "text/html", "text/html"]
    shown = json.dumps(STORED)
    assert "einsum-derivation" in shown
    assert "einsum-shapes" in shown


def test_nothing_tells_of_the_machine_that_ran_it() -> None:
    assert re.findall(r"/tmp/|/home/|/root|ipykernel_\d", json.dumps(STORED) + PAGE) == []


def test_the_notebook_runs() -> None:
    if any(find_spec(name) is None for name in ("nbclient", "ipykernel")):
        pytest.skip("nbclient is not installed: pip install --group notebook")
    ran = notebook.run(notebook.notebook_of(PAGE))
    told = [[essence(output) for output in cell["outputs"]] for cell in code_of(ran)]
    assert told == [[essence(output) for output in cell["outputs"]] for cell in code_of(STORED)], HINT
