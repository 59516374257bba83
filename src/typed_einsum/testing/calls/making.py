"""Calls made from annotations: at any sizes, in any variant of the inputs, on any device."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from torch import nn

from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.calls.variation import copied
from typed_einsum.testing.inputs.arrays import ArraySizes, known_to, sizes_of_array
from typed_einsum.testing.inputs.draw import Draw, Variant, numbers_in, primes
from typed_einsum.testing.inputs.recipe import CannotMake, Recipe
from typed_einsum.testing.running.invoke import reseed
from typed_einsum.testing.running.weights import count_parameters, is_unfinished

MOST_PARAMETERS = 10**8
"""A module with more gets no numbers."""


@dataclass(frozen=True)
class Maker:
    """A function with all that is known of how to call it.

    `owner` makes the object of a method on a device; `given` are sizes that the user gives, and `passed`
    arguments that every call of a program has.
    """

    function: Callable[..., Any]
    recipe: Recipe
    owner: Callable[[str], Any] | None = None
    given: Mapping[str, int] = field(default_factory=dict)
    passed: Mapping[str, Any] = field(default_factory=dict)

    def call(
        self,
        sizes: Mapping[str, int],
        others: Iterator[int] | None = None,
        *,
        variant: Variant = Variant.FULL,
        device: str = "meta",
        owner: Any = None,
    ) -> Call:
        """A call at these sizes; `others` are the candidates for the rest. Raises `CannotMake`.

        The object of a method is one of its own, unless `owner` is passed.
        """
        if self.owner is not None and owner is None:
            owner = self._made(device)
        own = self._known_to(owner)
        known = {**own.sizes, **self.given, **sizes}
        draw = Draw(others or primes(11), device, variant, known, self.numbers, own.ranks)
        reseed(0)
        there = {**self._chosen, **({} if self.owner is None else {self._first: owner})}
        bound = self.recipe.make(draw, there)
        return Call(
            self.function,
            self.recipe,
            bound.arguments,
            draw.sizes,
            guesses=draw.guesses,
            stand_ins=draw.stand_ins,
            notes=tuple(draw.notes),
            on=device,
            variant=variant,
            maker=self,
        )

    @property
    def _chosen(self) -> Mapping[str, Any]:
        """What is passed to parameters that need an argument, and of which no annotation says anything."""
        parameters = self.recipe.signature.parameters
        return {
            name: value
            for name, value in self.passed.items()
            if name in parameters
            and parameters[name].default is inspect.Parameter.empty
            and name not in {*self.recipe.axis_names, *self.recipe.annotations, *self.recipe.hints}
        }

    def _made(self, device: str) -> Any:
        """An object of a call's own, which it may change: a copy, where that is of no numbers."""
        assert self.owner is not None
        seen = self.without_numbers if device == "meta" else None
        if isinstance(seen, nn.Module) and not is_unfinished(seen) and _has_no_numbers(seen):
            with suppress(CannotMake):
                return copied(seen, "meta")
        return self.owner(device)

    @cached_property
    def object(self) -> Any:
        """The object of a method; on `meta` if it is too large to hold numbers. It is not to be changed."""
        return self.without_numbers if self.is_large or self.owner is None else self.owner("cpu")

    @cached_property
    def is_large(self) -> bool:
        """Whether the object of a method is too large to be built with numbers, and run on them."""
        return is_large(self.without_numbers)

    @cached_property
    def without_numbers(self) -> Any:
        """The object of a method on `meta`. It is not to be changed."""
        return None if self.owner is None else self.owner("meta")

    @cached_property
    def numbers(self) -> frozenset[int]:
        """The whole numbers that the function may compute with: no axis gets such a size by chance."""
        return numbers_in(inspect.unwrap(self.function), self.recipe.signature, self.without_numbers)

    @cached_property
    def own_shape(self) -> Mapping[str, int]:
        """The sizes that the object gives to axes by its shape."""
        array = self.recipe.arrays.get(self._first)
        return {} if array is None else sizes_of_array(array, self.object).sizes

    @cached_property
    def known(self) -> frozenset[str]:
        """The names whose sizes the user or the object gives."""
        return frozenset({*self.given, *self._known_to(self.object).sizes})

    @property
    def _first(self) -> str:
        return next(iter(self.recipe.signature.parameters), "")

    def _known_to(self, owner: Any) -> ArraySizes:
        """What the object of a method knows of axes."""
        return ArraySizes() if owner is None else known_to(owner, self.recipe.arrays.get(self._first))


def _has_no_numbers(module: nn.Module) -> bool:
    """Whether all that a module computes with is on `meta`."""
    return all(each.is_meta for each in (*module.parameters(), *module.buffers()))


def is_large(owner: Any) -> bool:
    """Whether a module is too large to be run on numbers."""
    return isinstance(owner, nn.Module) and count_parameters(owner) > MOST_PARAMETERS
