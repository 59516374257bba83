"""The sentence about bugs without annotations says what was recorded, and counts rightly."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import pages
import stripped


def test_the_page_says_what_was_recorded() -> None:
    page = stripped.PAGE.read_text(encoding="utf-8")
    record = json.loads(stripped.RECORD.read_text(encoding="utf-8"))
    assert pages.filled(page, stripped.texts_of(record)) == page, "run: python benchmarks/stripped.py"


def said(error: tuple[str, ...] = (), advice: tuple[str, ...] = ()) -> dict[str, list[str]]:
    return {"error": [*error], "advice": [*advice]}


def test_advice_that_the_repaired_form_gets_too_is_not_counted() -> None:
    found: dict[str, Any] = {
        "an error": {"silent": True, "buggy": said(("TE703",)), "fixed": said()},
        "advice": {"silent": True, "buggy": said((), ("TE709", "TE710")), "fixed": said((), ("TE709",))},
        "nothing new": {"silent": True, "buggy": said((), ("TE709",)), "fixed": said((), ("TE709",))},
        "loud, with an alarm": {"silent": False, "buggy": said(), "fixed": said(("TE704",))},
    }
    assert stripped.counts({"known": found}) == {
        "silent": 3,
        "errors": 1,
        "advised": 1,
        "repairs": 4,
        "alarms": 1,
    }
