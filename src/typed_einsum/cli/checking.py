"""`typed-einsum check`: files in, findings out."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from typed_einsum.cli.formats import as_annotation, as_json, as_sarif
from typed_einsum.cli.settings import Settings
from typed_einsum.cli.statuses import CLEAN, COULD_NOT_RUN, FINDINGS
from typed_einsum.testing.process.outcome import Outcome
from typed_einsum.testing.process.supervisor import Supervisor, WorkerFailed

SKIPPED_FOLDERS = {"__pycache__", "node_modules", "site-packages"}


def run_check(paths: Sequence[Path], settings: Settings, *, verbose: bool) -> int:
    """Check files and folders, and print what is found; the exit status."""
    listing = Listing(settings, verbose)
    files = _files(paths, listing)
    supervisor = Supervisor(settings.time_limit, settings.memory_limit)
    try:
        for number, (file, shown) in enumerate(files.items(), 1):
            listing.progress(f"{number}/{len(files)} {shown}")
            try:
                for outcome in supervisor.check(file):
                    listing.add(listing.unless_repeated(outcome, shown))
            except WorkerFailed as error:
                listing.add(Outcome("failed", shown, text=str(error)))
    finally:
        supervisor.close()
        listing.progress("")
    listing.end(supervisor.annotated, supervisor.functions)
    return listing.status()


def _files(paths: Sequence[Path], listing: Listing) -> dict[Path, str]:
    """The Python files at some paths, each with its path as it is shown; the rest is listed with a reason."""
    files: dict[Path, str] = {}
    for path in paths:
        try:
            found = list(python_files(path))
            reason = "" if found else _why_none(path)
        except OSError as error:
            found, reason = [], str(error)
        if reason:
            listing.add(Outcome("failed", str(path), text=reason))
        files |= {Path(os.path.abspath(file)): str(file) for file in found}
    return files


def _why_none(path: Path) -> str:
    if path.is_dir():
        return "there is no Python file in it"
    if not path.exists():
        return "there is no such file or folder"
    return "it is no Python file (its name does not end in .py)"


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

    def end(self, annotated: int, functions: int) -> None:
        """Print what comes at the end; `annotated` of the `functions` in the files have shape annotations."""
        summary = self.summary(annotated, functions)
        match self._settings.format:
            case "json":
                print(as_json(self._outcomes, summary))
            case "sarif":
                print(as_sarif(self._outcomes))
            case _:
                print(summary)

    def summary(self, annotated: int, functions: int) -> str:
        """The counts, in one line, with how many functions have nothing to check where there are such."""
        counts = self._counts()
        findings = f"{counts['finding']} finding{_s(counts['finding'])}"
        parts = [f"{counts['ok']} ok", findings, f"{counts['skipped']} skipped"]
        if counts["advice"]:
            parts.append(f"{counts['advice']} advice")
        if counts["failed"]:
            parts.append(f"{counts['failed']} could not run")
        line = ", ".join(parts)
        if annotated == functions > 0 or (self._outcomes and not functions):
            return line
        return f"{line}; {annotated} of {functions} function{_s(functions)} have shape annotations"

    def status(self) -> int:
        """The exit status, the same in every format."""
        counts = self._counts()
        return COULD_NOT_RUN if counts["failed"] else FINDINGS if counts["finding"] else CLEAN

    def _counts(self) -> Counter[str]:
        return Counter(outcome.kind for outcome in self._outcomes)


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def python_files(path: Path) -> Iterator[Path]:
    """The Python files at a path, sorted; hidden folders, environments and linked folders are left out."""
    if path.is_dir():
        for entry in sorted(path.iterdir()):
            if entry.suffix == ".py" and entry.is_file() and not entry.name.startswith("."):
                yield entry
            elif entry.is_dir() and not _is_left_out(entry):
                yield from python_files(entry)
    elif path.suffix == ".py" and path.exists():
        yield path


def _is_left_out(folder: Path) -> bool:
    named = folder.name.startswith(".") or folder.name in SKIPPED_FOLDERS
    return named or folder.is_symlink() or (folder / "pyvenv.cfg").exists()
