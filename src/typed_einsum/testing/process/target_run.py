"""Runs one target for the command, and returns the outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from typed_einsum.errors import TypedEinsumError
from typed_einsum.testing.contracts.judging import judged
from typed_einsum.testing.contracts.promises import stored_on
from typed_einsum.testing.process.outcome import Kind, Outcome, finding_of, outcome
from typed_einsum.testing.targets.target import Target


def run_target(target: Target, file: str, seconds: float, tell: Callable[[bool], None]) -> Iterator[Outcome]:
    """The outcomes for a target's contract: its findings, or one line that there are none."""
    place = target.place(file)
    try:
        report, function = judged(target, target.owner, place, stored_on(target.function), seconds, tell)
    except TypedEinsumError as error:
        yield finding_of(error, place, target.name)
        return
    for found in report.findings:
        kind: Kind = "finding" if found.severity == "error" else "advice"
        yield Outcome(
            kind, found.file, found.line, found.column, target.name, found.message, found.code, found.details
        )
    if report.skipped:
        yield outcome("skipped", place, target.name, report.skipped)
    elif report.ok:
        said = outcome("ok", place, target.name, getattr(function, "equation", "") or report.note)
        yield replace(said, sizes=report.extent.strip())
