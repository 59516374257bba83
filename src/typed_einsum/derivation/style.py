"""The colours of roles, and the style sheets of HTML and SVG.

A page sets `--einsum-batch` and so on to have colours of its own. Without those, the colours here hold in
light and, where the reader's system asks for it, in dark. On a page of Material for MkDocs or Zensical,
which has a switch for it, the switch decides. A colour is never the only sign of a role: words,
labels and line styles say it too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from importlib.resources import files

ROLES = ("batch", "free", "contracted", "maximised", "diagonal", "lone")

LIGHT = {
    "surface": "#ffffff",
    "ink": "#1f2328",
    "soft": "#57606a",
    "line": "#c9ced6",
    "batch": "#1557a8",
    "free": "#13693a",
    "contracted": "#b02a1f",
    "maximised": "#7733a8",
    "diagonal": "#855200",
    "lone": "#575d66",
}
DARK = {
    "surface": "#16191f",
    "ink": "#e6e9ee",
    "soft": "#a6adb8",
    "line": "#4a515c",
    "batch": "#82bcff",
    "free": "#7bd397",
    "contracted": "#ff9a8f",
    "maximised": "#d3a8ff",
    "diagonal": "#f0bb66",
    "lone": "#b4bac5",
}

DASHES = {
    "batch": "none",
    "free": "none",
    "contracted": "7 4",
    "maximised": "2 4",
    "diagonal": "10 3 2 3",
    "lone": "4 6",
}
WIDTHS = {"batch": 3.2, "free": 1.6, "contracted": 2, "maximised": 2.4, "diagonal": 1.8, "lone": 1.6}
"""Line styles: batch and free are solid and differ in width, the others are dashed each in its own way."""


LIT = "{text-decoration:underline;text-decoration-thickness:2px;font-weight:700;stroke-width:4}"
"""How an axis is lit."""


def variable(name: str) -> str:
    """A colour as CSS: the page's if it has one, else ours."""
    return f"var(--einsum-{name}, var(--einsum-own-{name}, {LIGHT[name]}))"


def own_colours(selector: str) -> str:
    """Rules that give an element our colours, in light and in dark."""

    def declared(colours: dict[str, str]) -> str:
        return "{" + "".join(f"--einsum-own-{name}:{colour};" for name, colour in colours.items()) + "}"

    light, dark = declared(LIGHT), declared(DARK)
    return (
        f"{selector}{light}@media (prefers-color-scheme: dark){{{selector}{dark}}}"
        f"[data-md-color-scheme=default] {selector}{light}[data-md-color-scheme=slate] {selector}{dark}"
    )


def html_style(labels: Sequence[str], *, base: bool = True) -> str:
    """The style sheet of a derivation in HTML whose axes have these labels.

    Without `base`, what lights these axes up is all of it: a page needs the rest once.
    """
    return "\n".join([*(_base_rules() if base else ()), *map(highlight, labels)])


@lru_cache(maxsize=1)
def _base_rules() -> tuple[str, ...]:
    sheet = files("typed_einsum.derivation").joinpath("derivation.css").read_text(encoding="utf-8")
    bare = re.sub(r"(?s)/\*.*?\*/\s*|\n\s*", "", sheet)
    coloured = re.sub(r"--(\w+)--", lambda found: variable(found[1]), bare)
    roles = [f".einsum-derivation .role-{role}{{color:{variable(role)}}}" for role in ROLES]
    box = own_colours(".einsum-derivation")
    return (box, coloured, *roles, *_picture_rules("einsum-picture"), f".einsum-derivation .einsum-lit{LIT}")


def highlight(label: str) -> str:
    """The rule that lights one axis up everywhere while it is pointed at or has the focus."""
    box = ".einsum-derivation"
    # In CSS a text ends at its quote, and in HTML a style ends at `</style`: an axis label has neither.
    marked = f'[data-i="{label}"]'
    return f"{box}:has({marked}:hover) {marked},{box}:has({marked}:focus) {marked}{LIT}"


def svg_style(scope: str) -> str:
    """The style sheet inside a picture, for elements below the class `scope`."""
    return escape(own_colours(f".{scope}") + "".join(_picture_rules(scope)), quote=False)


def _picture_rules(scope: str) -> list[str]:
    box = f".{scope}"
    rules = []
    rules.append(
        f"{box} text{{font:13px system-ui,-apple-system,'Segoe UI',sans-serif;fill:{variable('ink')}}}"
        f"{box} .einsum-soft{{fill:{variable('soft')};font-size:11px}}"
        f"{box} .einsum-name{{font-weight:700}}"
        f"{box} .einsum-surface{{fill:{variable('surface')}}}"
        f"{box} .einsum-cell{{fill:{variable('surface')};stroke-width:1.6}}"
        f"{box} .einsum-node{{fill:{variable('surface')};stroke:{variable('ink')};stroke-width:1.8}}"
        f"{box} .einsum-wire{{fill:none;stroke-linecap:round}}"
    )
    for role in ROLES:
        dash = f";stroke-dasharray:{DASHES[role]}" if DASHES[role] != "none" else ""
        rules.append(
            f"{box} .role-{role}{{color:{variable(role)}}}"
            f"{box} text.role-{role}{{fill:{variable(role)}}}"
            f"{box} .einsum-cell.role-{role},{box} .einsum-wire.role-{role}{{stroke:{variable(role)}}}"
            f"{box} .einsum-dot.role-{role}{{fill:{variable(role)}}}"
            f"{box} .einsum-wire.role-{role}{{stroke-width:{WIDTHS[role]}{dash}}}"
        )
    return rules
