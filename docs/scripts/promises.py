"""The three promises with their figures, for README.md and the home page: `python docs/scripts/promises.py`.

The figures come from the records that the scripts in benchmarks/ write.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
import fresh  # noqa: E402
import pages  # noqa: E402

PAGES = {ROOT / "README.md": "docs/", ROOT / "docs" / "index.md": ""}
"""Where the promises stand, and what the address of a page begins with there."""


def record(name: str) -> Any:
    """What a benchmark wrote."""
    return json.loads((ROOT / "benchmarks" / f"{name}.json").read_text(encoding="utf-8"))


def equations_die_at_import() -> str:
    """How many seeded mistakes are caught when the function is defined."""
    cells = record("rivals")["cells"].values()
    outcomes = [each["typed-einsum"]["outcome"] for each in cells]
    ours = [outcome for outcome in outcomes if outcome != "works"]  # the others are not mistakes
    rest = "none stays silent" if "silent" not in ours else f"{ours.count('silent')} stay silent"
    return (
        f"{ours.count('at definition')} of {len(ours)} mistakes stop the import, the others the call; {rest}"
    )


def checked_is_faster() -> str:
    """A typed call beside the unchecked one."""
    measured = record("speed")
    tiny, large = measured["tiny"]["@typed_einsum"]["ratio"], measured["large"]["forward"]["geometric mean"]
    rival = measured["tiny"]["jaxtyping + beartype"]["ratio"]
    return (
        f"a tiny call takes {tiny:.2f} of `torch.einsum`'s time (jaxtyping + beartype {rival:.1f}), "
        f"a large one {large:.2f}"
    )


def silent_bugs_become_loud() -> str:
    """How many bugs are found of those that were collected apart from the checks."""
    found = fresh.counts(record("fresh"))
    return (
        f"{found['found']} of {found['silent']} silent bugs from whole layers and losses found with nothing "
        f"configured, {found['found with a reference']} with a reference"
    )


def table(folder: str) -> str:
    """The promises as a table, with links from a page."""
    return pages.table(
        ["promise", "measured", "by"],
        [
            [
                "**Wrong equations die at import**",
                equations_die_at_import(),
                f"[comparison]({folder}comparison.md)",
            ],
            ["**Checked is faster than unchecked**", checked_is_faster(), f"[speed]({folder}speed.md)"],
            [
                "**Silent shape bugs become loud in tests**",
                silent_bugs_become_loud(),
                f"[which tool]({folder}which-tool.md)",
            ],
        ],
    )


def main() -> None:
    """Fill the pages."""
    for page, folder in PAGES.items():
        pages.fill(page, {"promises": table(folder)})


if __name__ == "__main__":
    main()
