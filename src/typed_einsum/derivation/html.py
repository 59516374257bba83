"""The derivation in HTML: one section, with MathML for formulas and inline SVG for pictures.

It opens with formula and picture side by side; the example follows, and the other steps unfold.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from typed_einsum.derivation import lighting
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
    paragraph,
)
from typed_einsum.derivation.formula import math_element
from typed_einsum.derivation.picture import drawing
from typed_einsum.derivation.stepping import axis, can_be_stepped, script, stepper
from typed_einsum.derivation.style import html_style
from typed_einsum.derivation.telling import hint, sections, sentence

if TYPE_CHECKING:
    from typed_einsum.derivation import Derivation

ORDER = (
    *("notation", "example", "axes", "loops", "vectors", "matrices", "cost", "gradients", "picture"),
    "thumbnail",
)
"""How the steps follow each other on a page: what one looks at comes first."""

OPEN = {"example", "axes", "loops"}
"""The steps of a whole derivation that are unfolded at first."""

CHOOSE = "Small whole numbers. Marked are the entries of the operands that meet in one entry of `{}`."


def to_html(
    derivation: Derivation, steps: Sequence[str] | None, level: int | None, style: bool, prefix: str
) -> str:
    """The whole derivation, or some of its steps; well-formed as XML too."""
    labels = [index.label for index in derivation.subject.indices]
    head = once(labels) if style else ""
    chosen = sorted(sections(derivation, steps), key=lambda section: ORDER.index(section.step))
    page = Page(derivation, prefix, level, {section.step for section in chosen}, steps is None)
    shown = "".join(page.section(section) for section in chosen)
    title = lighting.equation(derivation.subject.title, derivation.subject, derivation.roles)
    return (
        f'<section class="einsum-derivation">\n{head}<p class="einsum-title"><code>{title}</code></p>\n'
        f"{shown}</section>\n"
    )


def once(labels: Sequence[str], *, base: bool = True) -> str:
    """The style sheet for axes of these labels; with `base` all that a page needs once, the script too."""
    rules = html_style(labels, base=base)
    sheet = f"<style>{escape(rules, quote=False)}</style>\n" if rules else ""
    return f"{sheet}<script>{script()}</script>\n" if base else sheet


class Page:
    """Writes the sections of one derivation, which has a picture in its opening or at its end."""

    def __init__(
        self, derivation: Derivation, prefix: str, level: int | None, steps: set[str], whole: bool
    ) -> None:
        self.derivation = derivation
        self.prefix = prefix
        self.level = level
        self.whole = whole
        self.opening = {"notation", "picture"} <= steps
        self.alone = len(steps) == 1  # the page around it says what it shows, in the language of the page

    def section(self, section: Section) -> str:
        """One step: the opening as it is, each other below a heading that folds it.

        A search finds a page by its equation and its opening; the rest would be found on every page.
        """
        match section.step:
            case "notation" if self.opening:
                return self._opening(section)
            case "example" if can_be_stepped(self.derivation):
                said = CHOOSE.format(self.derivation.subject.result.symbol)
                body = ("" if self.alone else self.block(paragraph(said))) + stepper(self.derivation)
            case "picture" if self.opening:
                body = self.block(Picture("network"))
            case _:
                body = "".join(map(self.block, section.blocks))
        return self._folded(section, body)

    def _opening(self, section: Section) -> str:
        formula, *said = section.blocks
        parts = [formula, paragraph(sentence(self.derivation)), *said]
        return (
            '<div class="einsum-step einsum-notation einsum-opening">\n'
            f"<div>{''.join(map(self.block, parts))}{self._latex()}</div>\n"
            f"{self.block(Picture('wires'))}</div>\n"
        )

    def _folded(self, section: Section, body: str) -> str:
        kind = f"einsum-step einsum-{section.step}"
        title = "As a network" if self.opening and section.step == "picture" else section.title
        tail = self._latex() if section.step == "notation" else ""
        if self.level is None:
            return f'<div class="{kind}" data-search-exclude="">\n{body}{tail}</div>\n'
        opened = ' open=""' if not self.whole or section.step in OPEN else ""
        said = hint(self.derivation, section.step)
        small = f' <span class="einsum-hint">{escape(said)}</span>' if said else ""
        heading = f"<h{self.level}>{escape(title)}</h{self.level}>"
        start = f'<details class="{kind}" data-search-exclude=""{opened}>'
        return f"{start}\n<summary>{heading}{small}</summary>\n{body}{tail}</details>\n"

    def _latex(self) -> str:
        """The source of all formulas, to be copied, and for readers that flatten a page."""
        source = escape(self.derivation.to_latex())
        return (
            '<details class="einsum-latex" data-search-exclude=""><summary>LaTeX source</summary>\n'
            f'<pre tabindex="0"><code class="language-latex">{source}</code></pre>\n</details>\n'
        )

    def block(self, block: Block) -> str:
        """One part of a section."""
        subject, roles = self.derivation.subject, self.derivation.roles
        match block:
            case Paragraph(line):
                return f"<p>{self.line(line)}</p>\n"
            case Math(formula):
                return f'<div data-search-exclude="">{math_element(formula, roles)}</div>\n'
            case Listing(code, language):
                shown = lighting.code(code, subject, roles) if language == "python" else escape(code)
                return f'<pre tabindex="0"><code class="language-{language}">{shown}</code></pre>\n'
            case Table():
                return self._table(block)
            case Picture(form):
                picture = drawing(subject, form, self.prefix, style=False)
                return f'<figure data-search-exclude="">{picture}</figure>\n'

    def _table(self, table: Table) -> str:
        def row(cells: Sequence[str], tag: str) -> str:
            scope = ' scope="col"' if tag == "th" else ""
            marked = [' class="einsum-number"' if i in table.right else "" for i in range(len(cells))]
            inner = [f"<{tag}{scope}{mark}>{cell}</{tag}>" for cell, mark in zip(cells, marked, strict=True)]
            return f"<tr>{''.join(inner)}</tr>\n"

        rows = [[self.line(cell, focus=True) for cell in cells] for cells in table.rows]
        body = "".join(row(cells, "td") for cells in rows)
        return (
            f'<div class="einsum-scroll" tabindex="0" data-search-exclude=""><table class="einsum-table">'
            f"<caption>{escape(table.caption)}</caption>\n"
            f"<thead>{row([escape(name) for name in table.head], 'th')}</thead>\n"
            f"<tbody>{body}</tbody></table></div>\n"
        )

    def line(self, line: Line, *, focus: bool = False) -> str:
        """Text with its code, axes and roles; an axis alone in a cell can have the focus."""
        roles = self.derivation.roles
        shown = []
        for part in line:
            match part:
                case Code(text):
                    shown.append(f"<code>{lighting.code(text, self.derivation.subject, roles)}</code>")
                case AxisName(label):
                    tab = ' tabindex="0" data-i' if focus and line == (part,) else " data-i"
                    shown.append(axis(label, roles).replace(" data-i", tab))
                case RoleWord(role):
                    shown.append(f'<span class="role-{role}">{role}</span>')
                case _:
                    shown.append(escape(part))
        return "".join(shown)
