"""Judges a target for the command and for pytest: every target gets a report, also where it cannot be run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from typed_einsum.annotations import TensorHint
from typed_einsum.diagnostics import Place
from typed_einsum.errors import TypedEinsumError
from typed_einsum.testing.audit import Finding
from typed_einsum.testing.contracts.check import Check
from typed_einsum.testing.contracts.promises import Promises
from typed_einsum.testing.contracts.report import Report
from typed_einsum.testing.inputs.recipe import Recipe
from typed_einsum.testing.process.outcome import first_line
from typed_einsum.testing.running.limits import OutOfTime, limited
from typed_einsum.testing.targets.target import NotJudged, Target


class Broken(Exception):
    """A contract that does not hold, or that was asked for wrongly; the text is the whole message."""


def judged(
    target: Target,
    owner: Callable[[str], Any] | None,
    place: Place,
    promises: Promises,
    seconds: float,
    tell: Callable[[bool], None] = lambda optional: None,
) -> tuple[Report, Callable[..., Any]]:
    """The report of a target's contract, and the function that was judged.

    `owner` makes the object that it is called on. A call may take `seconds`; while calls go on, `tell` is
    called with whether the check can do without them. Raises what is wrong with the annotations.
    """
    try:
        function = target.checked()
    except NotJudged as error:
        return Report(target.name, skipped=str(error)), target.function
    try:
        with limited(seconds, tell) as limits:
            report = Check(target.name, function, owner, place, promises).report()
            report = replace(report, note=limits.note)
    except OutOfTime as error:
        report = _slow(target, place, error)
    except SystemExit as error:  # of the function, or of what makes its object
        report = Report(target.name, skipped=f"it ended the process: SystemExit({error.code!r})")
    except (TypedEinsumError, Broken):
        raise
    except Exception as error:  # a defect of ours: that is not the function's fault, and stops nothing else
        reason = f"typed-einsum failed, please report it: {first_line(error)}"
        report = Report(target.name, skipped=reason)
    return report, function


def _takes_tensors_alone(target: Target) -> bool:
    """Whether all that a function is called with are tensors, so that nothing but their sizes was chosen."""
    recipe = Recipe.of(target.checked())
    return target.owner is None and all(isinstance(hint, TensorHint) for hint in recipe.hints.values())


def _slow(target: Target, place: Place, error: OutOfTime) -> Report:
    """The report where no call came to an end in time, or where those that did left none for others."""
    if not error.of_one_call:
        return Report(target.name, skipped=f"{error}, before sizes were found that it takes")
    if error.waited:
        return Report(target.name, skipped=f"{error}, and the processor hardly ran it meanwhile")
    if not _takes_tensors_alone(target):
        return Report(target.name, skipped=f"{error}, with arguments that were made up for it")
    return Report(
        target.name,
        (Finding("TE702", "error", str(error), place.file, place.line, place.column or 1),),
    )
