"""What an audit finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Severity = Literal["error", "advice"]


class SourceLine(NamedTuple):
    """A line of the checked code."""

    file: str
    number: int


@dataclass(frozen=True)
class Flaw:
    """What a rule sees in one operation: how sure, a sentence, and the line."""

    severity: Severity
    message: str
    line: SourceLine


def error(message: str, line: SourceLine) -> Flaw:
    """A flaw that is known to be the function's fault."""
    return Flaw("error", message, line)


def advice(message: str, line: SourceLine) -> Flaw:
    """A flaw that may be meant."""
    return Flaw("advice", message, line)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or may be: what, how sure, and where.

    Attributes:
        code: has a page in the docs, such as TE703.
        severity: `"error"`, or `"advice"` for what may be meant.
        message: one sentence or two.
        file: the checked code.
        line: in the file, from 1.
        column: in the line, from 1.
        details: the whole message, where there is more to it.
    """

    code: str
    severity: Severity
    message: str
    file: str
    line: int
    column: int = 1
    details: str = ""

    def __str__(self) -> str:
        advice = "advice: " if self.severity == "advice" else ""
        return f"{self.file}:{self.line}: {self.code} {advice}{self.message}"
