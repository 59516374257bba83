"""Calls of one function at sizes that tell its axes apart, each watched: what was raised, and what seen."""

from __future__ import annotations

import dis
import inspect
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch

from typed_einsum.checked.owner import axis_sizes_of
from typed_einsum.errors import TypedEinsumError
from typed_einsum.testing.audit import Finding, Watch
from typed_einsum.testing.audit.annotated import annotated_dimensions
from typed_einsum.testing.audit.dimensions import TrackedAxes
from typed_einsum.testing.audit.repairs import Repair, told_by
from typed_einsum.testing.inputs.draw import (
    Draw,
    Variant,
    falling,
    is_prime,
    multiples,
    numbers_in,
    primes,
    rising,
)
from typed_einsum.testing.inputs.leaves import passed_tensors
from typed_einsum.testing.inputs.recipe import CannotMake, Recipe
from typed_einsum.testing.running.invoke import reseed, run

MOST = 4096
"""No axis is multiplied by more than this."""

SMALL_NUMBER, MOST_NUMBERS = 12, 4
"""Numbers in a source up to this are likely to divide an axis; so many of them are tried one by one."""

LONG = 5.0
"""After so many seconds of failing, a function is tried no further."""

Sizes = Callable[[], Iterator[int]]
"""Makes the candidates for the sizes of one call."""

MOST_REPAIRS = 6  # sizes that are put right, one call after another, before other sizes are tried


@dataclass(frozen=True)
class Attempt:
    """One call at one choice of sizes: what it raised, if anything, and what was seen while it ran.

    `refused` is an exception that the user's own `raise` made: the function does not take such input. `calls`
    of torch came through before an error, and `failed` shows the one that did not; each `squeeze()` dropped
    as many axes as `squeezed` says. The axes in `fitted` have sizes that are given, or that the body needs.
    """

    error: Exception | None
    draw: Draw
    variant: Variant
    refused: bool = False
    findings: tuple[Finding, ...] = ()
    repairs: tuple[Repair, ...] = ()
    calls: int = 0
    failed: str = ""
    squeezed: Mapping[tuple[str, int], int] = field(default_factory=dict)
    fitted: frozenset[str] = frozenset()

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
    sizes: Mapping[str, int] = field(default_factory=dict)

    def attempts(self) -> list[Attempt]:
        """One attempt for each variant of the input, all of which ran; or the failure that says most.

        That is the first with a message of this library, which names axes, or else that which came furthest:
        what stops others earlier is a size that the body does not take.
        """
        failures: list[Attempt] = []
        begun = time.monotonic()
        for sizes, real_sizes in self._choices():
            try:
                attempts = self._at(sizes, real_sizes)
            except CannotMake:
                if not failures:
                    raise
                continue
            if attempts[-1].error is None:
                return self._sharper(attempts, sizes)
            failures.append(attempts[-1])
            if self._is_told(failures) or time.monotonic() - begun > LONG:
                break
        return [next((each for each in failures if each.names_axes), _furthest(failures))]

    def _sharper(self, attempts: list[Attempt], sizes: Sizes) -> list[Attempt]:
        """The same attempts with primes for all axes that take one: multiples of one number divide each
        other by chance, and a reshape that mixes them may pass for a split."""
        first = attempts[0]
        free = self.recipe.axis_names - self._given()
        loose = sorted(name for name, size in first.draw.sizes.items() if name in free and not is_prime(size))
        if len(loose) < 2 or first.error is not None:
            return attempts
        known = self._with_one_loose(first, sizes, loose) or self._with_few_loose(first, sizes, loose)
        again = [self.attempt(each.variant, sizes(), each.draw.on, known) for each in attempts]
        again = [replace(each, fitted=first.fitted) for each in again]
        return again if all(each.error is None for each in again) else attempts

    def _with_one_loose(self, first: Attempt, sizes: Sizes, loose: Sequence[str]) -> Mapping[str, int] | None:
        """Primes for all axes but one, with which least is found: a reshape that fits may mix others."""
        tried = []
        for kept in loose:
            known = dict(first.draw.sizes)
            for name in loose:
                if name != kept:
                    known[name] = _fresh(known)
            tried.append(self.attempt(first.variant, sizes(), first.draw.on, known))
        ran = [attempt for attempt in tried if attempt.error is None]
        return min(ran, key=lambda attempt: len(attempt.findings)).draw.sizes if ran else None

    def _with_few_loose(self, first: Attempt, sizes: Sizes, loose: Sequence[str]) -> Mapping[str, int]:
        """Primes for one axis after the other, as long as the function runs."""
        known = dict(first.draw.sizes)
        for name in loose:
            tried = {**known, name: _fresh(known)}
            if self.attempt(first.variant, sizes(), first.draw.on, tried).error is None:
                known = tried
        return known

    def _given(self) -> set[str]:
        """The axes whose sizes the user or the object gives."""
        known = axis_sizes_of(self._object) if self._object is not None else None
        return {*self.sizes, *(known or {})}

    def _is_told(self, failures: list[Attempt]) -> bool:
        """Whether more sizes would say no more: axes were named at primes and at multiples of all numbers."""
        tried = 1 + len(self._small_numbers())
        return len(failures) >= max(2, tried) and all(failure.names_axes for failure in failures[-2:])

    def _choices(self) -> Iterator[tuple[Sizes, Sizes]]:
        """Kinds of sizes to try, on `meta` and, smaller, for functions that need real numbers.

        Primes first. Then multiples of them, since a body may need an axis to be divisible by a number, such
        as one that it holds; and last, sizes that divide each other, since it may need one axis to be
        divisible by another.
        """
        yield partial(primes, 11), partial(primes, 3)
        for number in self._small_numbers():
            yield partial(multiples, number, 11), partial(multiples, number, 3)
        yield partial(multiples, 24, 11), partial(multiples, 4, 3)
        factor = math.lcm(16, *self._numbers(self._object))
        yield partial(multiples, factor if factor <= MOST else 16, 11), partial(multiples, 8, 3)
        yield partial(falling, 8), partial(falling, 6)
        yield rising, rising

    @cached_property
    def _object(self) -> Any:
        return None if self.owner is None else self.owner("meta")

    def _small_numbers(self) -> list[int]:
        numbers = self._numbers(self._object)
        return sorted(number for number in numbers if number <= SMALL_NUMBER)[:MOST_NUMBERS]

    def _numbers(self, owner: Any) -> frozenset[int]:
        return numbers_in(inspect.unwrap(self.function), self.recipe.signature, owner)

    def _at(self, sizes: Sizes, real_sizes: Sizes) -> list[Attempt]:
        """Every variant at one kind of sizes, up to the first that fails; that one comes last."""
        done: list[Attempt] = []
        refused: list[Attempt] = []
        for variant in self.recipe.variants():
            attempt = self._on_a_device(variant, sizes, real_sizes)
            if attempt.error is None:
                done.append(attempt)
            elif attempt.refused:
                refused.append(attempt)
            else:
                return [*done, attempt]
        if refused and not done and self.recipe.spreads:
            attempt = self._on_a_device(Variant.SINGLE, sizes, real_sizes)
            done += [] if attempt.refused else [attempt]
        return done or refused[:1]

    def _on_a_device(self, variant: Variant, sizes: Sizes, real_sizes: Sizes) -> Attempt:
        """An attempt on `meta`, or on real numbers where the function needs them."""
        attempt = self._repaired(variant, sizes, "meta")
        if attempt.error is not None and needs_numbers(attempt.error):
            attempt = self._repaired(variant, real_sizes, "cpu")
        return attempt

    def real_attempt(self, variant: Variant = Variant.FULL) -> Attempt | None:
        """A call on real numbers that ran; None if none did."""
        begun = time.monotonic()
        for _, sizes in self._choices():
            try:
                attempt = self._repaired(variant, sizes, "cpu")
            except CannotMake:
                return None
            if attempt.error is None:
                return attempt
            if time.monotonic() - begun > LONG:
                break
        return None

    def _repaired(self, variant: Variant, sizes: Sizes, device: str) -> Attempt:
        """An attempt; where the failed call itself says which size would do, again with that one."""
        known, mended = dict(self.sizes), self._given()
        first = attempt = self.attempt(variant, sizes(), device, known)
        for _ in range(MOST_REPAIRS):
            fresh = [
                repair
                for repair in attempt.repairs
                if repair.name not in mended and (self.owner is not None or not repair.held)
            ]
            if attempt.error is None or not fresh:
                break
            mended.add(fresh[0].name)
            known = {**attempt.draw.sizes, fresh[0].name: repaired_size(fresh[0], attempt.draw)}
            try:
                attempt = self.attempt(variant, sizes(), device, known)
            except CannotMake:
                break
        if attempt.error is not None:
            return _furthest([first, attempt])
        return replace(attempt, fitted=frozenset(mended))

    def attempt(
        self, variant: Variant, sizes: Iterator[int], device: str, given_sizes: Mapping[str, int]
    ) -> Attempt:
        """Call the function once, watched."""
        owner = None if self.owner is None else self.owner(device)
        given = {} if self.owner is None else {next(iter(self.recipe.signature.parameters)): owner}
        known = {**((axis_sizes_of(owner) if owner is not None else None) or {}), **given_sizes}
        draw = Draw(sizes, device, variant, known, self._numbers(owner))
        reseed(0)
        bound = self.recipe.make(draw, given)
        watch = Watch(TrackedAxes(draw.sizes))
        for hint, value in passed_tensors(self.recipe.hints, bound.arguments):
            watch.tracked.remember(value, annotated_dimensions(hint.axes, value, watch.tracked))
        error: Exception | None = None
        try:
            with torch.device(device), watch:
                run(self.function, bound)
        except Exception as raised:  # whatever the user's function raises is what we are here to see
            error = raised
        refused = error is not None and _refused(error, self.file)
        repairs = (*watch.repairs, *(told_by(error, draw.sizes) if error is not None else ()))
        seen = tuple(watch.findings), repairs, watch.calls, watch.failed, watch.squeezed
        return Attempt(error, draw, variant, refused, *seen)


def _furthest(attempts: Sequence[Attempt]) -> Attempt:
    return max(attempts, key=lambda attempt: attempt.calls)  # the first of equals


def _fresh(known: Mapping[str, int]) -> int:
    """A prime that divides no size."""
    return next(p for p in primes(11) if all(size % p for size in known.values() if size))


def repaired_size(repair: Repair, draw: Draw) -> int:
    """The size that a failed call asks for: exactly, or a multiple that nothing else has."""
    if repair.exact:
        return repair.size
    taken = set(draw.sizes.values())
    return next(size for size in multiples(repair.size, 5) if size not in taken)


def needs_numbers(error: Exception) -> bool:
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
