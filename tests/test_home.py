"""The promises on the home page and in README.md are those that the benchmarks recorded."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parent.parent / "docs" / "scripts"
sys.path.insert(0, str(SCRIPTS))
import promises  # noqa: E402


@pytest.mark.parametrize("page", promises.PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_a_page_says_what_was_recorded(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "<!-- promises -->" in text
    filled = promises.pages.filled(text, {"promises": promises.table(*promises.PAGES[page])})
    assert filled == text, "run: python docs/scripts/promises.py"


@pytest.mark.parametrize(
    ("name", "path", "promise"),
    [
        ("rivals", ("cells", "permuted_result", "typed-einsum", "outcome"), promises.equations_die_at_import),
        ("speed", ("tiny", "@typed_einsum", "ratio"), promises.checked_is_faster),
        (
            "fresh",
            ("bugs", "214_anchor_classes_interleaved", "buggy", "error"),
            promises.silent_bugs_become_loud,
        ),
    ],
)
def test_another_record_changes_a_promise(
    name: str, path: tuple[str, ...], promise: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, record, read = promise(), promises.record(name), promises.record
    *inner, last = path
    place = record
    for key in inner:
        place = place[key]
    place[last] = {"outcome": "silent", "ratio": 7.5, "error": []}[last]
    monkeypatch.setattr(promises, "record", lambda asked: record if asked == name else read(asked))
    assert promise() != before
