"""Runs one target at sizes that tell its axes apart, and says what came of it."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from typed_einsum.annotations import Hint
from typed_einsum.checked.signature import axis_sizes_of
from typed_einsum.errors import TypedEinsumError
from typed_einsum.locations import shown_path
from typed_einsum.testing.discovery import Target
from typed_einsum.testing.findings import Outcome
from typed_einsum.testing.inputs import CannotMake, Draw, has_optional, make_arguments

FACTORS = (1, 24, 16)
"""Sizes are primes; where those fail, multiples, since a body may need an axis to be divisible."""


@dataclass(frozen=True)
class Failure:
    """An exception that a call raised, and the sizes that it was called with."""

    error: Exception
    sizes: Mapping[str, int]


def run_target(target: Target, file: str) -> Outcome:
    """Call the target on meta tensors; a finding is what fails at every choice of sizes."""
    signature = target.function.shape_signature  # type: ignore[attr-defined]
    text = getattr(target.function, "equation", "")
    place = (shown_path(file), target.line, 1, target.name)
    try:
        owner = None if target.owner is None else target.owner()
        failure = _first_failure(target.function, signature, owner)
    except CannotMake as error:
        return Outcome("skipped", *place, str(error))
    if failure is None:
        return Outcome("ok", *place, text)
    return _finding(failure, place, file)


def _first_failure(function: Callable[..., Any], signature: Any, owner: Any) -> Failure | None:
    """None if the function runs at some choice of sizes; else the failure that says most.

    That is the first with a message of this library, which names axes, or else the first of all.
    """
    failures: list[Failure] = []
    for factor in FACTORS:
        failure = _failure(function, signature, owner, factor)
        if failure is None:
            return None
        failures.append(failure)
    return next((each for each in failures if isinstance(each.error, TypedEinsumError)), failures[0])


def _failure(function: Callable[..., Any], signature: Any, owner: Any, factor: int) -> Failure | None:
    parameters = inspect.signature(function)
    hints: Mapping[str, Hint] = signature.hints
    for full in (True, False) if has_optional(parameters, hints) else (True,):
        failure = _attempt(function, parameters, hints, owner, Draw(factor, known=_known(owner)), full)
        if failure is not None and _needs_numbers(failure.error):
            draw = Draw(factor if factor == 1 else 4, start=3, device="cpu", known=_known(owner))
            failure = _attempt(function, parameters, hints, owner, draw, full)
        if failure is not None:
            return failure
    return None


def _known(owner: Any) -> Mapping[str, int]:
    return {} if owner is None else axis_sizes_of(owner) or {}


def _attempt(
    function: Callable[..., Any],
    parameters: inspect.Signature,
    hints: Mapping[str, Hint],
    owner: Any,
    draw: Draw,
    full: bool,
) -> Failure | None:
    given = {} if owner is None else {next(iter(parameters.parameters)): owner}
    bound = make_arguments(parameters, hints, draw, given, full=full)
    try:
        with torch.device(draw.device), torch.no_grad():
            function(*bound.args, **bound.kwargs)
    except Exception as error:  # whatever the user's function raises is what we are here to see
        return Failure(error, dict(draw.sizes))
    return None


def _needs_numbers(error: Exception) -> bool:
    """Whether the function asked a meta tensor for its contents."""
    return isinstance(error, RuntimeError | NotImplementedError) and "meta" in str(error)


def _finding(failure: Failure, place: tuple[str, int, int, str], file: str) -> Outcome:
    error = failure.error
    if isinstance(error, TypedEinsumError):
        return finding_of(error, place)
    line = _line_in(file, error) or place[1]
    sizes = " ".join(f"{name}={size}" for name, size in failure.sizes.items())
    lines = str(error).strip().splitlines() or ["no message"]
    text = f"fails at sizes that its annotations allow: {type(error).__name__}: {lines[0]} (at {sizes})"
    return Outcome("finding", place[0], line, 1, place[3], text, "TE701")


def finding_of(error: TypedEinsumError, place: tuple[str, int, int, str]) -> Outcome:
    """The outcome for an error of this library, at the place that it names."""
    at = error.diagnostic.place
    file, line, column, name = place
    if at is not None:
        file, line, column = at.file, at.line, at.column or 1
    return Outcome("finding", file, line, column, name, error.diagnostic.summary, error.code, str(error))


def _line_in(file: str, error: BaseException) -> int | None:
    """The innermost line of a file that an exception passed through."""
    lines: Iterator[int] = (
        line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == file
    )
    return max(enumerate(lines), default=(0, None))[1]
