"""The README as the package index shows it: the index has no files, so links to files become addresses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

FILE = re.compile(r"\]\((?!https?:|#)(?P<path>[^)#]+)(?P<anchor>#[^)]*)?\)")


class Readme(MetadataHookInterface):
    """Fills in `readme`, from README.md."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set what pyproject.toml calls dynamic."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        urls = metadata["urls"]
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": with_addresses(text, urls["Documentation"], urls["Source"]),
        }


def with_addresses(text: str, site: str, source: str) -> str:
    """A README whose links lead to the site and the repository.

    Pages are at the address that MkDocs gives them.
    """

    def address(found: re.Match[str]) -> str:
        path, anchor = found["path"], found["anchor"] or ""
        if not path.startswith("docs/"):
            return f"]({source}/blob/main/{path}{anchor})"
        page = re.sub(r"(^|/)index\.md$|\.md$", "/", path.removeprefix("docs/"))
        return f"]({site}{page.removeprefix('/')}{anchor})"

    return FILE.sub(address, text)
