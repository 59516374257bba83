"""The outcome of checking a function or a file: data that the worker sends and the command prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from typed_einsum.diagnostics import Place
from typed_einsum.errors import TypedEinsumError

Kind = Literal["ok", "finding", "advice", "skipped", "failed"]


@dataclass(frozen=True)
class Outcome:
    """One line of the report. `text` is the equation, the finding's sentence, or the reason.

    `name` is the function, or empty for the file as a whole; `message` is a finding in full. `advice` is a
    finding that may be meant so, `failed` a file that could not be run at all. `sizes` says at which sizes
    an `ok` is known: `for all sizes with t <= 64`, or `at b=11 t=13`.
    """

    kind: Kind
    file: str
    line: int = 1
    column: int = 1
    name: str = ""
    text: str = ""
    code: str = ""
    message: str = ""
    sizes: str = ""

    def __str__(self) -> str:
        name = self.name or "the file"
        match self.kind:
            case "ok":
                known = "; ".join(each for each in (self.text, self.sizes) if each)
                return f"{self.file}:{self.line}: ok {name}" + (f"  ({known})" if known else "")
            case "finding" | "advice":
                place = f"{self.file}:{self.line}:{self.column}"
                text = f"advice: {self.text}" if self.kind == "advice" else self.text
                return f"{place}: {self.code} {text}" + (f" (in {self.name})" if self.name else "")
            case "skipped":
                return f"{self.file}:{self.line}: skipped {name}: {self.text}"
            case "failed":
                return f"{self.file}: could not run: {self.text}"


def outcome(kind: Kind, place: Place, name: str, text: str, code: str = "", message: str = "") -> Outcome:
    """The outcome for a function at a place."""
    return Outcome(kind, place.file, place.line, place.column or 1, name, text, code, message)


def finding_of(error: TypedEinsumError, place: Place, name: str = "") -> Outcome:
    """The finding for an error of this library, at the place that it names or else at the one given."""
    diagnostic = error.diagnostic
    at = diagnostic.place or place
    return outcome("finding", at, name, diagnostic.summary, error.code, str(error))


def first_line(error: BaseException) -> str:
    """An exception in one line: its type, and what it says first."""
    said = next((line for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {said.strip()}" if said else type(error).__name__
