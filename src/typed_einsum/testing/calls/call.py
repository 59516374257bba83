"""A call: a function with its arguments, to be run again with others.

An axis that is written as a product, `b*t`, is seen as its factors here: so a sample of `b` can be changed,
and followed, in a tensor that has it merged.
"""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from typed_einsum.annotations import TensorHint
from typed_einsum.checked.attributes import known_sizes
from typed_einsum.decorate.functions import OWNERS
from typed_einsum.equation.axes import Axis, Expression, Fixed, Named
from typed_einsum.equation.expressions import NotArithmetic, Number, Size, factors, read_expression
from typed_einsum.tensors import dtype_of, shape_of
from typed_einsum.testing.inputs.arrays import known_to, sizes_of_array
from typed_einsum.testing.inputs.draw import Draw, Variant
from typed_einsum.testing.inputs.leaves import changed, tensors_with_hints
from typed_einsum.testing.inputs.recipe import Recipe
from typed_einsum.testing.running.invoke import reseed, run

if TYPE_CHECKING:
    from typed_einsum.testing.calls.making import Maker

RELATIVE, ABSOLUTE = 1e-3, 1e-4
"""Numbers closer than this are taken to be the same: single precision, summed in another order."""


Tensors = list[tuple[TensorHint, Tensor]]


Source = Literal["made", "observed", "given"]
"""Where a call comes from: its annotations, a program that was watched, or the user."""


@dataclass(frozen=True)
class Call:
    """A function with the arguments of one call.

    `function` is a checked one, `recipe` its annotations. `arguments` are by the names of the parameters: the
    object of a method is among them, `*args` is a tuple and `**kwargs` a dict. `sizes` are those of the axis
    names, as far as they are known, with `*batch[0]` for the first axis under `*batch`. `guesses` are the
    arguments that nothing said how to make: a failure may be theirs. Those in `stand_ins` take the place of
    an object or a tensor, so that nothing that is wrong is known to be the function's. `notes` say which
    optional arguments are left out; `on` is the device. A call that was made knows its `maker`, which makes
    it at other sizes. Of an observed call, what is `apart` was compared with its annotation, but stays at the
    sizes seen: each object in it has names of its own.
    """

    function: Callable[..., Any]
    recipe: Recipe
    arguments: Mapping[str, Any]
    sizes: Mapping[str, int]
    origin: Source = "made"
    guesses: Mapping[str, Any] = field(default_factory=dict)
    stand_ins: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    on: str = "cpu"
    variant: Variant = Variant.FULL
    maker: Maker | None = None
    apart: frozenset[str] = frozenset()

    @cached_property
    def owner(self) -> str | None:
        """The parameter that is the object of a method."""
        first = next(iter(self.recipe.signature.parameters), None)
        return first if first in OWNERS else None

    @property
    def object(self) -> Any:
        """The object of a method."""
        return None if self.owner is None else self.arguments.get(self.owner)

    @property
    def at(self) -> str:
        """The sizes as a message shows them."""
        draw = Draw(known=self.sizes)
        draw.notes.extend(self.notes)
        return str(draw)

    @cached_property
    def fixed(self) -> frozenset[str]:
        """The names whose sizes an integer argument or the object says."""
        known = {} if self.object is None else known_sizes(self.object)
        numbers = {name for name, value in self.arguments.items() if type(value) is int}
        return frozenset({*numbers, *known})

    @cached_property
    def held(self) -> frozenset[str]:
        """The names whose sizes an object with a shape has, which stays as it is."""
        arrays = self.recipe.arrays.items()
        shapes = [
            sizes_of_array(each, self.arguments[name]) for name, each in arrays if name in self.arguments
        ]
        if self.object is not None:
            shapes.append(known_to(self.object, None))
        return frozenset(axis for shape in shapes for axis in shape.sizes)

    @property
    def bound(self) -> inspect.BoundArguments:
        """The arguments as `inspect` has them."""
        return inspect.BoundArguments(self.recipe.signature, OrderedDict(self.arguments))

    def inputs(self) -> Tensors:
        """The tensors among the arguments, with their annotations."""
        return [
            _unfolded(hint, each, self.sizes)
            for name, value in self.arguments.items()
            if name in self.recipe.hints
            for hint, each in tensors_with_hints(self.recipe.hints[name], value)
        ]

    @cached_property
    def results(self) -> Tensors | None:
        """The tensors of the result for the call's own arguments, of one run; None where it fails."""
        return self.outputs(self.arguments)

    @cached_property
    def moves(self) -> dict[str, Any]:
        """What is known so far of which entries of an axis move others, by its name."""
        return {}

    def outputs(self, arguments: Mapping[str, Any], **sizes: int) -> Tensors | None:
        """The tensors of a result, with their annotations; None where the call fails.

        `sizes` are those that the arguments have changed.
        """
        reseed(0)
        try:
            return self._outputs(arguments, {**self.sizes, **sizes})
        except Exception:  # the user's function: an input it does not take says nothing here
            return None

    def _outputs(self, arguments: Mapping[str, Any], sizes: Mapping[str, int]) -> Tensors:
        bound = inspect.BoundArguments(self.recipe.signature, OrderedDict(arguments))
        result = run(self.function, bound)
        found = tensors_with_hints(self.recipe.result, result)
        return [_unfolded(hint, value.detach().clone(), sizes) for hint, value in found]

    def changed(self, change: Callable[[TensorHint, Tensor], Tensor]) -> dict[str, Any]:
        """The arguments with every tensor changed; `change` may return its tensor as it is."""

        def opened(hint: TensorHint, value: Tensor) -> Tensor:
            return _folded(change(*_unfolded(hint, value, self.sizes)), _split(hint, value, self.sizes))

        return {
            name: changed(self.recipe.hints[name], value, opened) if name in self.recipe.hints else value
            for name, value in self.arguments.items()
        }

    def is_random(self) -> bool:
        """Whether two calls on the same arguments differ when the seed does."""
        first = self.results
        reseed(1)
        second = self._outputs(self.arguments, self.sizes)
        return first is None or not all(
            same(one, two) for (_, one), (_, two) in zip(first, second, strict=True)
        )

    def uses_batch_statistics(self) -> bool:
        """Whether the call runs a batch norm in training, which ties samples together for all to know."""
        with _BatchNorms() as norms:
            self.outputs(self.arguments)
        return bool(norms.seen)


class _BatchNorms(TorchFunctionMode):
    """Sees the batch norms that take their statistics from the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = False

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        options = dict(kwargs or {})
        if getattr(func, "__name__", "") == "batch_norm":
            self.seen |= bool(options.get("training", args[5] if len(args) > 5 else False))
        return func(*args, **options)


def _factors(axis: Axis, size: int, sizes: Mapping[str, int]) -> list[tuple[Axis, int]]:
    """An axis with its size, or the factors of a product, each with its own."""
    if isinstance(axis, Expression):
        try:
            parts = factors(read_expression(axis.text))
        except NotArithmetic:
            parts = ()
        if all(isinstance(part, Number) or part.name in sizes for part in parts):
            named = [_factor(part, sizes) for part in parts]
            if len(named) > 1 and prod(count for _, count in named) == size:
                return named
    return [(axis, size)]


def _factor(part: Number | Size, sizes: Mapping[str, int]) -> tuple[Axis, int]:
    if isinstance(part, Number):
        return Fixed(part.value), part.value
    return Named(part.name), sizes[part.name]


def _split(hint: TensorHint, value: Tensor, sizes: Mapping[str, int]) -> list[list[tuple[Axis, int]]]:
    """The factors of each axis of a tensor."""
    if len(hint.axes) != len(shape_of(value)):  # an axis that stands for several
        return []
    return [_factors(axis, size, sizes) for axis, size in zip(hint.axes, shape_of(value), strict=True)]


def _unfolded(hint: TensorHint, value: Tensor, sizes: Mapping[str, int]) -> tuple[TensorHint, Tensor]:
    """A tensor with its products as their factors."""
    groups = _split(hint, value, sizes)
    if all(len(group) == 1 for group in groups):
        return hint, value
    axes, shape = zip(*(factor for group in groups for factor in group), strict=True)
    return replace(hint, axes=axes), value.reshape(shape)


def _folded(value: Tensor, groups: Sequence[Sequence[object]]) -> Tensor:
    """A tensor with the factors of each product merged again."""
    for position in range(len(groups)):  # by then, what lies before is merged
        if len(groups[position]) > 1:
            value = value.flatten(position, position + len(groups[position]) - 1)
    return value


def same(one: Tensor, other: Tensor) -> bool:
    """Whether two results are equal, but for rounding."""
    if shape_of(one) != shape_of(other) or dtype_of(one) != dtype_of(other):
        return False
    if dtype_of(one).is_floating_point or dtype_of(one).is_complex:
        return torch.allclose(one, other, RELATIVE, ABSOLUTE, equal_nan=True)
    return torch.equal(one, other)
