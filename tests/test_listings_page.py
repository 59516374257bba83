"""The table of docs/shapes.md is that of the record, and what counts as named is told from what does not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import listings
import pages


def test_the_page_is_that_of_the_record() -> None:
    page = listings.PAGE.read_text(encoding="utf-8")
    record = json.loads(listings.RECORD.read_text(encoding="utf-8"))
    assert pages.filled(page, listings.contents_of(record)) == page, "run: python benchmarks/listings.py"


@pytest.mark.parametrize(
    ("text", "named"),
    [("(b, t)", True), ("(b, 1, h*d)", True), ("(b, 4)", False), ("(b, x0)", False), ("(b, x0//2)", False)],
)
def test_a_place_and_a_bare_number_are_no_names(text: str, named: bool) -> None:
    assert listings.is_named(text, {"x0", "x1"}) is named
