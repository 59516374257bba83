"""Every public name has a page, written by the script from its docstring, with all that a caller needs."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import typed_einsum
from typed_einsum import attention, nn, testing

SCRIPTS = Path(__file__).parent.parent / "docs" / "scripts"
sys.path.insert(0, str(SCRIPTS))
import reading  # noqa: E402
import reference  # noqa: E402
import signatures  # noqa: E402

PAGES = {file.relative_to(reference.DOCS).as_posix(): text for file, text in reference.pages()}
NAMES = [(module, name) for module, names in reference.GROUPS.values() for name in names]
CODE = re.compile(r"^```(?:python|pyi)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WITHOUT_COST = {"errors", "references", "Report", "Finding"}
"""Names that are not functions, and functions whose cost is that of the test they run."""


def page_of(module: str, name: str) -> str:
    return PAGES[f"reference/{reference.file_of(module, name)}"]


def rows_of(page: str) -> dict[str, list[str]]:
    """The rows of the parameters, by parameter."""
    rows = re.findall(r"^\| `\**(\w+)` \|(.*)\|$", page, re.MULTILINE)
    return {name: [cell.strip() for cell in re.split(r" \| ", f" {rest} ")] for name, rest in rows}


def test_the_pages_are_those_of_the_script() -> None:
    files = [*reference.FOLDER.rglob("*.md"), reference.DOCS / "attention.md"]
    written = {file.relative_to(reference.DOCS).as_posix(): file.read_text("utf-8") for file in files}
    assert written == PAGES, "run: python docs/scripts/reference.py"


def test_every_public_name_has_a_page() -> None:
    listed = {name.split(".")[-1] for _, name in NAMES}
    assert {*typed_einsum.__all__, *testing.__all__, *nn.__all__} <= listed
    functions = {name for name in attention.__all__ if callable(getattr(attention, name))}
    single = {name.split(".")[1] for name in attention.equations()}
    assert {f"reference/attention/{name}.md" for name in functions - single} <= PAGES.keys()


def test_every_page_is_in_the_navigation() -> None:
    settings = (reference.DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    assert [page for page in PAGES if f": {page}\n" not in settings and "/attention/" not in page] == []


@pytest.mark.parametrize(("module", "name"), NAMES, ids=[name for _, name in NAMES])
def test_a_page_has_what_a_caller_needs(module: str, name: str) -> None:
    page = page_of(module, name)
    assert page.startswith(f"# {name.split('.')[-1]}\n")
    if name not in {"Report", "Finding", "references"}:
        assert page.index("```python") < page.index("\n## "), "the example comes first"
    assert "Concatenate" not in page
    if name not in WITHOUT_COST and not module.endswith(".nn"):
        assert "\n## Cost\n" in page


@pytest.mark.parametrize(("module", "name"), NAMES, ids=[name for _, name in NAMES])
def test_each_parameter_has_a_row_that_says_what_it_means(module: str, name: str) -> None:
    value = reference.found(module, name)
    if name in {"errors", "references", "scope"}:
        return
    node = signatures.class_node(value) if isinstance(value, type) else signatures.function_node(value)
    rows = rows_of(page_of(module, name))
    parameters = [parameter.name for parameter in signatures.parameters_of(node)]
    assert [name for name in parameters if not rows.get(name, [""])[-1]] == []
    said = reading.read_docstring(reference.BORROWED.get(name, value)).arguments
    assert said.keys() == set(parameters)


def test_code_fits_beside_the_sidebars() -> None:
    wide = {
        page: line
        for page, text in PAGES.items()
        for block in CODE.findall(text)
        for line in block.splitlines()
        if len(line) > reading.WIDEST
    }
    assert wide == {}


def test_signatures_are_those_of_the_source() -> None:
    assert signatures.written(signatures.function_node(typed_einsum.softmax)) == (
        "softmax(\n    scores: Tensor,\n    axes: str,\n    *,\n    over: str,\n"
        "    mask: Tensor | None = None,\n    mask_axes: str | None = None,\n) -> Tensor"
    )
    energy = attention.equations()["alignment.energy"]
    assert 'hidden: Float[Tensor, "b k a"]' in signatures.written(signatures.function_node(energy))
    checked = signatures.written(signatures.function_node(testing.check_contract))
    assert "    fn_or_module: Callable[..., Any],\n    /,\n    *passed: Any,\n    args:" in checked


def sample(first: int, second: str = "b") -> None:
    """Do a thing.

    It is done well.

    Args:
        first: one
            and more.
        second: another.

    Returns: nothing
    at all.

    Examples:
        >>> sample(1)
        >>> 1 + 1
        2
    """


def test_a_docstring_is_taken_apart() -> None:
    assert reading.read_docstring(sample) == reading.Docstring(
        "Do a thing.",
        (("", "It is done well."),),
        {"first": "one and more", "second": "another"},
        {"Returns": "nothing at all."},
        "Examples:\n    >>> sample(1)\n    >>> 1 + 1\n    2",
    )
    shown = reading.doctest_block(reading.read_docstring(sample).example)
    assert shown == "```python\nsample(1)\n1 + 1  # 2\n```"
    assert rows_of(reference.table(signatures.parameters_of(signatures.function_node(sample)), {})) == {
        "first": ["`int`", ""],
        "second": ["`str`", '`"b"`'],
    }
