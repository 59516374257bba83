"""`check --static` on this project's own files: `python benchmarks/static_check.py` fills the page.

Timed are whole commands, from the start of Python to its end.

Predicted before the first run: 3 seconds for 400 files.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from pages import fill
from timing import machine

HERE = Path(__file__).parent
RECORD = HERE / "static.json"
PAGE = HERE.parent / "docs" / "check.md"

ROUNDS = 7
FOLDERS = ("src", "tests")


def timed() -> tuple[float, str]:
    """How long one command takes, and its last line."""
    line = [sys.executable, "-m", "typed_einsum.cli", "check", "--static", *FOLDERS]
    begun = time.perf_counter()
    done = subprocess.run(line, cwd=HERE.parent, capture_output=True, encoding="utf-8")
    return time.perf_counter() - begun, done.stdout.splitlines()[-1]


def measured() -> dict[str, Any]:
    """The median of some runs, and how much they read."""
    runs = [timed() for _ in range(ROUNDS)]
    read = re.search(r"(\d+) equations read in (\d+) files; .* (\d+) of (\d+)$", runs[0][1])
    assert read is not None, runs[0][1]
    numbers = dict(
        zip(("equations", "files", "annotated", "functions"), map(int, read.groups()), strict=True)
    )
    return {**numbers, "seconds": round(statistics.median(each for each, _ in runs), 2), "machine": machine()}


def texts_of(record: dict[str, Any]) -> dict[str, str]:
    """What stands on the page."""
    return {
        "static": f"The {record['files']} files of this project's `src` and `tests`, with "
        f"{record['equations']} equations and\n{record['annotated']} annotated functions, "
        f"take {record['seconds']} s, "
        f"{1000 * record['seconds'] / record['files']:.1f} ms a file ({record['machine']['processor']})."
    }


def main() -> None:
    """Measure, and fill the page."""
    record = measured()
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    fill(PAGE, texts_of(record))


if __name__ == "__main__":
    main()
