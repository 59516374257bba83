"""The derivation in HTML: one section, with MathML for formulas and inline SVG for pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from typed_einsum.derivation.document import (
    AxisName,
    Block,
    Code,
    Line,
    Listing,
    Math,
    Paragraph,
    Picture,
    RoleWord,
    Section,
    Table,
)
from typed_einsum.derivation.formula import math_element
from typed_einsum.derivation.style import html_style
from typed_einsum.derivation.telling import sections

if TYPE_CHECKING:
    from typed_einsum.derivation import Derivation


def to_html(
    derivation: Derivation, steps: Sequence[str] | None, level: int | None, style: bool, prefix: str
) -> str:
    """The whole derivation, or some of its steps; well-formed as XML too."""
    labels = [index.label for index in derivation.subject.indices]
    sheet = f"<style>{escape(html_style(labels), quote=False)}</style>\n" if style else ""
    chosen = sections(derivation, steps)
    shown = [_section(section, derivation, level, prefix) for section in chosen]
    if any(section.step == "notation" for section in chosen):
        shown.append(_latex(derivation))
    title = escape(derivation.subject.title)
    return (
        f'<section class="einsum-derivation">\n{sheet}'
        f'<p class="einsum-title"><code>{title}</code></p>\n{"".join(shown)}</section>\n'
    )


def _latex(derivation: Derivation) -> str:
    """The source of all formulas, to be copied, and for readers that flatten a page."""
    source = escape(derivation.to_latex())
    return (
        '<details class="einsum-latex" data-search-exclude=""><summary>LaTeX source</summary>\n'
        f'<pre tabindex="0"><code class="language-latex">{source}</code></pre>\n</details>\n'
    )


def _section(section: Section, derivation: Derivation, level: int | None, prefix: str) -> str:
    blocks = "".join(_block(block, derivation, prefix) for block in section.blocks)
    heading = "" if level is None else f"<h{level}>{escape(section.title)}</h{level}>\n"
    return f'<div class="einsum-step einsum-{section.step}">\n{heading}{blocks}</div>\n'


def _block(block: Block, derivation: Derivation, prefix: str) -> str:
    roles = derivation.roles
    match block:
        case Paragraph(line):
            return f"<p>{_line(line, roles)}</p>\n"
        case Math(formula):
            return f'<div data-search-exclude="">{math_element(formula, roles)}</div>\n'
        case Listing(code, language):
            return f'<pre tabindex="0"><code class="language-{language}">{escape(code)}</code></pre>\n'
        case Table():
            return _table(block, roles)
        case Picture(form):
            return f'<figure data-search-exclude="">{derivation.to_svg(form, prefix)}</figure>\n'


def _table(table: Table, roles: Mapping[str, str]) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        scope = ' scope="col"' if tag == "th" else ""
        marked = [' class="einsum-number"' if i in table.right else "" for i in range(len(cells))]
        inner = [f"<{tag}{scope}{mark}>{cell}</{tag}>" for cell, mark in zip(cells, marked, strict=True)]
        return f"<tr>{''.join(inner)}</tr>\n"

    body = "".join(row([_line(cell, roles, focus=True) for cell in cells], "td") for cells in table.rows)
    return (
        f'<div class="einsum-scroll" tabindex="0" data-search-exclude=""><table class="einsum-table">'
        f"<caption>{escape(table.caption)}</caption>\n"
        f"<thead>{row([escape(name) for name in table.head], 'th')}</thead>\n"
        f"<tbody>{body}</tbody></table></div>\n"
    )


def _line(line: Line, roles: Mapping[str, str], *, focus: bool = False) -> str:
    shown = []
    for part in line:
        match part:
            case Code(text):
                shown.append(f"<code>{escape(text)}</code>")
            case AxisName(label):
                tab = ' tabindex="0"' if focus and line == (part,) else ""
                named = escape(label)
                shown.append(f'<var class="role-{roles[label]}" data-i="{named}"{tab}>{named}</var>')
            case RoleWord(role):
                shown.append(f'<span class="role-{role}">{role}</span>')
            case _:
                shown.append(escape(part))
    return "".join(shown)
