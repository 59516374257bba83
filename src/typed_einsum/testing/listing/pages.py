"""Static pages of what was observed: one for each file with shapes beside its lines, and an index."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from pathlib import Path

from typed_einsum.derivation import explain
from typed_einsum.derivation.html import once
from typed_einsum.errors import TypedEinsumError
from typed_einsum.testing.listing.html import BOX, axes_html, coloured, colours_of, line_html, style
from typed_einsum.testing.listing.listing import Line
from typed_einsum.testing.listing.stored import axes_in, listed
from typed_einsum.testing.observe.records import Found, Function, Observations
from typed_einsum.testing.observe.shapes import signature_seen

INDEX = "index.html"

FILTER = """
const field = document.getElementById("axis"), rows = [...document.querySelectorAll("[data-axes]")];
field.addEventListener("input", () => rows.forEach(row => {
  row.hidden = field.value !== "" && !row.dataset.axes.split(" ").some(axis => axis.startsWith(field.value));
}));
"""
"""Shows the functions that have an axis of some name. The page needs it for nothing else."""


def pages(observations: Observations, root: Path) -> Iterator[tuple[str, str]]:
    """The name and the text of each page."""
    by_file = groupby(observations.functions, lambda function: function.file)
    files = {file: list(functions) for file, functions in by_file}
    yield INDEX, _index(files, observations.summary())
    for file, functions in files.items():
        path = root / file
        if path.is_file():
            yield name_of(file), _page(file, functions, path.read_text(encoding="utf-8", errors="replace"))


def name_of(file: str) -> str:
    """The name of the page of a file."""
    return re.sub(r"[^\w.-]", "_", file).lstrip("._") + ".html"


def _document(title: str, body: str, script: str = "") -> str:
    width = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    icon = '<link rel="icon" href="data:,">'  # without it a browser asks the server for /favicon.ico
    end = f"<script>{script}</script>\n" if script else ""
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n{width}\n{icon}\n'
        f"<title>{escape(title)}</title>\n<style>body{{margin:0;font-family:system-ui,sans-serif}}{style()}"
        f'</style>\n</head>\n<body class="{BOX}">\n<main>\n<h1>{escape(title)}</h1>\n{body}</main>\n{end}'
        f"</body>\n</html>\n"
    )


def _index(files: Mapping[str, Sequence[Function]], summary: str) -> str:
    order = sorted(files, key=lambda file: (-sum(len(each.findings) for each in files[file]), file))
    rows = "".join(_row(file, function) for file in order for function in _worst_first(files[file]))
    head = "".join(f'<th scope="col">{each}</th>' for each in ("function", "findings", "shapes"))
    field = '<p><label>functions with an axis named <input id="axis" type="search"></label></p>\n'
    table = f'<table class="{BOX}-index">\n<tr>{head}</tr>\n{rows}</table>\n'
    return _document("Shapes", f"<p>{escape(summary)}</p>\n{field}{table}", FILTER)


def _worst_first(functions: Sequence[Function]) -> list[Function]:
    return sorted(functions, key=lambda each: (-len(each.findings), each.line))


def _row(file: str, function: Function) -> str:
    names = " ".join(axis.name for axis in axes_in(function.listing)) if function.listing else ""
    link = f'<a href="{escape(name_of(file))}#L{function.line}">{escape(function.name or file)}</a>'
    place = f"<small>{escape(file)}:{function.line}</small>"
    found = len(function.findings)
    count = f"{found} finding{'' if found == 1 else 's'}" if found else ""
    told = escape(_signature(function))
    return (
        f'<tr data-axes="{escape(names)}"><td>{link}<br>{place}</td><td>{count}</td>'
        f"<td><code>{told}</code></td></tr>\n"
    )


def _signature(function: Function) -> str:
    if function.listing:
        return str(function.listing["signature"] or "")
    return signature_seen(function.patterns[0]) if function.patterns else function.text


def _page(file: str, functions: Sequence[Function], text: str) -> str:
    source = text.splitlines()
    lines = {number: Line(number, line, True) for number, line in enumerate(source, 1)}
    above: dict[int, list[str]] = defaultdict(list)
    below: dict[int, list[str]] = defaultdict(list)
    axes = [axis for each in functions if each.listing for axis in axes_in(each.listing)]
    colours = colours_of(axis.name for axis in axes)
    for function in functions:
        above[function.line].append(_head(function, colours))
        if function.listing:
            shown = listed(function.listing, function.name, file, source, function.line)
            lines.update({line.number: line for line in shown.lines})
        for found in function.findings:
            if found.file == file:
                below[found.line].append(_finding(found))
    for number, derivation in _derivations(text):
        below[number].append(derivation)
    rows = "".join(
        "".join(
            [*above[number], _anchored(number, line_html(line, 0, colours)), *dict.fromkeys(below[number])]
        )
        for number, line in lines.items()
    )
    back = f'<p><a href="{INDEX}">all functions</a></p>\n'
    return _document(file, f'{back}<div class="{BOX}-source">\n{rows}</div>\n')


def _anchored(number: int, html: str) -> str:
    return f'<div id="L{number}">{html}</div>'


def _head(function: Function, colours: Mapping[str, str]) -> str:
    """What stands above a function: what it takes and returns, for which sizes, and its axes."""
    parts = [f"<h2><code>{escape(function.name)}</code></h2>"]
    parts.append(f"<p>{coloured(_signature(function), colours)}</p>")
    if function.annotated or not function.listing:
        parts.append(f"<p>{escape(function.text)}</p>")
    if function.listing:
        parts.append(f"<p>{escape(function.listing['extent'])}</p>")
        known = axes_in(function.listing)
        inside = axes_html(known, colours) if known else ""
        parts.append(f"<details><summary>axes</summary>{inside}</details>")
    if function.patterns:
        seen = "; ".join(dict.fromkeys(map(signature_seen, function.patterns)))
        parts.append(f"<p><small>seen: {escape(seen)}</small></p>")
    return f'<div class="{BOX}-head">{"".join(parts)}</div>\n'


def _finding(found: Found) -> str:
    kind = "failure" if found.severity == "error" else "advice"
    return f'<p class="{kind}"><strong>{escape(found.code)}</strong> {escape(found.text)}</p>\n'


def equations_in(text: str) -> Iterator[tuple[int, str]]:
    """The literal equations of calls of `einsum` in a file, each with its line."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Name(id="einsum") | ast.Attribute(attr="einsum"),
                args=[ast.Constant(value=str() as equation), *_],
            ):
                yield node.lineno, equation


def _derivations(text: str) -> Iterator[tuple[int, str]]:
    """The derivation of each equation in a file, folded, with its line; none for other languages' equations.

    The first brings what a page needs once, and each the styles of its axes that none before it has.
    """
    styled: set[str] = set()
    is_first = True
    for number, equation in equations_in(text):
        try:
            derivation = explain(equation)
        except (TypedEinsumError, ValueError):
            continue
        labels = [index.label for index in derivation.axes if index.label not in styled]
        shown = once(labels, base=is_first) + derivation.to_html(style=False, prefix=f"L{number}-")
        styled.update(labels)
        is_first = False
        summary = f"<summary>derivation of <code>{escape(equation)}</code></summary>"
        yield number, f"<details>{summary}{shown}</details>\n"
