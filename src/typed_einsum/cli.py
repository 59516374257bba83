"""The command `typed-einsum`: `check` files, list `errors`."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from typed_einsum import __version__
from typed_einsum.diagnostics import PAGES
from typed_einsum.errors import CODES
from typed_einsum.testing.findings import Outcome
from typed_einsum.testing.session import Session, WorkerFailed

CLEAN, FINDINGS, COULD_NOT_RUN = 0, 1, 2

SKIPPED_FOLDERS = {"__pycache__", "node_modules", "site-packages"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 0 for clean, 1 for findings, 2 for what could not run."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except KeyboardInterrupt:
        return 130  # as shells have it
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        sys.stderr.close()
        return COULD_NOT_RUN
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="typed-einsum", description="Check the shapes that your annotations promise."
    )
    parser.add_argument("--version", action="version", version=f"typed-einsum {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser(
        "check",
        help="run the annotated functions of files at telling sizes",
        description="Import each file and run every typed einsum, every shape_checked function and every "
        "nn.Module that can be built, on meta tensors whose axes have sizes that all differ.",
        epilog="Exit status: 0 clean, 1 findings, 2 something could not run.",
    )
    check.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="a Python file, or a folder of them"
    )
    check.add_argument(
        "--time-limit",
        type=_seconds,
        default=30.0,
        metavar="SECONDS",
        help="for each function, and for each import (default: 30)",
    )
    check.add_argument("-v", "--verbose", action="store_true", help="print whole messages below the lines")
    check.set_defaults(run=_check)
    errors = commands.add_parser("errors", help="say what a code means")
    errors.add_argument("codes", nargs="*", metavar="CODE", help="such as TE201; all codes without one")
    errors.set_defaults(run=_errors)
    return parser


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return seconds


def _check(options: argparse.Namespace) -> int:
    report = _Report(options.verbose)
    files: dict[Path, str] = {}
    for path in options.paths:
        try:
            found = list(python_files(path))
            reason = "" if found else _why_none(path)
        except OSError as error:
            found, reason = [], str(error)
        if reason:
            report.add(Outcome("failed", str(path), text=reason))
        files |= {Path(os.path.abspath(file)): str(file) for file in found}
    session = Session(options.time_limit)
    try:
        for file, shown in files.items():
            try:
                for outcome in session.check(file):
                    report.add(report.unless_repeated(outcome, shown))
            except WorkerFailed as error:
                report.add(Outcome("failed", shown, text=str(error)))
    finally:
        session.close()
    print(report.summary())
    return report.status()


def _why_none(path: Path) -> str:
    if path.is_dir():
        return "there is no Python file in it"
    if not path.exists():
        return "there is no such file or folder"
    return "it is no Python file (its name does not end in .py)"


class _Report:
    """The lines of a report as they come, and their count."""

    def __init__(self, verbose: bool) -> None:
        self._verbose = verbose
        self._counts: Counter[str] = Counter()
        self._findings: dict[str, Outcome] = {}

    def add(self, outcome: Outcome) -> None:
        """Print an outcome and count it."""
        self._counts[outcome.kind] += 1
        if outcome.kind == "finding":
            self._findings[str(outcome)] = outcome
        print(outcome, file=sys.stderr if outcome.kind == "failed" else sys.stdout, flush=True)
        if self._verbose and outcome.message:
            print("\n".join(f"    {line}" for line in outcome.message.splitlines()))

    def unless_repeated(self, outcome: Outcome, file: str) -> Outcome:
        """The outcome for a file; where it imports what has been reported already, only that it does."""
        if outcome.name or str(outcome) not in self._findings:
            return outcome
        place = f"{outcome.file}:{outcome.line}"
        return Outcome("skipped", file, text=f"its import ends at {place}, {outcome.code}, reported above")

    def summary(self) -> str:
        """The counts, in one line."""
        counts = self._counts
        findings = f"{counts['finding']} finding{'' if counts['finding'] == 1 else 's'}"
        parts = [f"{counts['ok']} ok", findings, f"{counts['skipped']} skipped"]
        if counts["advice"]:
            parts.append(f"{counts['advice']} advice")
        if counts["failed"]:
            parts.append(f"{counts['failed']} could not run")
        return ", ".join(parts)

    def status(self) -> int:
        """The exit status."""
        return COULD_NOT_RUN if self._counts["failed"] else FINDINGS if self._counts["finding"] else CLEAN


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


def _errors(options: argparse.Namespace) -> int:
    status = CLEAN
    for asked in options.codes or CODES:
        code = asked.upper()
        if code in CODES:
            print(f"{code}  {CODES[code]}" + (f"\n       {PAGES}/{code}" if options.codes else ""))
            continue
        near = difflib.get_close_matches(code, CODES, n=1)
        hint = f"did you mean {near[0]}?" if near else "`typed-einsum errors` lists them all"
        print(f"there is no code {asked}: {hint}", file=sys.stderr)
        status = COULD_NOT_RUN
    return status


if __name__ == "__main__":
    sys.exit(main())
