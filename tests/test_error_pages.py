"""Every code has a page, and every page says what its code does. Each check is shown able to fail."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest
from support.written_messages import error_code

from typed_einsum.errors import CODES

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "errors"
INDEX = "index"

BLOCK = re.compile(r"^```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
RAISES = re.compile(r"<!-- raises -->\s*\Z")
ROW = re.compile(r"^\| \[(?P<code>\w+)\]\((?P<page>[\w.]+)\) \| (?P<meaning>.*) \|$", re.MULTILINE)


def is_finding(code: str) -> bool:
    """Whether the code is never raised, but reported of a function that was run or read."""
    return code.startswith("TE7")


def read_pages(folder: Path) -> dict[str, str]:
    """The text of every page of a folder, by its name."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}


def missing_or_left_over(pages: Mapping[str, str], codes: Mapping[str, str]) -> list[str]:
    """Codes without a page, and pages without a code."""
    without_page = [f"{code} has no page" for code in codes if code not in pages]
    return without_page + [f"{name} is no code" for name in pages if name not in codes and name != INDEX]


def unknown_codes(source: str, codes: Mapping[str, str]) -> set[str]:
    """The codes in a source that are not in the list."""
    return set(re.findall(r"\bTE\d{3}\b", source)) - set(codes)


def wrong_titles(pages: Mapping[str, str], codes: Mapping[str, str]) -> list[str]:
    """Pages that do not begin with the code and its meaning."""
    titles = {code: f"# {code}: {meaning}" for code, meaning in codes.items() if code in pages}
    return [code for code, title in titles.items() if pages[code].partition("\n")[0] != title]


def wrong_rows(index: str, codes: Mapping[str, str]) -> list[str]:
    """Codes that the index lacks, links elsewhere, or explains in other words; and rows for no code."""
    rows = {row["code"]: (row["page"], row["meaning"]) for row in ROW.finditer(index)}
    wanted = {code: (f"{code}.md", meaning) for code, meaning in codes.items()}
    return [code for code in {**wanted, **rows} if rows.get(code) != wanted.get(code)]


def raised_codes(page: str) -> set[str]:
    """The codes of the messages that executed blocks of a page raise."""
    blocks = list(BLOCK.finditer(page))
    return {
        error_code(following["text"])
        for block, following in pairwise(blocks)
        if block["language"] == "python"
        and RAISES.search(page, 0, block.start())
        and following["language"] == "text"
    }


def without_example(pages: Mapping[str, str]) -> list[str]:
    """Pages that do not show their own code: raised, or for a finding as it is reported."""
    lacking = []
    for code, page in pages.items():
        if code == INDEX:
            continue
        reports = [
            block["text"] for block in BLOCK.finditer(page) if block["language"] in ("text", "console")
        ]
        shown = (
            any(f"{code} " in text for text in reports) if is_finding(code) else code in raised_codes(page)
        )
        if not shown:
            lacking.append(code)
    return lacking


def without_repair(pages: Mapping[str, str]) -> list[str]:
    """Pages that show no repair, or none that runs and asserts something."""
    return [
        code
        for code, page in pages.items()
        if code != INDEX
        and not re.search(r"^## Repair$.*^\s*(assert|print)\b", page, re.MULTILINE | re.DOTALL)
    ]


def in_navigation(settings: str) -> bool:
    """Whether the settings of the site lead to the index of errors."""
    _, _, navigation = settings.partition("\nnav:\n")
    return bool(re.search(r"^ +- .*errors/index\.md$", navigation.partition("\n\n")[0], re.MULTILINE))


PAGES = read_pages(FOLDER)


def test_each_code_has_a_page_and_each_page_a_code() -> None:
    assert missing_or_left_over(PAGES, CODES) == []


def test_titles_state_the_meaning() -> None:
    assert wrong_titles(PAGES, CODES) == []


def test_the_index_lists_every_code() -> None:
    assert wrong_rows(PAGES[INDEX], CODES) == []


def test_each_page_shows_its_code() -> None:
    assert without_example(PAGES) == []


def test_each_page_shows_a_repair() -> None:
    assert without_repair(PAGES) == []


def test_the_site_leads_to_the_index() -> None:
    assert in_navigation((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))


# The checks themselves, on a small tree: right as it stands, then wrong in one place each.

SMALL_CODES = {"TE101": "no arrow", "TE701": "a crash"}

RAISED = """\
# TE101: no arrow

<!-- raises -->
```python
einsum("b", x)
```

```text
EquationError[TE101]: the equation has no `->`
```

## Repair

```python
assert einsum("b->b", x).shape == (2,)
```
"""

FOUND = """\
# TE701: a crash

```console
model.py:2: TE701 a crash
```

## Repair

```python
assert repaired
```
"""

SMALL_INDEX = """\
# Errors

| Code | Meaning |
| --- | --- |
| [TE101](TE101.md) | no arrow |
| [TE701](TE701.md) | a crash |
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in (("TE101", RAISED), ("TE701", FOUND), (INDEX, SMALL_INDEX)):
        (tmp_path / f"{name}.md").write_text(text, encoding="utf-8")
    return tmp_path


def change(tree: Path, name: str, old: str, new: str) -> dict[str, str]:
    """The pages after one change to one of them."""
    page = tree / f"{name}.md"
    text = page.read_text(encoding="utf-8")
    assert old in text
    page.write_text(text.replace(old, new), encoding="utf-8")
    return read_pages(tree)


def test_a_right_tree_passes(tree: Path) -> None:
    pages = read_pages(tree)
    assert missing_or_left_over(pages, SMALL_CODES) == []
    assert wrong_titles(pages, SMALL_CODES) == []
    assert wrong_rows(pages[INDEX], SMALL_CODES) == []
    assert without_example(pages) == []
    assert without_repair(pages) == []


def test_a_missing_page_and_one_too_many_are_seen(tree: Path) -> None:
    (tree / "TE101.md").rename(tree / "TE100.md")
    assert missing_or_left_over(read_pages(tree), SMALL_CODES) == ["TE101 has no page", "TE100 is no code"]


def test_a_wrong_title_is_seen(tree: Path) -> None:
    assert wrong_titles(change(tree, "TE701", "a crash", "a stop"), SMALL_CODES) == ["TE701"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("| [TE701](TE701.md) | a crash |\n", ""),
        ("(TE701.md)", "(TE101.md)"),
        ("a crash", "a stop"),
        ("[TE701]", "[TE702]"),
    ],
    ids=["no row", "another page", "other words", "another code"],
)
def test_a_wrong_row_is_seen(tree: Path, old: str, new: str) -> None:
    assert "TE70" in " ".join(wrong_rows(change(tree, INDEX, old, new)[INDEX], SMALL_CODES))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("TE101", "<!-- raises -->\n", ""),
        ("TE101", "[TE101]", "[TE102]"),
        ("TE101", "```text", "```console"),
        ("TE701", "TE701 a crash\n```", "TE702 a crash\n```"),
        ("TE701", "```console", "```python"),
    ],
    ids=["not executed", "another code", "another language", "another finding", "no report"],
)
def test_a_page_without_its_code_is_seen(tree: Path, name: str, old: str, new: str) -> None:
    assert without_example(change(tree, name, old, new)) == [name]


@pytest.mark.parametrize(("old", "new"), [("## Repair", "## Remarks"), ("assert ", "")])
def test_a_page_without_a_repair_is_seen(tree: Path, old: str, new: str) -> None:
    assert without_repair(change(tree, "TE101", old, new)) == ["TE101"]


@pytest.mark.parametrize(
    ("settings", "leads"),
    [
        ("\nnav:\n  - Home: index.md\n  - Errors: errors/index.md\n\nplugins:\n", True),
        ("\nnav:\n  - Home: index.md\n  - Errors:\n      - errors/index.md\n\nplugins:\n", True),
        ("\nnav:\n  - Home: index.md\n\nplugins:\n  - errors/index.md\n", False),
        ("\nplugins:\n  - search\n", False),
    ],
)
def test_a_site_without_the_index_is_seen(settings: str, leads: bool) -> None:
    assert in_navigation(settings) is leads


def test_every_code_in_the_source_is_in_the_list() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    assert unknown_codes(sources, CODES) == set()
    assert unknown_codes('yield "TE201"; yield "TE799"', CODES) == {"TE799"}
