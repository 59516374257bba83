"""What checking a function or a file comes to: data that the worker sends and the command prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["ok", "finding", "skipped", "failed"]


@dataclass(frozen=True)
class Outcome:
    """One line of the report. `text` is the equation, the finding's sentence, or the reason.

    `failed` is a file that could not be run at all.
    """

    kind: Kind
    file: str
    line: int
    column: int
    name: str
    text: str = ""
    code: str = ""
    message: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}:"
        match self.kind:
            case "ok":
                return f"{place} ok {self.name}" + (f"  ({self.text})" if self.text else "")
            case "finding":
                return f"{place} {self.code} {self.text}" + (f" (in {self.name})" if self.name else "")
            case "skipped":
                return f"{place} skipped {self.name}: {self.text}"
            case "failed":
                return f"{self.file}: could not run: {self.text}"
