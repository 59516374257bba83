"""The pages of the codes as text: beside the code if installed, in `docs` in a checkout."""

from __future__ import annotations

import re
from pathlib import Path

SITE = "https://typed-einsum.github.io/typed-einsum/"
"""The address of the docs, as in the project's metadata (`[project.urls]` of pyproject.toml)."""

PACKAGE = Path(__file__).parent.parent
FOLDERS = (PACKAGE / "pages", PACKAGE.parent.parent / "docs" / "errors")


def address_of(code: str) -> str:
    """The address of the page of a code."""
    return f"{SITE}errors/{code}"


def page_of(code: str) -> str:
    """The page of a code, without the parts that only the site needs; empty if there is none."""
    for folder in FOLDERS:
        file = folder / f"{code}.md"
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            return re.sub(r"<!-- [\w/: ,-]+ -->\n", "", text).strip()
    return ""
