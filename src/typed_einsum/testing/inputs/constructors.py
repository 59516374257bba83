"""Objects to call methods on: a class is built from its defaults and from guesses at what it needs."""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

import torch

from typed_einsum.annotations.arrays import ArrayHint
from typed_einsum.testing.inputs.arrays import composed_array, fits_array, own_array
from typed_einsum.testing.inputs.draw import Draw, Shown, remember_stand_ins
from typed_einsum.testing.inputs.isolation import Stopped, isolated
from typed_einsum.testing.inputs.plans import COUNTS, WIDE, Guess, Plan
from typed_einsum.testing.inputs.recipe import CannotMake
from typed_einsum.testing.inputs.signatures import heirs, is_unfinished, recipe_of
from typed_einsum.testing.observe.store import constructor_arguments
from typed_einsum.testing.process.outcome import first_line

MOST_TRIES, LONG = 40, 5.0
"""How often a constructor is called with other guesses, and after how many seconds no more."""

MOST_HEIRS = 6
"""So many classes are tried in place of one that they inherit from."""


REMEDY = "build one in pytest_shape_contract_build, or observe your tests with check --with"
"""What helps where a class cannot be built."""


def build(kind: type, device: str, array: ArrayHint | None = None) -> Any:
    """An object of a class, its tensors on a device. Raises `CannotMake` where no guess works.

    Arguments that an observed program has passed come first. `array` is what a method says of the shape of
    its object.
    """
    observed = _observed(kind, device)
    if observed is not None:
        return observed
    if array is None:
        return _built(kind, device)
    with suppress(CannotMake):
        return own_array(kind, array, device)
    refused: CannotMake | None = None
    try:
        made = _built(kind, device)
        if fits_array(array, made):
            return made
    except CannotMake as error:
        refused = error
    try:
        composed = composed_array(kind, array, device)
    except CannotMake:
        if refused is not None:
            raise refused from None
        return made
    remember_stand_ins(type(composed), {"its parts": Shown("other objects")})
    return composed


def _built(kind: type, device: str) -> Any:
    """An object with guesses for its arguments. Raises `CannotMake`.

    A class that leaves methods to others is not built itself where one of those that inherit from it can be.
    """
    if is_unfinished(kind) and (heir := _heir(kind, device)) is not None:
        return heir
    try:
        return _Search(kind, device).object()
    except CannotMake as error:
        if device == "meta" and "meta" in str(error):  # it asks for the numbers in a tensor
            return _built(kind, "cpu")
        raise CannotMake(f"cannot build {kind.__name__}: {error} ({REMEDY})") from error


def _heir(kind: type, device: str) -> Any:
    """An object of a class that inherits from one and leaves nothing open; None where none can be built."""
    finished = (each for each in heirs(kind) if not is_unfinished(each))
    for each in islice(finished, MOST_HEIRS):
        try:
            return _observed(each, device) or _Search(each, device).object()
        except CannotMake:
            continue
    return None


def _observed(kind: type, device: str) -> Any:
    """An object with the arguments of an observed one; None where none is known, or where that fails."""
    arguments = constructor_arguments(kind)
    if arguments is None:
        return None
    try:
        with torch.device(device), isolated():
            made = kind(**arguments)
    except (Exception, SystemExit, Stopped):  # the class may have changed since
        return None
    remember_stand_ins(kind, {})
    return made


def constructed(kind: type, draw: Draw, name: str) -> Any:
    """An object of a class for a parameter, its own arguments at the sizes of the draw."""
    guess = draw if isinstance(draw, Guess) else Guess(on=draw.on)
    if kind in guess.building:
        raise CannotMake(f"a `{kind.__name__}` needs another `{kind.__name__}`")
    guess.building.append(kind)
    try:
        bound = recipe_of(kind, guess.plan.asked).make(guess)
        return kind(*bound.args, **bound.kwargs)
    except CannotMake as error:
        raise CannotMake(f"nothing says how to make `{name}`, a `{kind.__name__}`: {error}") from error
    except Exception as error:
        if guess is draw:  # the constructor around it has other guesses to try
            raise
        said = f"`{kind.__name__}` of `{name}` raised {first_line(error)}"
        raise CannotMake(said) from error
    finally:
        guess.building.pop()


@dataclass(frozen=True)
class _Failure:
    """A call of a constructor that failed: with which plan and arguments, and the line that it reached."""

    plan: Plan
    tried: Mapping[str, int]
    call: str
    error: BaseException
    line: int
    source: str

    @property
    def progress(self) -> tuple[int, int]:
        """How far the call came: what was asked for is passed, then the line."""
        return len(self.plan.asked), self.line

    def blames(self, name: str) -> bool:
        """Whether the line that failed, or its message, speaks of a parameter."""
        return re.search(rf"\b{re.escape(name)}\b", f"{self.source} {self.error}") is not None


_earlier: WeakKeyDictionary[type, dict[str, Plan | str]] = WeakKeyDictionary()
"""The plan that an object of a class was built with on a device, or why none worked."""


@dataclass
class _Search:
    """Calls of a constructor, each with other guesses, until one comes through."""

    kind: type
    device: str

    def object(self) -> Any:
        """The object that is built. Raises `CannotMake`, with the call that came furthest.

        What worked the last time is tried first, and what did not work with any guess is not tried again.
        """
        earlier = _earlier.setdefault(self.kind, {}).get(self.device)
        if isinstance(earlier, str):
            raise CannotMake(earlier)
        if earlier is not None and not isinstance(made := self._called(earlier), _Failure):
            return made
        try:
            return self._searched()
        except CannotMake as error:
            _earlier[self.kind][self.device] = str(error)
            raise

    def _searched(self) -> Any:
        begun, best = monotonic(), None
        seen: list[Plan] = []
        plans = [Plan(counts=counts, keeps_ones=kept) for kept in (False, True) for counts in COUNTS]
        plans.append(Plan(widths=WIDE, keeps_ones=True))
        while plans and len(seen) < MOST_TRIES and monotonic() - begun < LONG:
            seen.append(plans.pop(0))
            made = self._called(seen[-1])
            if not isinstance(made, _Failure):
                _earlier[self.kind][self.device] = seen[-1]
                return made
            if best is None or made.progress > best.progress:
                best = made
                plans = plans if len(seen) < 2 else []
            if isinstance(made.error, Stopped):
                break
            if not plans:
                plans = [each for each in self._neighbours(best) if each not in seen]
        assert best is not None
        if isinstance(best.error, CannotMake):
            raise best.error
        raise CannotMake(f"{best.call} raised {first_line(best.error)}") from best.error

    def _called(self, plan: Plan) -> Any:
        draw = Guess(on=self.device, plan=plan)
        draw.building.append(self.kind)
        call = self.kind.__name__
        try:
            with torch.device(self.device), isolated():
                bound = recipe_of(self.kind, plan.asked).make(draw)
                call = _call(self.kind, bound)
                made = self.kind(*bound.args, **bound.kwargs)
        except (Exception, SystemExit, Stopped) as error:  # the constructor is the user's
            return _Failure(plan, draw.tried, call, error, *_reached(self.kind, error))
        remember_stand_ins(self.kind, draw.stand_ins, draw.sizes)
        return made

    def _neighbours(self, failure: _Failure) -> Iterator[Plan]:
        """Plans with one guess changed, first of those parameters that the error speaks of."""
        plan = failure.plan
        for name in _missing(failure.error):
            if name not in plan.asked:
                yield replace(plan, asked=(*plan.asked, name))
        by_blame = sorted(failure.tried, key=lambda name: not failure.blames(name))
        for name in by_blame:
            for pick in range(failure.tried[name]):
                if pick != plan.picks.get(name, 0):
                    yield replace(plan, picks={**plan.picks, name: pick})
        for name in recipe_of(self.kind).signature.parameters:
            if name not in (*failure.tried, *plan.asked) and failure.blames(name):
                yield replace(plan, asked=(*plan.asked, name))
        yield replace(plan, widths=WIDE)
        yield replace(plan, equal=True)


def _missing(error: BaseException) -> list[str]:
    """The arguments that a constructor lacks, as an error says: the names that it quotes."""
    is_about_arguments = isinstance(error, KeyError) or "missing" in str(error) or "must be" in str(error)
    names = re.findall(r"['`](\w+)['`]", str(error)) if is_about_arguments else []
    return [name for name in names if name.islower()]


def _reached(kind: type, error: BaseException) -> tuple[int, str]:
    """The line of the class's own code that a failed call came to, with its text."""
    try:
        file = inspect.getfile(kind)
    except (OSError, TypeError):
        return 0, ""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return (frames[0].lineno or 0, frames[-1].line or "") if frames else (0, "")


def _call(kind: type, bound: inspect.BoundArguments) -> str:
    listed = ", ".join(f"{name}={Shown.of(value)!r}" for name, value in islice(bound.arguments.items(), 8))
    return f"{kind.__name__}({listed})"
