"""What the annotations of a function say about its arguments: how to make them."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from inspect import Parameter
from types import UnionType
from typing import Any, Union, get_args, get_origin

import torch
from torch import Tensor

from typed_einsum.annotations import (
    AnyHint,
    DictHint,
    Hint,
    JudgedHint,
    ListHint,
    OptionalHint,
    PlainHint,
    TensorHint,
    UnionHint,
    parts_of,
    read_or_any,
)
from typed_einsum.annotations.arrays import ArrayHint, array_of
from typed_einsum.decorate.definition import definition_of
from typed_einsum.decorate.resolution import Unresolved
from typed_einsum.equation.axes import Anonymous, Expression, Fixed, Named, Variadic, is_variadic
from typed_einsum.equation.expressions import names_in, read_expression
from typed_einsum.testing.inputs.arguments import Arguments, CannotMake, holds_tensors
from typed_einsum.testing.inputs.draw import Draw, Variant, stand_ins_of
from typed_einsum.testing.inputs.leaves import declared_tensors

__all__ = ["CannotMake", "Recipe"]


@dataclass(frozen=True)
class Recipe:
    """The parameters of a function with their hints. `annotations` are the types as they are written.

    Where arguments are made, it `assumes` axes for tensors that are annotated without.
    """

    signature: inspect.Signature
    hints: Mapping[str, Hint]
    result: Hint = field(default_factory=AnyHint)
    annotations: Mapping[str, Any] = field(default_factory=dict)
    assumes: bool = True

    assumed: Mapping[str, TensorHint] = field(init=False)
    """Tensors that are annotated without axes, with those of the first tensor that has some: an argument, or
    else the result."""

    def __post_init__(self) -> None:
        """What `*args` and `**kwargs` hold is a tuple and a dict of what their annotations say."""
        hints = {name: self._gathered(name, self._described(name, hint)) for name, hint in self.hints.items()}
        first = next((e for hint in (*hints.values(), self.result) for e in declared_tensors(hint)), None)
        bare = {name: hint for name, hint in hints.items() if isinstance(hint, PlainHint)}
        assumed = {
            name: replace(first, kind=hint.kind)
            for name, hint in bare.items()
            if self.assumes and first is not None and issubclass(hint.kind, Tensor)
        }
        object.__setattr__(self, "hints", {**hints, **assumed})
        object.__setattr__(self, "assumed", assumed)

    def _described(self, name: str, hint: Hint) -> Hint:
        """A hint; of a union that only jaxtyping can judge, those members that can be made."""
        annotation = self.annotation(name)
        if not isinstance(hint, AnyHint | JudgedHint) or get_origin(annotation) not in (Union, UnionType):
            return hint
        members = [each for each in map(read_or_any, get_args(annotation)) if not isinstance(each, AnyHint)]
        return UnionHint(tuple(members)) if any(map(holds_tensors, members)) else hint

    @classmethod
    def of(cls, checked: Callable[..., Any]) -> Recipe:
        """The recipe of a function that a decorator of this library has read."""
        definition = definition_of(checked)
        assert definition is not None
        read = definition.signature
        return cls(inspect.signature(checked), read.hints, read.result, getattr(read, "annotations", {}))

    @cached_property
    def of_passed(self) -> Recipe:
        """What the annotations alone say: arguments that are there already have axes of their own."""
        bare = {name: PlainHint(hint.kind) for name, hint in self.assumed.items()}
        return replace(self, hints={**self.hints, **bare}, assumes=False)

    def _gathered(self, name: str, hint: Hint) -> Hint:
        parameter = self.signature.parameters.get(name)
        if parameter is None or isinstance(hint, AnyHint):
            return hint
        if parameter.kind is Parameter.VAR_POSITIONAL and not _is_gathered(hint, tuple):
            return ListHint(tuple, hint)
        if parameter.kind is Parameter.VAR_KEYWORD and not _is_gathered(hint, dict):
            return DictHint(dict, PlainHint(str), hint)
        return hint

    def annotation(self, name: str) -> Any:
        """The type of a parameter; `Parameter.empty` where none is written."""
        parameter = self.signature.parameters.get(name)
        written = Parameter.empty if parameter is None else parameter.annotation
        found = self.annotations.get(name, written)
        return found.text if isinstance(found, Unresolved) else found

    @cached_property
    def tensors(self) -> tuple[TensorHint, ...]:
        """The hints of all tensors among the arguments, those in records and containers among them."""
        return tuple(tensor for hint in self.hints.values() for tensor in declared_tensors(hint))

    @cached_property
    def axis_names(self) -> frozenset[str]:
        """The names of axes that some tensor argument has."""
        return _names_in(self.tensors)

    @cached_property
    def result_names(self) -> frozenset[str]:
        """The names of axes that the result has."""
        return _names_in(tuple(declared_tensors(self.result)))

    @cached_property
    def shared_dtypes(self) -> frozenset[torch.dtype]:
        """The dtypes that every tensor may have; a contraction takes operands of one dtype."""
        sets = [hint.dtypes for hint in self.tensors if hint.dtypes is not None]
        return frozenset.intersection(*sets) if sets else frozenset()

    @cached_property
    def spreads(self) -> bool:
        """Whether a tensor argument has an axis that stands for any number of axes."""
        return any(is_variadic(axis) for hint in self.tensors for axis in hint.axes)

    @cached_property
    def fixed_sizes(self) -> frozenset[int]:
        """The sizes that are written in the annotations."""
        axes = [axis for hint in self.tensors for axis in hint.axes]
        return frozenset(axis.size for axis in axes if isinstance(axis, Fixed))

    @cached_property
    def spread_labels(self) -> frozenset[str]:
        """The names for any number of axes that the arguments have, as in `*batch`."""
        hints: list[TensorHint | ArrayHint] = [*self.tensors, *self.arrays.values()]
        axes = [axis for hint in hints for axis in hint.axes if isinstance(axis, Variadic | Anonymous)]
        return frozenset(Draw.label(axis) for axis in axes if is_variadic(axis))

    def variants(self) -> tuple[Variant, ...]:
        """The variants of inputs that a function must all take, the full one first."""
        optional = sum(self.may_lack(name) for name in self.hints)
        members = max((_members(hint) for hint in self.hints.values()), default=1)
        broadcasts = any(
            not isinstance(axis, Anonymous) and axis.broadcast for hint in self.tensors for axis in hint.axes
        )
        return (
            Variant.FULL,
            *([Variant.FIRST] if optional > 1 else []),
            *([Variant.SPARSE] if optional > 0 else []),
            *([Variant.BROADCAST] if broadcasts else []),
            *(Variant(member=member) for member in range(1, members)),
        )

    def alternatives(self) -> tuple[Variant, ...]:
        """Variants of which a function need not take every one, for where it takes none of the others.

        Each name that stands for any number of axes stands for one; all such names stand for the same axes;
        and tensors that may hold any numbers hold integers.
        """
        several = len(self.spread_labels) > 1
        integers = any(hint.dtypes is None or torch.int64 in hint.dtypes for hint in self.tensors)
        real = any(hint.dtypes is None or torch.float32 in hint.dtypes for hint in self.tensors)
        return (
            *([Variant.SINGLE] if self.spreads else []),
            *([Variant.TOGETHER] if several else []),
            *([Variant.INTEGERS] if integers and real else []),
        )

    @cached_property
    def arrays(self) -> Mapping[str, ArrayHint]:
        """The parameters that take an object with a shape: `other: Float[Operator, "m n"]`."""
        found = {name: array_of(self.annotation(name)) for name in self.signature.parameters}
        return {name: array for name, array in found.items() if array is not None}

    def may_lack(self, name: str) -> bool:
        """Whether a tensor may be left out, or be None."""
        hint, parameter = self.hints[name], self.signature.parameters.get(name)
        if isinstance(hint, OptionalHint) or PlainHint(type(None)) in parts_of(hint):
            return True
        defaulted = parameter is not None and parameter.default is not Parameter.empty
        return defaulted and holds_tensors(hint)

    def make(self, draw: Draw, given: Mapping[str, Any] | None = None) -> inspect.BoundArguments:
        """Arguments for every parameter that needs one. Raises `CannotMake`.

        `given` are arguments that are there already, such as `self`.
        """
        draw.avoid = draw.avoid | self.fixed_sizes
        arguments: dict[str, Any] = {}
        making = Arguments(self, draw, arguments)
        for value in (given or {}).values():
            draw.stand_ins.update(stand_ins_of(value))
            draw.guesses.update(stand_ins_of(value))
        for parameter in self.signature.parameters.values():
            name = parameter.name
            hint = self.hints.get(name, AnyHint())
            if given and name in given:
                arguments[name] = given[name]
            elif parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
                if parameter.kind is Parameter.VAR_POSITIONAL:
                    arguments[name] = making.star(name, hint)
            elif self._is_passed(parameter, draw):
                arguments[name] = making.value(name, hint)
        return inspect.BoundArguments(self.signature, OrderedDict(arguments))

    def _is_passed(self, parameter: Parameter, draw: Draw) -> bool:
        if parameter.default is Parameter.empty or draw.replaces(parameter.name, parameter.default):
            return True
        if type(parameter.default) is int and parameter.name in self.axis_names:
            return True  # it is the size of that axis, whatever it usually is
        if not holds_tensors(self.hints.get(parameter.name, AnyHint())):
            return False
        if self.is_left_out(parameter.name, draw):
            draw.notes.append(f"without {parameter.name}")
            return False
        return True

    def is_left_out(self, name: str, draw: Draw) -> bool:
        """Whether an optional tensor is not passed in this variant."""
        if draw.variant.passed == "first":
            return name != next((each for each in self.hints if self.may_lack(each)), name)
        return draw.variant.passed == "none"


def _is_gathered(hint: Hint, kind: type) -> bool:
    """Whether a hint is that of all `*args` already: a recipe may be made from the hints of another one."""
    return isinstance(hint, ListHint | DictHint) and hint.kind is kind


def _members(hint: Hint) -> int:
    """How many variants the unions in a hint have."""
    inner = max((_members(part) for part in parts_of(hint)), default=1)
    own = sum(map(holds_tensors, hint.members)) if isinstance(hint, UnionHint) else 1
    return max(own, inner)


def _names_in(tensors: tuple[TensorHint, ...]) -> frozenset[str]:
    axes = [axis for hint in tensors for axis in hint.axes]
    computed = [read_expression(axis.text) for axis in axes if isinstance(axis, Expression)]
    named = [axis.name for axis in axes if isinstance(axis, Named)]
    return frozenset([*named, *(name for tree in computed for name in names_in(tree))])
