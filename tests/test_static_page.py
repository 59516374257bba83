"""The sentence about the time of `check --static` is that of the record."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import pages
import static_check


def test_the_page_says_what_was_recorded() -> None:
    page = static_check.PAGE.read_text(encoding="utf-8")
    record = json.loads(static_check.RECORD.read_text(encoding="utf-8"))
    assert pages.filled(page, static_check.texts_of(record)) == page, "run: python benchmarks/static_check.py"
