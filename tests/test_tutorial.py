"""Pages in two languages: the same headings, code, links and pictures, so that neither falls behind."""

from __future__ import annotations

import io
import posixpath
import re
import sys
import tokenize
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
sys.path.insert(0, str(DOCS / "scripts"))
import pictures  # noqa: E402

TRANSLATED = sorted(page.relative_to(DOCS / "zh").as_posix() for page in (DOCS / "zh").rglob("*.md"))
ENGLISH = (DOCS / "tutorial.md").read_text(encoding="utf-8")
CHINESE = (DOCS / "zh" / "tutorial.md").read_text(encoding="utf-8")

BLOCK = re.compile(r"^(?:<!-- (\w+) -->\n)?```(\w+[^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#+) ", re.MULTILINE)
LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>[^)]+)\)")
SWITCH = ("English", "\u4e2d\u6587")
"""The texts of links that lead to the same page in the other language."""


def headings(page: str) -> list[str]:
    """The level of each heading, as its signs, without comments in blocks of code."""
    return HEADING.findall(BLOCK.sub("", page))


def blocks(page: str) -> list[tuple[str, ...]]:
    """Each block of code: its marker, its language with options, its text."""
    return [
        (marker, info, without_comments(text) if info.startswith("python") else text)
        for marker, info, text in BLOCK.findall(page)
    ]


def without_comments(source: str) -> str:
    """Python source whose comments are gone, and the spaces before them."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    return "\n".join(lines)


def links(page: str, folder: str) -> list[str]:
    """Where the links of a page lead; of a page in two languages, whether to the language of this one."""
    found = LINK.finditer(BLOCK.sub("", page))
    return [led(link["target"], folder) for link in found if link["text"] not in SWITCH]


def led(target: str, folder: str) -> str:
    """Where one link leads, seen from `docs/`."""
    if "://" in target:
        return target
    resolved = posixpath.normpath(folder + target)
    page = resolved.removeprefix("zh/")
    if page not in TRANSLATED:
        return resolved
    return f"{'own' if resolved.startswith('zh/') == folder.startswith('zh/') else 'other'} {page}"


def differences(english: str, chinese: str, folder: str = "") -> list[str]:
    """What one page has and the other has not, or has otherwise."""
    pairs: dict[str, tuple[Sequence[object], Sequence[object]]] = {
        "heading": (headings(english), headings(chinese)),
        "block": (blocks(english), blocks(chinese)),
        "link": (links(english, folder), links(chinese, f"zh/{folder}")),
    }
    return [
        f"{kind} {number}: {ours} | {theirs}"
        for kind, both in pairs.items()
        for number, (ours, theirs) in enumerate(zip_longest(*both), 1)
        if ours != theirs
    ]


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_page_says_the_same_in_both_languages(name: str) -> None:
    english, chinese = ((DOCS / folder / name).read_text(encoding="utf-8") for folder in ("", "zh"))
    folder = f"{posixpath.dirname(name)}/".removeprefix("/")
    assert differences(english, chinese, folder) == []


def test_the_pages_of_the_messages_most_met_are_there() -> None:
    assert sum(name.startswith("errors/TE") for name in TRANSLATED) >= 10


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_chinese_page_has_a_title_of_its_own(name: str) -> None:
    page = (DOCS / "zh" / name).read_text(encoding="utf-8")
    head = page.split("---\n", 2)[1]
    assert "lang: zh\n" in head
    assert re.search("^title: .*[\u4e00-\u9fff]", head, re.MULTILINE)


def test_there_is_a_tutorial_to_compare() -> None:
    assert len(headings(ENGLISH)) > 8
    assert sum(info == "python" for _, info, _ in blocks(ENGLISH)) > 15
    assert sum(info == "einsum" for _, info, _ in blocks(ENGLISH)) >= 2
    assert len(re.findall("[\u4e00-\u9fff]", BLOCK.sub("", CHINESE))) > 1000


@pytest.mark.parametrize("page", pictures.written(), ids=lambda page: f"{page.parent.name}/{page.name}")
def test_a_page_has_its_pictures(page: Path) -> None:
    text, contents = page.read_text(encoding="utf-8"), pictures.written()[page]
    assert [name for name in contents if f"<!-- {name} -->" not in text] == []
    assert pictures.pages.filled(text, contents) == text, "run: python docs/scripts/pictures.py"


def test_the_pictures_show_the_numbers_of_the_page() -> None:
    code = [line for _, info, text in blocks(ENGLISH) if info == "python" for line in text.splitlines()]
    assert [line for line in pictures.SOURCE.splitlines() if line not in code] == []


def test_lines_side_by_side_are_lines_of_the_block() -> None:
    code = [
        line.strip() for _, info, text in blocks(ENGLISH) if info == "python" for line in text.splitlines()
    ]
    for page in (ENGLISH, CHINESE):
        rows = [row for row in page.splitlines() if re.match(r"\| `(self|return|\w+ =)", row)]
        lines = [line for row in rows for line in re.findall("`([^`]+)`", " ".join(row.split(" | ")[:2]))]
        assert len(rows) == 9
        assert [line for line in lines if line not in code] == []


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_chinese_paragraph_is_one_line(name: str) -> None:
    """A break inside a paragraph would be shown as a space, which Chinese does not have."""
    page = (DOCS / "zh" / name).read_text(encoding="utf-8")
    prose = BLOCK.sub("", page.split("---\n", 2)[2])
    assert re.findall(r"^[^\n|<12-].*\n(?=.)", prose, re.MULTILINE) == []


# The comparison itself, on a small page: two that agree, then one difference at a time.

SMALL = """\
# One dot product

[In Chinese](zh/tutorial.md)

Multiply, then [sum](maximum.md).

<!-- prints -->
```python
x = "# no comment"
# add them up
print(1 + 1)  # two
```

```text
2
```

## More
"""
SMALL_CHINESE = (
    SMALL.replace("One dot product", "\u4e00\u4e2a\u70b9\u79ef")
    .replace("(maximum.md)", "(../maximum.md)")
    .replace("(zh/tutorial.md)", "(../tutorial.md)")
    .replace("# add them up", "# \u52a0\u8d77\u6765")
    .replace("# two", "# \u4e8c")
)


def test_only_prose_and_comments_may_differ() -> None:
    assert SMALL != SMALL_CHINESE
    assert differences(SMALL, SMALL_CHINESE) == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("## More\n", "", "heading 2: ## | None"),
        ("## More\n", "### More\n", "heading 2: ## | ###"),
        ("## More\n", "## More\n\n## Again\n", "heading 3: None | ##"),
        ("1 + 1", "1 + 2", "block 1: "),
        ('"# no comment"', '"# a comment"', "block 1: "),
        ("\n2\n", "\n3\n", "block 2: "),
        ("```text\n2\n```\n", "", "block 2: "),
        ("<!-- prints -->\n", "", "block 1: "),
        ("```python\n", '```python title="sum.py"\n', "block 1: "),
        ("maximum.md", "language.md", "link 2: maximum.md | language.md"),
        ("(../tutorial.md)", "(tutorial.md)", "link 1: other tutorial.md | own tutorial.md"),
    ],
    ids=[
        "heading missing",
        "heading of another level",
        "heading added",
        "code",
        "text of a string",
        "printed text",
        "block missing",
        "marker missing",
        "title added",
        "link",
        "link to the other language",
    ],
)
def test_a_difference_is_found(old: str, new: str, found: str) -> None:
    changed = SMALL_CHINESE.replace(old, new)
    assert changed != SMALL_CHINESE
    shown = differences(SMALL, changed)
    assert len(shown) == 1
    assert shown[0].startswith(found)
