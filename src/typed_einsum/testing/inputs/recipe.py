"""Arguments for a checked function, made from its annotations: every named axis gets a prime of its own."""

from __future__ import annotations

import inspect
import math
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from inspect import Parameter
from typing import Any, Literal, get_args, get_origin

import torch
from torch import Tensor

from typed_einsum.annotations import (
    AnyHint,
    BeartypeHint,
    DictHint,
    Hint,
    ListHint,
    OptionalHint,
    PlainHint,
    TensorHint,
    TupleHint,
    UnionHint,
    tensors_in,
)
from typed_einsum.equation.axes import ELLIPSIS, Anonymous, Axis, Expression, Fixed, Named, Variadic
from typed_einsum.equation.expressions import NotArithmetic, Unknown, compute, names_in, read_expression
from typed_einsum.testing.inputs.draw import Draw, SizesAsAsked, Variant

PREFERRED = (torch.float32, torch.int64, torch.bool, torch.complex64, torch.uint8)
"""The dtype that a tensor gets is the first of these that its annotation allows."""

MOST_ENTRIES, MOST_NUMBERS = 2**48, 2**24
"""How many entries a tensor has at most: on the `meta` device, which holds none, and elsewhere."""


class CannotMake(Exception):
    """An argument that annotations do not say how to make; the text says which and why."""


@dataclass(frozen=True)
class Recipe:
    """What the annotations of a function say about its arguments: how to make them."""

    signature: inspect.Signature
    hints: Mapping[str, Hint]
    result: Hint = field(default_factory=AnyHint)

    @cached_property
    def tensors(self) -> tuple[TensorHint, ...]:
        """The hints of all tensors among the arguments."""
        return tuple(tensor for hint in self.hints.values() for tensor in tensors_in(hint))

    @cached_property
    def axis_names(self) -> frozenset[str]:
        """The names of axes that some tensor argument has."""
        return _names_in(self.tensors)

    @cached_property
    def result_names(self) -> frozenset[str]:
        """The names of axes that the result has."""
        return _names_in(tuple(tensors_in(self.result)))

    @cached_property
    def shared_dtypes(self) -> frozenset[torch.dtype]:
        """The dtypes that every tensor may have; a contraction takes operands of one dtype."""
        sets = [hint.dtypes for hint in self.tensors if hint.dtypes is not None]
        return frozenset.intersection(*sets) if sets else frozenset()

    @cached_property
    def spreads(self) -> bool:
        """Whether a tensor argument has an axis that stands for any number of axes."""
        return any(isinstance(axis, Variadic) for hint in self.tensors for axis in hint.axes)

    @cached_property
    def fixed_sizes(self) -> frozenset[int]:
        """The sizes that are written in the annotations."""
        axes = [axis for hint in self.tensors for axis in hint.axes]
        return frozenset(axis.size for axis in axes if isinstance(axis, Fixed))

    def variants(self) -> tuple[Variant, ...]:
        """The variants of inputs in which this function's differ, the full one first.

        `SINGLE` is none of them: it is for a function that refuses all others.
        """
        optional = sum(self._may_lack(name) for name in self.hints)
        broadcasts = any(
            not isinstance(axis, Anonymous) and axis.broadcast for hint in self.tensors for axis in hint.axes
        )
        every = {
            Variant.FULL: True,
            Variant.FIRST: optional > 1,
            Variant.SPARSE: optional > 0,
            Variant.BROADCAST: broadcasts,
        }
        return tuple(variant for variant, applies in every.items() if applies)

    def _may_lack(self, name: str) -> bool:
        hint, parameter = self.hints[name], self.signature.parameters.get(name)
        if isinstance(hint, OptionalHint):
            return True
        defaulted = parameter is not None and parameter.default is not Parameter.empty
        return defaulted and isinstance(hint, TensorHint | TupleHint)

    def make(self, draw: Draw, given: Mapping[str, Any] | None = None) -> inspect.BoundArguments:
        """Arguments for every parameter that needs one. Raises `CannotMake`.

        `given` are arguments that are there already, such as `self`.
        """
        marked: set[str] = set()
        draw.avoid = draw.avoid | self.fixed_sizes
        arguments: dict[str, Any] = {}
        for parameter in self.signature.parameters.values():
            name = parameter.name
            hint = self.hints.get(name, AnyHint())
            making = _Making(self, draw, arguments, marked)
            if given and name in given:
                arguments[name] = given[name]
            elif parameter.kind is Parameter.VAR_POSITIONAL:
                arguments[name] = (making.value(name, hint),) if any(tensors_in(hint)) else ()
            elif parameter.kind is not Parameter.VAR_KEYWORD and self._is_passed(parameter, draw):
                arguments[name] = making.value(name, hint)
        return inspect.BoundArguments(self.signature, OrderedDict(arguments))

    def _is_passed(self, parameter: Parameter, draw: Draw) -> bool:
        if parameter.default is Parameter.empty:
            return True
        if type(parameter.default) is int and parameter.name in self.axis_names:
            return True  # it is the size of that axis, whatever it usually is
        if not any(tensors_in(self.hints.get(parameter.name, AnyHint()))):
            return False
        if self._is_left_out(parameter.name, draw):
            draw.notes.append(f"without {parameter.name}")
            return False
        return True

    def _is_left_out(self, name: str, draw: Draw) -> bool:
        """Whether an optional tensor is not passed in this variant."""
        if draw.variant in (Variant.FIRST, Variant.SINGLE):
            return name != next(each for each in self.hints if self._may_lack(each))
        return draw.variant is Variant.SPARSE


@dataclass(frozen=True)
class _Making:
    """The arguments of one call while they are made."""

    recipe: Recipe
    draw: Draw
    arguments: Mapping[str, Any]
    marked: set[str]
    """Names that a `#` axis has had at full size."""

    def value(self, name: str, hint: Hint) -> Any:
        """A value that the hint allows. Raises `CannotMake`."""
        match hint:
            case TensorHint():
                return self.tensor(name, hint)
            case OptionalHint(inner, others):
                is_left_out = self.recipe._is_left_out(name.partition("[")[0], self.draw)
                if is_left_out and PlainHint(type(None)) in others:
                    self.draw.notes.append(f"{name}=None")
                    return None
                return self.value(name, inner)
            case TupleHint(items):
                return tuple(self.value(f"{name}[{i}]", item) for i, item in enumerate(items))
            case PlainHint() | BeartypeHint():
                return self.plain(name, hint)
            case AnyHint() | ListHint() | DictHint() | UnionHint():
                parameter = self.recipe.signature.parameters.get(name.partition("[")[0])
                if parameter is None or parameter.annotation is Parameter.empty:
                    raise CannotMake(f"parameter `{name}` has no annotation")
                raise CannotMake(f"nothing says how to make `{name}`, a `{_shown(parameter.annotation)}`")

    def plain(self, name: str, hint: PlainHint | BeartypeHint) -> Any:
        """A value that is no tensor: the size of an axis, or a guess."""
        kind = hint.kind if isinstance(hint, PlainHint) else hint.hint
        if kind is int:
            return self._integer(name)
        for candidate in self._candidates(name, kind):
            if isinstance(candidate, hint.kind) if isinstance(hint, PlainHint) else hint.accepts(candidate):
                self.draw.guesses[name] = candidate
                return candidate
        raise CannotMake(f"nothing says how to make `{name}`, a `{_shown(kind)}`")

    def _integer(self, name: str) -> int:
        if name in self.recipe.axis_names or name in self.draw.known:
            return self.draw.size(name)
        size = self.draw.small(name)
        if name not in self.recipe.result_names:
            self.draw.guesses[name] = size
        return size

    def _candidates(self, name: str, kind: Any) -> tuple[Any, ...]:
        if isinstance(kind, type) and issubclass(kind, Enum):
            return tuple(kind)
        if get_origin(kind) is Literal:
            return get_args(kind)
        plain = (None, False, 2, 0.5, name, (), torch.float32, torch.device(self.draw.on))
        return tuple(value for value in plain if type(value) is kind) or plain

    def tensor(self, name: str, hint: TensorHint) -> Tensor:
        """A tensor that the annotation allows; off `meta`, of numbers that most functions can take."""
        if hint.kind not in (Tensor, torch.nn.Parameter):
            raise CannotMake(f"nothing says how to make `{name}`, a `{hint.kind.__name__}`")
        shape = self.shape(name, hint)
        if math.prod(shape) > (MOST_ENTRIES if self.draw.on == "meta" else MOST_NUMBERS):
            what = "torch" if self.draw.on == "meta" else "real numbers"
            raise CannotMake(f"`{name}` would have the sizes {shape}, too many for {what}")
        value = _filled(shape, self._dtype(hint), self.draw.on)
        return torch.nn.Parameter(value, value.is_floating_point()) if hint.kind is not Tensor else value

    def _dtype(self, hint: TensorHint) -> torch.dtype:
        if hint.dtypes is None and not self.recipe.shared_dtypes:
            return PREFERRED[0]
        allowed = self.recipe.shared_dtypes or hint.dtypes or frozenset()
        return next(iter([*(d for d in PREFERRED if d in allowed), *sorted(allowed, key=str)]))

    def shape(self, name: str, hint: TensorHint) -> tuple[int, ...]:
        """The shape of a tensor; a variadic axis stands for two."""
        try:
            shape = tuple(size for axis in hint.axes for size in self._sizes(axis))
        except (AttributeError, NotArithmetic, Unknown, ZeroDivisionError) as error:
            raise CannotMake(f'the sizes of `{name}`, "{hint.text}", cannot be computed: {error}') from error
        if any(size < 0 for size in shape):
            raise CannotMake(f'`{name}`, "{hint.text}", would have the sizes {shape}')
        return shape

    def _sizes(self, axis: Axis) -> list[int]:
        draw = self.draw
        match axis:
            case Anonymous(variadic=False):
                return [draw.fresh()]
            case Anonymous(word=word) if word != ELLIPSIS:
                return [draw.fresh(), draw.fresh()]
            case Anonymous(word=name) | Variadic(name):
                label = name if name == ELLIPSIS else f"*{name}"
                count = 1 if draw.variant is Variant.SINGLE else 2
                sizes = [draw.size(f"{label}[{i}]") for i in range(count)]
                shrinks = isinstance(axis, Variadic) and self._is_one(axis, label)
                return [1] * count if shrinks else sizes
            case Named(name):
                return [1] if self._is_one(axis, name) else [draw.size(name)]
            case Fixed(size):
                return [1] if self._is_one(axis, "") else [size]
            case Expression(text):
                size = compute(read_expression(text), SizesAsAsked(draw), self.arguments)
                return [1] if self._is_one(axis, "") else [size]

    def _is_one(self, axis: Named | Fixed | Variadic | Expression, name: str) -> bool:
        """Whether a `#` axis is to be 1 here: in every tensor but the first, or in all if a plain axis is."""
        if not axis.broadcast or self.draw.variant is not Variant.BROADCAST:
            return False
        plain = replace(axis, broadcast=False)
        unmarked = any(plain == other for hint in self.recipe.tensors for other in hint.axes)
        if name and not unmarked and name not in self.marked:
            self.marked.add(name)
            return False
        note = f"#{name}=1"
        if name and note not in self.draw.notes:
            self.draw.notes.append(note)
        return True


def _names_in(tensors: tuple[TensorHint, ...]) -> frozenset[str]:
    axes = [axis for hint in tensors for axis in hint.axes]
    computed = [read_expression(axis.text) for axis in axes if isinstance(axis, Expression)]
    named = [axis.name for axis in axes if isinstance(axis, Named)]
    return frozenset([*named, *(name for tree in computed for name in names_in(tree))])


def _filled(shape: tuple[int, ...], dtype: torch.dtype, device: str) -> Tensor:
    """Numbers between 0 and 1, zeros, which index anything, or True, which masks nothing out."""
    if device == "meta":
        return torch.empty(shape, dtype=dtype, device=device)
    if dtype.is_floating_point or dtype.is_complex:
        return torch.rand(shape, device=device).to(dtype)
    return torch.full(shape, dtype is torch.bool, dtype=dtype, device=device)


def _shown(annotation: Any) -> str:
    plain = isinstance(annotation, type) and not get_args(annotation)
    return annotation.__name__ if plain else re.sub(r"\b(jax)?typing\.", "", str(annotation))
