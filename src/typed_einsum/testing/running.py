"""Runs one target at sizes that tell its axes apart, and says what came of it."""

from __future__ import annotations

import asyncio
import dis
import inspect
import math
import re
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from typed_einsum.checked.signature import axis_sizes_of
from typed_einsum.diagnostics import Place
from typed_einsum.errors import TypedEinsumError
from typed_einsum.locations import shown_path
from typed_einsum.testing.discovery import Target
from typed_einsum.testing.findings import Outcome, finding_of, first_line, outcome
from typed_einsum.testing.inputs import CannotMake, Recipe
from typed_einsum.testing.sizes import Draw, Variant, falling, multiples, numbers_in, primes, rising

MOST = 4096
"""No axis is multiplied by more than this."""

LONG = 5.0
"""After so many seconds of failing, a function is tried no further."""


Sizes = Callable[[], Iterator[int]]
"""Makes the candidates for the sizes of one call."""


@dataclass(frozen=True)
class Failure:
    """An exception that a call raised, and the draw that it was called with.

    `refused` is an exception that the user's own `raise` made: the function does not take such input.
    """

    error: Exception
    draw: Draw
    refused: bool

    @property
    def names_axes(self) -> bool:
        """Whether the message is one of this library."""
        return isinstance(self.error, TypedEinsumError)


@dataclass(frozen=True)
class Run:
    """A function with all that is known of how to call it; `owner` makes its object on a device."""

    function: Callable[..., Any]
    recipe: Recipe
    owner: Callable[[str], Any] | None
    file: str

    def failure(self) -> Failure | None:
        """None if the function runs at some choice of sizes; else the failure that says most.

        That is the first with a message of this library, which names axes, or else the first of all.
        """
        failures: list[Failure] = []
        begun = time.monotonic()
        for sizes, real_sizes in self._choices():
            try:
                failure = self._failure_at(sizes, real_sizes)
            except CannotMake:
                if not failures:
                    raise
                continue
            if failure is None:
                return None
            failures.append(failure)
            if self._is_told(failures) or time.monotonic() - begun > LONG:
                break
        return next((each for each in failures if each.names_axes), failures[0])

    def _is_told(self, failures: list[Failure]) -> bool:
        """Whether more sizes would say no more: an axis has been named, at sizes divisible by all numbers."""
        return len(failures) >= 3 and any(failure.names_axes for failure in failures)

    def _choices(self) -> Iterator[tuple[Sizes, Sizes]]:
        """Kinds of sizes to try, on `meta` and, smaller, for functions that need real numbers.

        Primes first. Then multiples of them, since a body may need an axis to be divisible by a number; and
        last, sizes that divide each other, since it may need one axis to be divisible by another.
        """
        yield partial(primes, 11), partial(primes, 3)
        yield partial(multiples, 24, 11), partial(multiples, 4, 3)
        factor = math.lcm(16, *self._numbers(None if self.owner is None else self.owner("meta")))
        yield partial(multiples, factor if factor <= MOST else 16, 11), partial(multiples, 8, 3)
        yield partial(falling, 8), partial(falling, 6)
        yield rising, rising

    def _numbers(self, owner: Any) -> frozenset[int]:
        return numbers_in(inspect.unwrap(self.function), self.recipe.signature, owner)

    def _failure_at(self, sizes: Sizes, real_sizes: Sizes) -> Failure | None:
        for variant in self.recipe.variants():
            failure = self._attempt(variant, sizes(), "meta")
            if failure is not None and _needs_numbers(failure.error):
                failure = self._attempt(variant, real_sizes(), "cpu")
            if failure is not None and not (failure.refused and variant is not Variant.FULL):
                return failure
        return None

    def _attempt(self, variant: Variant, sizes: Iterator[int], device: str) -> Failure | None:
        owner = None if self.owner is None else self.owner(device)
        given = {} if self.owner is None else {next(iter(self.recipe.signature.parameters)): owner}
        known = {} if owner is None else axis_sizes_of(owner) or {}
        draw = Draw(sizes, device, variant, known, self._numbers(owner))
        torch.manual_seed(0)
        bound = self.recipe.make(draw, given)
        try:
            with torch.device(device), torch.no_grad():
                _exhaust(self.function(*bound.args, **bound.kwargs))
        except Exception as error:  # whatever the user's function raises is what we are here to see
            return Failure(error, draw, _refused(error, self.file))
        return None


def run_target(target: Target, file: str) -> Outcome:
    """Call the target on meta tensors; a finding is what fails at every choice of sizes."""
    place = target.place(file)
    try:
        function = target.resolved()
        signature = function.shape_signature  # type: ignore[attr-defined]
        recipe = Recipe(inspect.signature(function), signature.hints, signature.result)
        failure = Run(function, recipe, target.owner, file).failure()
    except CannotMake as error:
        return outcome("skipped", place, target.name, str(error))
    except TypedEinsumError as error:
        return finding_of(error, place, target.name)
    if failure is None:
        return outcome("ok", place, target.name, getattr(function, "equation", ""))
    return _told(failure, place, target.name, file)


def _told(failure: Failure, place: Place, name: str, file: str) -> Outcome:
    """A finding, unless the input may be one that the function is not made for."""
    error, draw = failure.error, failure.draw
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


def _exhaust(result: Any) -> None:
    """Run what a call has only begun: a coroutine, or a generator up to its first item."""
    if inspect.iscoroutine(result):
        asyncio.run(result)
    elif inspect.isgenerator(result):
        next(result, None)


def _needs_numbers(error: Exception) -> bool:
    """Whether the function asked a meta tensor for its contents, or mixed it with a tensor that has some."""
    return re.search(r"\bmeta\b|register_meta", str(error), re.IGNORECASE) is not None


def _refused(error: Exception, file: str) -> bool:
    """Whether the last step was a `raise` in the user's own code, beside the file that is checked."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None or isinstance(error, AssertionError):
        return False
    code = last.tb_frame.f_code
    theirs = (
        Path(code.co_filename).is_relative_to(Path(file).parent) and "site-packages" not in code.co_filename
    )
    return theirs and code.co_code[last.tb_lasti] == dis.opmap["RAISE_VARARGS"]


def _raised_at(file: str, error: BaseException) -> Place | None:
    """The innermost place in a file that an exception passed through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if not frames or frames[-1].lineno is None:
        return None
    return Place(shown_path(file), frames[-1].lineno, (frames[-1].colno or 0) + 1)
