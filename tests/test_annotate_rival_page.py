"""The page about annotating says what was recorded of RightTyper."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import annotate_rival
import pages

RECORD: dict[str, Any] = json.loads(annotate_rival.RECORD.read_text(encoding="utf-8"))
PAGE = annotate_rival.PAGE.read_text(encoding="utf-8")


def test_the_page_says_what_was_recorded() -> None:
    assert pages.filled(PAGE, annotate_rival.texts_of(RECORD)) == PAGE, "run benchmarks/annotate_rival.py"


def test_another_record_changes_the_page() -> None:
    changed = copy.deepcopy(RECORD)
    changed["projects"]["alphafold3-pytorch"]["both"] += 100
    assert pages.filled(PAGE, annotate_rival.texts_of(changed)) != PAGE
