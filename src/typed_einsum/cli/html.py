"""`typed-einsum html`: what was observed, as static pages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from typed_einsum.cli.arguments import given_path
from typed_einsum.cli.reporting import NOTHING, observed_in
from typed_einsum.cli.statuses import CLEAN, COULD_NOT_RUN
from typed_einsum.testing.observe.store import FOLDER, BadStore, folder_near

PAGES = Path(FOLDER) / "html"


def add_html(commands: Any) -> None:
    """Add the command to the parser."""
    html = commands.add_parser(
        "html",
        help="write pages with the shapes beside the source",
        description="Write a page for each file that `run` or `pytest --shapes` has observed: its source "
        "with the named shape of each tensor beside its line, the findings, and an index. The pages need "
        "no network.",
        epilog="Exit status: 0 written, 2 no run to show.",
    )
    html.add_argument(
        "--output",
        type=given_path,
        metavar="FOLDER",
        help="where to write them (default: .typed-einsum/html)",
    )
    html.set_defaults(run=lambda options: run_html(options.output))


def run_html(output: Path | None) -> int:
    """Write the pages, and say where they are."""
    from typed_einsum.testing.listing.pages import INDEX, pages

    folder = folder_near(Path.cwd())
    try:
        if folder is None:
            raise BadStore(NOTHING)
        observations = observed_in(folder)
        where = output or folder.parent / PAGES
        where.mkdir(parents=True, exist_ok=True)
        for name, text in pages(observations, folder.parent):
            (where / name).write_text(text, encoding="utf-8")
    except (BadStore, OSError) as error:
        print(f"typed-einsum: {error}", file=sys.stderr)
        return COULD_NOT_RUN
    print(f"wrote {where / INDEX}")
    return CLEAN
