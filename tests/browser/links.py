"""The links of a built site: what each page points at, and what is not there."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

SERVER = "http://site"


class Page(HTMLParser):
    """Collects the targets of links, the ids of elements, and those that stand twice."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.twice: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value is None:
                continue
            if name == "id":
                self.twice += [value] if name == "id" and value in self.ids else []
                self.ids.add(value)
            if name in ("href", "src"):
                self.links.append(value)


def pages_of(site: Path) -> dict[str, Page]:
    """Every page, by its path below the site."""
    paths = sorted(site.rglob("*.html"))
    return {path.relative_to(site).as_posix(): Page(path.read_text(encoding="utf-8")) for path in paths}


def broken(site: Path, base: str) -> Iterator[str]:
    """What a page links to inside the site and is not there. `base` is the site's own address."""
    pages = pages_of(site)
    here = SERVER + urlsplit(base).path
    for name, page in pages.items():
        for link in page.links:
            address = urljoin(here + name, link.replace(base, here))
            if not address.startswith(here):
                continue
            target = urlsplit(address)
            path = unquote(target.path).removeprefix(urlsplit(base).path)
            path = f"{path}index.html" if path == "" or path.endswith("/") else path
            if not (site / path).is_file():
                yield f"{name} links to {link}, which is not there"
            elif target.fragment and path in pages and unquote(target.fragment) not in pages[path].ids:
                yield f"{name} links to {link}, but {path} has no such anchor"
