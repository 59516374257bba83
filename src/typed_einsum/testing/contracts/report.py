"""The report of a contract: its findings, and the sizes that it was run at."""

from __future__ import annotations

import html
import json
import re
from dataclasses import asdict, dataclass
from textwrap import wrap

from typed_einsum.testing.audit import Finding

WIDTH = 80
"""Characters in a line of a report, where words allow it."""

_TOGETHER = re.compile(r'\([^()]*\)|`[^`]*`|"[^"]*"')
"""Axes in brackets, code and texts: what a line break would tear apart."""


@dataclass(frozen=True)
class Report:
    """The findings of one function, and how it was run.

    Attributes:
        name: of the function.
        findings: what is wrong, or may be.
        sizes: those it ran at, as text.
        skipped: the reason why it was not judged, or empty.
        note: what the check had to leave out, or empty.
        conditions: None where it was seen at these sizes alone; otherwise its annotations hold at all sizes
            that meet them, on the path of the call.
    """

    name: str
    findings: tuple[Finding, ...] = ()
    sizes: str = ""
    skipped: str = ""
    note: str = ""
    conditions: tuple[str, ...] | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong: no finding, or advice alone."""
        return not self.errors

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that are no mere advice."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    def __str__(self) -> str:
        if self.skipped:
            return f"{self.name}: not judged: {self.skipped}"
        note = f" ({self.note})" if self.note else ""
        if not self.findings:
            return f"{self.name}: ok{self.extent}{note}"
        at = f" (at {self.sizes}){note}" if self.sizes else note
        count = f"{len(self.findings)} finding{'' if len(self.findings) == 1 else 's'}"
        return "\n".join([f"{self.name}: {count}{at}", *map(_lines, self.findings)])

    @property
    def extent(self) -> str:
        """At which sizes that is known, as the report says it."""
        if self.conditions is None:
            return f" at {self.sizes}" if self.sizes else ""
        return " for all sizes" + (f" with {_listed(self.conditions)}" if self.conditions else "")

    def to_json(self) -> str:
        """The report as JSON."""
        return json.dumps({"ok": self.ok, **asdict(self)}, ensure_ascii=False)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(f'{finding.file}:{finding.line}')}</td><td>{finding.code}</td>"
            f"<td>{finding.severity}</td><td>{html.escape(finding.message)}</td></tr>"
            for finding in self.findings
        )
        head = html.escape(str(self).splitlines()[0])
        return f"<p>{head}</p>" + (f"<table>{rows}</table>" if rows else "")


def _lines(finding: Finding) -> str:
    """A finding in lines that are not too long; no space is where a NUL is."""
    tied = _TOGETHER.sub(lambda found: found[0].replace(" ", "\0"), str(finding))
    lines = wrap(
        tied,
        WIDTH,
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines).replace("\0", " ")


def _listed(conditions: tuple[str, ...]) -> str:
    *most, last = conditions
    return f"{', '.join(most)} and {last}" if most else last
