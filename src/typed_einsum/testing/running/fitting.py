"""Sizes at which the body of a function runs, and which others it takes: as its symbolic run says."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any

import torch

from typed_einsum.checked.attributes import known_sizes
from typed_einsum.testing.axes.conditions import demands
from typed_einsum.testing.axes.fit import Fit, fitted
from typed_einsum.testing.axes.points import moved
from typed_einsum.testing.axes.resized import on_numbers
from typed_einsum.testing.axes.trace import Trace
from typed_einsum.testing.calls.making import Maker
from typed_einsum.testing.inputs.draw import Draw, Variant, primes
from typed_einsum.testing.running.invoke import exhaust, reseed

FEW = 3
"""So many sizes are offered of an axis that must be a multiple, or as long as another one."""


@dataclass(frozen=True)
class Body:
    """A function that can be called at any sizes, to see whether it runs."""

    maker: Maker

    @cached_property
    def fit(self) -> Fit:
        """What its symbolic run says."""
        return fitted(self.maker.call({}))

    @cached_property
    def ran_at(self) -> Mapping[str, int] | None:
        """Sizes at which it runs; None if none are found."""
        found = self.fit.small if self.fit.runs else on_numbers(self.maker.call({}))
        return None if found is None else dict(found.sizes)

    @cached_property
    def start(self) -> Mapping[str, int]:
        """Sizes to begin with: those at which it runs, or any."""
        return self.maker.call({}).sizes if self.ran_at is None else self.ran_at

    @cached_property
    def demands(self) -> Trace:
        """The symbolic run with what it needs, and without what only chooses a way to compute it."""
        return replace(self.fit.trace, questions=tuple(demands(self.fit.trace)))

    @cached_property
    def loose(self) -> frozenset[str]:
        """Where torch cannot follow the shapes: the axes whose sizes may be changed alone, and together."""
        if self.ran_at is None:
            return frozenset(self.names)
        few, many = ({**self.ran_at, **dict(zip(self.names, primes(at), strict=False))} for at in (2, 17))
        found = [
            name
            for name in self.names
            if all(self.error({**self.ran_at, name: sizes[name]}) is None for sizes in (few, many))
        ]
        together = ({**self.ran_at, **{name: sizes[name] for name in found}} for sizes in (few, many))
        return frozenset(found if all(self.error(sizes) is None for sizes in together) else ())

    def at(self, sizes: Mapping[str, int], name: str, size: int) -> dict[str, int] | None:
        """Sizes in which one axis has another size, and those that must follow it do; None if none run."""
        if self.fit.runs and name in self.fit.trace.symbols:
            return moved(self.demands, dict(sizes), name, size)
        return {**sizes, name: size} if name in self.loose else None

    @cached_property
    def least(self) -> Mapping[str, int]:
        """The smallest size of each axis: 1, or what it runs at where it does not at 2, as for a window.

        Where it runs at 2 and fails at 1, that is what a test is to find.
        """
        found = {}
        for name in self.names:
            smaller = (self.at(self.start, name, size) for size in range(2, self.start[name]))
            sizes = next((each for each in smaller if each and self.error(each) is None), self.start)
            found[name] = 1 if sizes[name] == 2 else sizes[name]
        return found

    def taken(self, sizes: Mapping[str, int], name: str, largest: int) -> list[int]:
        """Sizes that an axis may have beside those of the others: small ones, and larger where few are."""
        least = self.least[name]
        found = [size for size in range(least, largest + 1) if self.at(sizes, name, size)]
        larger = range(max(least, largest + 1), FEW * self.start[name] + 1)
        more = (size for size in larger if self.at(sizes, name, size))
        return [*found, *islice(more, max(0, min(FEW, largest) - len(found)))]

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
