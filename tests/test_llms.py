"""The site for language models is what its script makes of the navigation."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent / "docs" / "scripts"
sys.path.insert(0, str(SCRIPTS))
import llms  # noqa: E402


def test_the_file_is_that_of_the_script() -> None:
    written = (llms.DOCS / "llms.txt").read_text(encoding="utf-8")
    assert written == llms.text(), "run: python docs/scripts/llms.py"


def test_every_page_of_the_navigation_says_something() -> None:
    rows = [row for row in llms.pages() if row.startswith("-")]
    assert len(rows) > 20
    assert [row for row in rows if "): " not in row and "Changelog" not in row] == []


def test_a_changed_page_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "mkdocs.yml").write_text("nav:\n  - Home: index.md\n  - More:\n      - A page: a.md\n")
    (tmp_path / "docs" / "index.md").write_text(
        "# Home\n\n````\n```einsum\nb -> b\n```\n````\n\nIt says [this](a.md).\n"
    )
    (tmp_path / "docs" / "a.md").write_text(
        "# A\n\nEnglish\n\nWhat the page is about.\nIn two lines.\n\nMore.\n"
    )
    monkeypatch.setattr(llms, "DOCS", tmp_path / "docs")
    monkeypatch.setattr(llms, "SHORTEST", 10)
    assert list(llms.pages()) == [
        f"- [Home]({llms.SITE}): It says this.",
        "\n## More\n",
        f"- [A page]({llms.SITE}a/): What the page is about. In two lines.",
    ]
