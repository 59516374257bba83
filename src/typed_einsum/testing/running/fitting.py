"""Which sizes the body of a function takes, beyond what its annotations say: learnt by calling it.

A body may need an axis to be divisible, to be a multiple of another axis, or to be no longer than one. Where
it runs at some choice of sizes, axes are changed one by one, others with them, and what still runs is kept.
"""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice, permutations
from typing import Any

import torch

from typed_einsum.checked.attributes import known_sizes
from typed_einsum.testing.axes.fit import fitted
from typed_einsum.testing.axes.resized import on_numbers
from typed_einsum.testing.calls.making import Maker
from typed_einsum.testing.inputs.draw import Draw, Variant, primes
from typed_einsum.testing.running.invoke import exhaust, reseed


@dataclass(frozen=True)
class Between:
    """Any size from `low` on, and up to `high` if there is one."""

    low: int = 1
    high: int | None = None


@dataclass(frozen=True)
class AtMost:
    """No more than another axis."""

    of: str


@dataclass(frozen=True)
class Times:
    """This number, times another axis if one is named, times any further number unless it is `exact`."""

    number: int
    of: str | None = None
    exact: bool = False


Fit = Between | AtMost | Times


@dataclass(frozen=True)
class Body:
    """A function that can be called at any sizes, to see whether it runs."""

    maker: Maker

    @cached_property
    def ran_at(self) -> Mapping[str, int] | None:
        """Sizes at which it runs; None if none are found."""
        call = self.maker.call({})
        fit = fitted(call)
        found = fit.small if fit.runs else on_numbers(call)
        return self._with_a_multiple() if found is None else dict(found.sizes)

    def _with_a_multiple(self) -> Mapping[str, int] | None:
        """Sizes at which it runs, of which one is the double of another and the rest are primes."""
        draw = Draw(primes(3), "meta")
        self.arguments(draw)
        for name, other in permutations(self.names, 2):
            sizes = {**draw.sizes, name: 2 * draw.sizes[other]}
            if self.error(sizes) is None:
                return sizes
        return None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The axes whose sizes are to be chosen, in the order in which the arguments have them."""
        draw = Draw(on="meta")
        self.maker.recipe.make(draw, self.owned)
        given = {*self.maker.given, *self._known()}
        axes = self.maker.recipe.axis_names
        return tuple(
            name for name in draw.sizes if name not in given and (name in axes or not name.isidentifier())
        )

    @cached_property
    def owned(self) -> dict[str, Any]:
        """The object that a method is called on, by the name of its parameter."""
        if self.maker.owner is None:
            return {}
        return {next(iter(self.maker.recipe.signature.parameters)): self.maker.owner("cpu")}

    def _known(self) -> dict[str, int]:
        """Sizes that the object knows."""
        return next((known_sizes(owner) for owner in self.owned.values()), {})

    def arguments(self, draw: Draw) -> dict[str, Any]:
        """Arguments at the sizes of a draw, the object of a method among them. Raises `CannotMake`."""
        draw.sizes = {**self._known(), **self.maker.given, **draw.sizes}
        return dict(self.maker.recipe.make(draw, self.owned).arguments)

    def error(
        self, sizes: Mapping[str, int], change: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    ) -> Exception | None:
        """What a call raises; `change` alters the arguments before it."""
        reseed(0)
        try:
            arguments = self.arguments(Draw(primes(11), "cpu", Variant.FULL, sizes))
            arguments = arguments if change is None else change(arguments)
            bound = inspect.BoundArguments(self.maker.recipe.signature, OrderedDict(arguments))
            with torch.no_grad():
                exhaust(self.maker.function(*bound.args, **bound.kwargs))
        except Exception as error:  # the user's function: what it raises is what we ask for
            return error
        return None

    @cached_property
    def fits(self) -> Mapping[str, Fit]:
        """What each axis must be, those first that others refer to. Any size, where it never ran."""
        if self.ran_at is None:
            return dict.fromkeys(self.names, Between())
        return _Fitting(self, self.ran_at).all()

    @cached_property
    def rest(self) -> Mapping[str, int]:
        """Integer arguments that are not axes, such as a number of heads: the values that it ran with."""
        return {name: size for name, size in (self.ran_at or {}).items() if name not in self.names}


@dataclass
class _Fitting:
    """The fits found so far, around sizes at which the body runs."""

    body: Body
    base: Mapping[str, int]
    found: dict[str, Fit] = field(default_factory=dict)

    def all(self) -> Mapping[str, Fit]:
        """The fits of all axes, looked at twice: by then, axes that depend on another one follow it."""
        for _ in range(2):
            for name in self.body.names:
                if self.found.get(name) != Between():
                    self.found.pop(name, None)
                    self.found[name] = self._fit(name)
        if not all(self._runs(changes) for changes in self._together()):
            return {name: Times(self.base[name], exact=True) for name in self.body.names}
        alone = {name: fit for name, fit in self.found.items() if not _refers(fit)}
        return {**alone, **self.found}

    def _together(self) -> Iterator[dict[str, int]]:
        """All axes that are free, changed at once: to large sizes, and to small ones."""
        free = [name for name, fit in self.found.items() if isinstance(fit, Between) and fit.high is None]
        for start in (max(self.base.values(), default=2), 2):
            yield {
                name: max(size, self._low(name)) for name, size in zip(free, primes(start + 1), strict=False)
            }

    def _low(self, name: str) -> int:
        fit = self.found[name]
        return fit.low if isinstance(fit, Between) else 1

    def _runs(self, changes: Mapping[str, int]) -> bool:
        """Whether the body runs with some sizes changed, and those that follow them."""
        sizes = {**self.base, **changes}
        for name, fit in self.found.items():
            match fit:
                case Times(number, str(of)) if of in changes and name not in changes:
                    sizes[name] = number * sizes[of]
                case AtMost(of) if of in changes and name not in changes:
                    sizes[name] = min(self.base[name], sizes[of])
        return self.body.error(sizes) is None

    def _fit(self, name: str) -> Fit:
        size = self.base[name]
        large, larger = islice(primes(max(self.base.values()) + 1), 2)
        is_free_above, is_free_below = self._runs({name: large}), self._runs({name: 2})
        if is_free_above:
            return Between() if is_free_below else Between(low=size)
        found = self._multiple(name, large, larger) or self._no_longer(name, large)
        if found is not None:
            return found
        return Between(high=size) if is_free_below else Times(size, exact=True)

    def _multiple(self, name: str, large: int, larger: int) -> Times | None:
        """The least that divides all sizes which the body takes; it may be another axis."""
        size = self.base[name]
        others = [
            other
            for other in self.body.names
            if other != name and self.base[other] > 1 and size % self.base[other] == 0
        ]
        for number in (number for number in range(2, size + 1) if size % number == 0):
            # An axis that has this size by chance has another one here.
            moved = {other: larger for other in others if number % self.base[other] == 0}
            if self._runs({name: number * large}) and self._runs({**moved, name: number * large}):
                return Times(number)
        for other in others:
            number = size // self.base[other]
            if self._runs({other: large, name: large * 5}) and self._runs({other: large, name: large * 7}):
                return Times(1, other)
            if self._runs({other: large, name: large * number}):
                return Times(number, other, exact=True)
        return None

    def _no_longer(self, name: str, large: int) -> AtMost | None:
        """The axis that this one must not exceed."""
        for other in (other for other in self.body.names if other != name):
            fits = self._runs({other: large, name: large})
            if fits and not self._runs({other: large, name: large + 1}):
                return AtMost(other)
        return None


def _refers(fit: Fit) -> bool:
    return isinstance(fit, AtMost) or (isinstance(fit, Times) and fit.of is not None)
