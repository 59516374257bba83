"""docs/assets/tour.ipynb, the cells of docs/notebook.md as they were run: `python docs/scripts/notebook.py`.

It runs the notebook, and fills the page with what each cell showed. It needs `pip install --group notebook`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent
PAGE, NOTEBOOK = DOCS / "notebook.md", DOCS / "assets" / "tour.ipynb"
sys.path.insert(0, str(DOCS.parent / "benchmarks"))
import pages  # noqa: E402

SHOWN = re.compile(r"<!-- shown: \d+ -->.*?<!-- /shown: \d+ -->\n?", re.DOTALL)
CODE = re.compile(r"(?:<!-- raises -->\n)?```python(?: title=\S+)?\n(.*?)```\n", re.DOTALL)


def cells(page: str) -> list[tuple[str, str]]:
    """The cells of a page: prose as Markdown, each block of Python as code, nothing of what was shown."""
    parts = CODE.split(SHOWN.sub("", page))
    kinds = ("markdown", "code") * len(parts)
    pairs = zip(kinds, (part.strip() for part in parts), strict=False)
    return [(kind, re.sub(r"\[([^]]+)\]\((?!http)[^)]+\)", r"\1", text)) for kind, text in pairs if text]


def notebook_of(page: str) -> Any:
    """A notebook that was not run yet."""
    from nbformat import v4

    made = [
        v4.new_markdown_cell(text) if kind == "markdown" else v4.new_code_cell(text)
        for kind, text in cells(page)
    ]
    for number, cell in enumerate(made):
        cell["id"] = f"cell-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return v4.new_notebook(cells=made, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def run(notebook: Any) -> Any:
    """Run every cell, also after one that raises."""
    from nbclient import NotebookClient

    NotebookClient(
        notebook, timeout=300, allow_errors=True, kernel_name="python3", record_timing=False
    ).execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                # without the lines of this machine's files
                output.traceback = [f"{output.ename}: {output.evalue}"]
    return notebook


def shown(output: Any) -> str:
    """What one output looks like on the page."""
    if output["output_type"] == "error":
        return f"```text\n{output['evalue']}\n```"
    data = {kind: "".join(text) for kind, text in output["data"].items()}
    if "text/html" in data:
        html = re.sub(r"\n\s*\n", "\n", data["text/html"]).strip()
        return f'<div class="shown" data-search-exclude>\n{html}\n</div>'
    return f"```text\n{data['text/plain']}\n```"


def outputs(notebook: Any) -> dict[str, str]:
    """What each cell of code showed, by the marker on the page."""
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    every = {
        f"shown: {number}": "\n\n".join(map(shown, cell["outputs"])) for number, cell in enumerate(code, 1)
    }
    # A derivation brings its script along; on the page a fence shows the same, with the script of the site.
    return {name: text for name, text in every.items() if "einsum-derivation" not in text}


def main() -> None:
    """Run the notebook, save it, and fill the page."""
    import nbformat

    notebook = run(notebook_of(PAGE.read_text(encoding="utf-8")))
    nbformat.write(notebook, NOTEBOOK)
    pages.fill(PAGE, outputs(notebook))


if __name__ == "__main__":
    main()
