"""The elements that pictures are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from zlib import crc32

from typed_einsum.derivation.style import ROLES, svg_style

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

SCOPE = "einsum-picture"
NARROW = 374
"""What fits on a phone 390 pixels wide, with a margin."""
LETTER = 7.6
"""About how wide a letter is; a little more, so that nothing touches."""

MARGIN = 8

_LEGEND_ROW, _SAMPLE = 20, 30


@dataclass(frozen=True)
class Drawn:
    """Elements, the box they lie in, and the roles to be explained below."""

    elements: tuple[str, ...]
    box: Box
    roles: tuple[str, ...]


def number(value: float) -> str:
    """A coordinate with at most one decimal, and no `-0`."""
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")


def classes(*names: str) -> str:
    """The class attribute."""
    return f'class="{" ".join(names)}"'


def text(at: Point, said: str, *names: str, anchor: str = "middle", index: str = "") -> str:
    """A text, with the axis it belongs to."""
    marked = f' data-i="{escape(index)}"' if index else ""
    attributes = f'x="{number(at[0])}" y="{number(at[1])}" text-anchor="{anchor}" {classes(*names)}{marked}'
    return f"<text {attributes}>{escape(said)}</text>"


def plate(at: Point, said: str, *names: str, index: str = "") -> str:
    """A text on a surface of its own, so that a line behind it does not strike it through."""
    width = len(said) * LETTER + 6
    box = f'x="{number(at[0] - width / 2)}" y="{number(at[1] - 9)}" width="{number(width)}" height="18"'
    return f'<rect {box} class="einsum-surface"/>' + text((at[0], at[1] + 4.5), said, *names, index=index)


def wire(path: str, role: str, index: str) -> str:
    """A line in the colour and style of a role."""
    return f'<path d="{path}" {classes("einsum-wire", f"role-{role}")} data-i="{escape(index)}"/>'


def dot(at: Point, role: str, index: str) -> str:
    """A dot where lines of one axis meet."""
    attributes = f'cx="{number(at[0])}" cy="{number(at[1])}" r="4"'
    return f'<circle {attributes} {classes("einsum-dot", f"role-{role}")} data-i="{escape(index)}"/>'


def move(at: Point) -> str:
    """The start of a path."""
    return f"M{number(at[0])} {number(at[1])}"


def line(to: Point) -> str:
    """A straight piece of a path."""
    return f"L{number(to[0])} {number(to[1])}"


def curve(first: Point, second: Point, to: Point) -> str:
    """A cubic piece of a path."""
    return "C" + " ".join(f"{number(x)} {number(y)}" for x, y in (first, second, to))


def bend(control: Point, to: Point) -> str:
    """A quadratic piece of a path."""
    return "Q" + " ".join(f"{number(x)} {number(y)}" for x, y in (control, to))


def framed(drawn: Drawn, stem: str, title: str, description: str, *, style: bool) -> str:
    """The whole picture: a surface, the elements, and a legend of the roles."""
    left, top, right, bottom = drawn.box
    one_row = sum(_SAMPLE + 20 + len(role) * LETTER for role in drawn.roles)
    width = max(right - left, min(one_row, NARROW - 2 * MARGIN)) + 2 * MARGIN
    legend, height_of_legend = _legend(drawn.roles, width - 2 * MARGIN)
    height = bottom - top + 2 * MARGIN + height_of_legend
    # From the content, so that the same picture has the same name in every run.
    name = f"{stem}-{crc32(f'{title} {description}'.encode()):08x}"
    below = f'transform="translate({MARGIN} {number(bottom - top + 2 * MARGIN)})"'
    return "\n".join(
        [
            _opened(width, height, f'role="img" aria-labelledby="{name}-title {name}-desc"'),
            f'<title id="{name}-title">{escape(title)}</title>',
            f'<desc id="{name}-desc">{escape(description)}</desc>',
            *([_style()] if style else []),
            f"<rect {_surface(width, height)}/>",
            f"<g {_moved(drawn.box, width)}>{''.join(drawn.elements)}</g>",
            f"<g {below}>{''.join(legend)}</g>",
            "</svg>",
        ]
    )


def small(drawn: Drawn, *, style: bool) -> str:
    """The elements alone, for an index: what they say stands beside them."""
    left, top, right, bottom = drawn.box
    width, height = right - left + 2 * MARGIN, bottom - top + 2 * MARGIN
    elements = f"<g {_moved(drawn.box, width)}>{''.join(drawn.elements)}</g>"
    opened, sheet = _opened(width, height, 'aria-hidden="true"'), _style() if style else ""
    return f"{opened}{sheet}{elements}</svg>"


def _opened(width: float, height: float, said: str) -> str:
    size = f'width="{number(width)}" height="{number(height)}" viewBox="0 0 {number(width)} {number(height)}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{SCOPE}" {said} {size} '
        'style="max-width:100%;height:auto">'
    )


def _style() -> str:
    return f"<style>{svg_style(SCOPE)}</style>"


def _surface(width: float, height: float) -> str:
    return f'x="0" y="0" width="{number(width)}" height="{number(height)}" rx="6" class="einsum-surface"'


def _moved(box: Box, width: float) -> str:
    left, top, right, _ = box
    return f'transform="translate({number((width - left - right) / 2)} {number(MARGIN - top)})"'


def _legend(roles: Sequence[str], width: float) -> tuple[list[str], float]:
    elements: list[str] = []
    x, y = 0.0, 10.0
    for role in (role for role in ROLES if role in roles):
        needed = _SAMPLE + 6 + len(role) * LETTER + 14
        if x and x + needed > width:
            x, y = 0.0, y + _LEGEND_ROW
        path = move((x, y)) + line((x + _SAMPLE, y))
        elements.append(f'<path d="{path}" {classes("einsum-wire", f"role-{role}")}/>')
        elements.append(text((x + _SAMPLE + 6, y + 4), role, f"role-{role}", anchor="start"))
        x += needed
    return elements, (y + 10 if roles else 0)
