"""Whether a failed call is the function's fault: an error is only what is known to be."""

from __future__ import annotations

import re
import traceback

import torch

from typed_einsum.annotations import TensorHint
from typed_einsum.diagnostics import Place
from typed_einsum.equation.axes import ELLIPSIS
from typed_einsum.errors import TypedEinsumError
from typed_einsum.locations import shown_path
from typed_einsum.testing.audit import Finding, Severity
from typed_einsum.testing.process.outcome import first_line
from typed_einsum.testing.running.attempts import Attempt, file_of, needs_numbers
from typed_einsum.testing.running.excuses import AGAIN, MADE, excuse_of


def blamed(ran: Attempt, place: Place) -> tuple[Finding | None, str]:
    """The finding for a call that failed, or else the reason why nothing can be said of it.

    There is neither where the audit has seen why it failed. `place` is the function's definition.
    """
    error = ran.error
    assert error is not None
    if isinstance(error, TypedEinsumError) and not ran.refused and not ran.call.stand_ins:
        reason = excuse_of(error, ran.call.function)
        return (None, reason) if reason else (told(error, place), "")
    if ran.findings:
        return None, ""
    if reason := excuse(ran):
        return None, reason
    return fails(ran, place), ""


def fails(ran: Attempt, place: Place) -> Finding:
    """The finding for a call that fails, and should not."""
    assert ran.error is not None
    text = f"fails at sizes that its annotations allow: {why(ran)} (at {ran.call.at})"
    at = raised_at(file_of(ran.call), ran.error) or place
    return Finding("TE701", "error", text, at.file, at.line, at.column or 1)


def told(error: TypedEinsumError, place: Place, where: str = "") -> Finding:
    """An error of this library as a finding, at the place that it names."""
    at = error.diagnostic.place or place
    text = where + error.diagnostic.summary
    # Where nothing binds a name of an expression, the annotation says too little, but nothing wrong.
    severity: Severity = "advice" if error.code == "TE206" else "error"
    return Finding(error.code, severity, text, at.file, at.line, at.column or 1, str(error))


def why(ran: Attempt) -> str:
    """What went wrong, with the axes of what was passed to torch. Of broadcasting, torch says no more."""
    assert ran.error is not None
    said = first_line(ran.error)
    if ran.failed and "broadcast" in said:
        return f"{ran.failed}, which do not broadcast"
    return f"{ran.failed}: {said}" if ran.failed else said


def excuse(ran: Attempt) -> str:
    """Why a failure may be no fault of the function; empty where sizes are what it fails at."""
    assert ran.error is not None
    said, at = first_line(ran.error), f" (at {ran.call.at})" if ran.call.at else ""
    if ran.call.guesses:
        guesses = ", ".join(f"{name}={value!r}" for name, value in ran.call.guesses.items())
        return f"with {guesses}, a guess, it raised {said}"
    what = AGAIN if ran.call.origin == "observed" else MADE
    if reason := excuse_of(ran.error, ran.call.function, what):
        return reason
    is_of_values = ran.call.maker is not None and ran.call.on == "cpu" and 0 not in ran.call.sizes.values()
    if is_of_values and NOTHING.search(said):
        return f"what was made up for it selects nothing: {said}{at}"
    if ran.call.maker is not None and OF_VALUES.search(said):
        return f"torch refuses the values that were made up for it: {said}{at}"
    if ran.refused:
        return f"it refused all inputs tried: {said}{at}"
    is_large = ran.call.maker is not None and ran.call.maker.is_large
    if is_large and needs_numbers(ran.error):
        return "it needs the numbers in a tensor, and its object is too large to be built with them"
    if ran.call.maker is not None and (name := _of_any_axes(ran)):
        return f"nothing says how many axes `{name}` has; with those that were chosen, it raised {said}{at}"
    if ran.call.origin == "observed" and NAMES_DTYPES.search(str(ran.error)):
        return f"run again, without the autocast that may be around it in the program, it raised {said}"
    if _is_of_dtypes(ran):
        return f"with the dtype that was chosen, it raised {said}"
    return ""


def _is_of_dtypes(ran: Attempt) -> bool:
    """Whether torch asked for another dtype, where an annotation leaves open which it is."""
    is_open = any(
        hint.dtypes is None or {torch.float32, torch.int64} <= hint.dtypes for hint in ran.call.recipe.tensors
    )
    return is_open and NAMES_DTYPES.search(str(ran.error)) is not None


def _of_any_axes(ran: Attempt) -> str:
    """An argument whose annotation is `...` and nothing else: what it is to hold, a comment may say."""
    hints = ran.call.recipe.hints.items()
    return next(
        (name for name, hint in hints if isinstance(hint, TensorHint) and hint.text.strip() == ELLIPSIS), ""
    )


OF_VALUES = re.compile(
    r"Class values must|Target .* is out of bounds|between 0 and 1"
    r"|probability tensor|multinomial distribution"
)
"""What torch says of values, which no annotation tells."""

NAMES_DTYPES = re.compile(r"scalar types?\b|dtype")
"""What torch says where dtypes do not fit."""

NOTHING = re.compile(
    r"non-zero size|numel\(\) == 0|zero-size (array|tensor)|(tensor|list) is empty|empty (tensor|sequence)"
)
"""What is said of a tensor without entries: on numbers, and where no axis is 0, values have left none."""


def raised_at(file: str, error: BaseException) -> Place | None:
    """The innermost place in a file that an exception passed through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if not frames or frames[-1].lineno is None:
        return None
    return Place(shown_path(file), frames[-1].lineno, (frames[-1].colno or 0) + 1)
