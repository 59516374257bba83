"""Tables on pages: what stands between `<!-- NAME -->` and `<!-- /NAME -->` is written by a script."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def filled(page: str, contents: Mapping[str, str]) -> str:
    """The page with these contents between their markers; markers of other names stay as they are."""
    for name, content in contents.items():
        between = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- /{re.escape(name)} -->)", re.DOTALL)
        page = between.sub(lambda found, text=content: f"{found[1]}\n{text}\n\n{found[2]}", page)
    return page


def fill(path: Path, contents: Mapping[str, str]) -> None:
    """Fill the page in this file."""
    path.write_text(filled(path.read_text(encoding="utf-8"), contents), encoding="utf-8")
