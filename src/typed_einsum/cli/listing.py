"""Outcomes as the command prints them, and their count."""

from __future__ import annotations

import sys
from collections import Counter

from typed_einsum.cli.formats import as_annotation, as_json, as_sarif
from typed_einsum.cli.settings import Settings
from typed_einsum.cli.statuses import CLEAN, COULD_NOT_RUN, FINDINGS
from typed_einsum.testing.process.outcome import Outcome


class Listing:
    """Outcomes as they come, printed one by one or at the end, and their count."""

    def __init__(self, settings: Settings, verbose: bool) -> None:
        self._settings = settings
        self._verbose = verbose
        self._outcomes: list[Outcome] = []
        self._findings: set[str] = set()
        self._shows_progress = sys.stderr.isatty()

    def add(self, outcome: Outcome) -> None:
        """Take an outcome, unless its code is not to be reported."""
        if outcome.code and not self._settings.reports(outcome.code):
            return
        self._outcomes.append(outcome)
        if outcome.kind == "finding":
            self._findings.add(str(outcome))
        self.progress("")
        match self._settings.format:
            case "text":
                print(outcome, file=sys.stderr if outcome.kind == "failed" else sys.stdout, flush=True)
                if self._verbose and outcome.message:
                    print("\n".join(f"    {line}" for line in outcome.message.splitlines()))
            case "github" if line := as_annotation(outcome):
                print(line, flush=True)

    def progress(self, text: str) -> None:
        """Show where the run is, on a terminal alone; the next line takes its place."""
        if self._shows_progress:
            print(f"\r\x1b[2K{text}", end="", file=sys.stderr, flush=True)

    def unless_repeated(self, outcome: Outcome, file: str) -> Outcome:
        """The outcome for a file; where it imports what has been reported already, only that it does."""
        if outcome.name or str(outcome) not in self._findings:
            return outcome
        place = f"{outcome.file}:{outcome.line}"
        return Outcome("skipped", file, text=f"its import ends at {place}, {outcome.code}, reported above")

    def finish(self, summary: str) -> None:
        """Print what comes at the end."""
        match self._settings.format:
            case "json":
                print(as_json(self._outcomes, summary))
            case "sarif":
                print(as_sarif(self._outcomes))
            case _:
                print(summary)

    def findings(self) -> str:
        """How many findings there are, and how much advice."""
        counts = self._counts()
        advice = f", {counts['advice']} advice" if counts["advice"] else ""
        failed = f", {counts['failed']} could not be read" if counts["failed"] else ""
        return plural(counts["finding"], "finding") + advice + failed

    def summary(self, annotated: int, functions: int) -> str:
        """The counts, in one line; `annotated` of the `functions` in the files have shape annotations."""
        counts = self._counts()
        parts = [f"{counts['ok']} ok", plural(counts["finding"], "finding"), f"{counts['skipped']} skipped"]
        if counts["advice"]:
            parts.append(f"{counts['advice']} advice")
        if counts["failed"]:
            parts.append(f"{counts['failed']} could not run")
        line = ", ".join(parts)
        if annotated == functions > 0 or (self._outcomes and not functions):
            return line
        return f"{line}; {annotated} of {plural(functions, 'function')} have shape annotations"

    def status(self) -> int:
        """The exit status, the same in every format."""
        counts = self._counts()
        return COULD_NOT_RUN if counts["failed"] else FINDINGS if counts["finding"] else CLEAN

    def _counts(self) -> Counter[str]:
        return Counter(outcome.kind for outcome in self._outcomes)


def plural(count: int, noun: str) -> str:
    """A number of things: `1 file`, `2 files`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
