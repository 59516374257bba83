"""Runs one target for the command, and says what came of it."""

from __future__ import annotations

import inspect
import traceback

from typed_einsum.diagnostics import Place
from typed_einsum.errors import TypedEinsumError
from typed_einsum.locations import shown_path
from typed_einsum.testing.attempts import Attempt, Run
from typed_einsum.testing.discovery import Target
from typed_einsum.testing.findings import Outcome, finding_of, first_line, outcome
from typed_einsum.testing.inputs import CannotMake, Recipe


def run_target(target: Target, file: str) -> Outcome:
    """Call the target on meta tensors; a finding is what fails at every choice of sizes."""
    place = target.place(file)
    try:
        function = target.resolved()
        signature = function.shape_signature  # type: ignore[attr-defined]
        recipe = Recipe(inspect.signature(function), signature.hints, signature.result)
        attempts = Run(function, recipe, target.owner, file).attempts()
    except CannotMake as error:
        return outcome("skipped", place, target.name, str(error))
    except TypedEinsumError as error:
        return finding_of(error, place, target.name)
    if attempts[-1].error is None:
        return outcome("ok", place, target.name, getattr(function, "equation", ""))
    return _told(attempts[-1], place, target.name, file)


def _told(failure: Attempt, place: Place, name: str, file: str) -> Outcome:
    """A finding, unless the input may be one that the function is not made for."""
    error, draw = failure.error, failure.draw
    assert error is not None
    if isinstance(error, TypedEinsumError):
        return finding_of(error, place, name)
    said = first_line(error)
    if draw.guesses:
        guesses = ", ".join(f"{name}={value!r}" for name, value in draw.guesses.items())
        return outcome("skipped", place, name, f"with {guesses}, a guess, it raised {said}")
    at = f" (at {draw})" if str(draw) else ""
    if failure.refused:
        return outcome("skipped", place, name, f"it refused all inputs tried: {said}{at}")
    raised = _raised_at(file, error) or place
    text = f"fails at sizes that its annotations allow: {said}{at}"
    return outcome("finding", raised, name, text, "TE701")


def _raised_at(file: str, error: BaseException) -> Place | None:
    """The innermost place in a file that an exception passed through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if not frames or frames[-1].lineno is None:
        return None
    return Place(shown_path(file), frames[-1].lineno, (frames[-1].colno or 0) + 1)
