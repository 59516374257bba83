"""Values for parameters that are neither tensors nor sizes: by their type, or else by their name."""

from __future__ import annotations

import sys
from collections import abc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from inspect import Parameter
from pathlib import PurePath
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NewType, TypeVar, Union, get_args, get_origin

import torch
from torch import Tensor, nn

from typed_einsum.annotations import is_tensor_annotation
from typed_einsum.testing.inputs.names import (
    ACTIVATION,
    AXIS,
    CONFIG,
    INPUT,
    NORM,
    ONE_OF,
    OUTSIDE,
    TRUE,
    callables_for,
    float_for,
    guesses_by_name,
    is_a_size,
    role_of,
    says,
    text_for,
)

Maker = Callable[[], Any]
"""Makes one candidate; of several, only those that are tried are made."""

OTHER_NUMBERS = {
    "width": (384, 32, 3),
    "count": (1, 8, 64),
    "image": (96, 224),
    "length": (64,),
    "kernel": (4, 1),
    "one": (2,),
}
"""Whole numbers to try where a constructor refuses the usual one, by the role of the parameter."""

ITEMS = 2
"""How many items a list gets."""

RANKS = (2, 1, 3, 0)
"""How many axes a tensor may have of which only its class is known, the usual number first."""


@dataclass(frozen=True)
class Guesses:
    """What a parameter may be given. `number` gives the whole number for a name, `build` makes an object.

    In a constructor more is guessed than in a function, where a wrong guess makes the call meaningless.
    `texts` are the words that the source compares a parameter with, and `classes` what its name asks for.
    """

    device: str
    number: Callable[[str], int]
    build: Callable[[str, type], Any]
    constructs: bool = False
    texts: Callable[[str], Sequence[str]] = lambda name: ()
    classes: Callable[[str], Sequence[type]] = lambda name: ()

    def candidates(self, name: str, annotation: Any) -> list[Maker]:
        """The values to try for a parameter, the likeliest first; none where nothing says what it takes."""
        if annotation in (Parameter.empty, Any, object):
            return list(self._by_name(name))
        return list(self._by_type(name, annotation))

    def _by_name(self, name: str) -> Iterator[Maker]:
        if name == "device":
            yield partial(torch.device, self.device)
        if is_a_size(name):
            yield partial(self.number, name)
        yield from (partial(self.build, name, kind) for kind in self.classes(name))
        for value in (*self.texts(name), *guesses_by_name(name)):
            if self.constructs or isinstance(value, bool | int | float):
                yield partial(_given, value)
        if self.constructs:
            if not says(rf"{CONFIG}|{OUTSIDE}", name):
                yield from self._numbers(name)
                yield lambda: tuple(self.number(f"{name}[{i}]") for i in range(ITEMS))
                yield from (partial(_given, value) for value in (None, nn.Identity()))
                yield lambda: torch.eye(self.number("width"))
        elif role_of(name) is not None:
            yield partial(self.number, name)

    def _numbers(self, name: str) -> Iterator[Maker]:
        """Whole numbers by a parameter's name; in a constructor also such as others need to divide."""
        yield partial(self.number, name)
        if self.constructs:
            yield from (partial(_given, size) for size in OTHER_NUMBERS.get(role_of(name) or "width", ()))

    def _by_type(self, name: str, annotation: Any) -> Iterator[Maker]:
        origin, arguments = get_origin(annotation), get_args(annotation)
        match annotation:
            case TypeVar():
                bound = annotation.__bound__ or next(iter(annotation.__constraints__), Parameter.empty)
                yield from self.candidates(name, bound)
            case NewType():
                yield from self._by_type(name, annotation.__supertype__)
            case _ if abc.Hashable in (annotation, origin):
                yield partial(_given, name)
            case None:
                yield partial(_given, None)
            case type() if is_tensor_annotation(annotation):
                return
            case type() if origin is None:
                yield from self._of_class(name, annotation)
            case _ if origin is Annotated:
                yield from self._by_type(name, arguments[0])
            case _ if origin is Literal:
                yield from (partial(_given, value) for value in arguments)
            case _ if origin in (Union, UnionType):
                yield from self._of_union(name, arguments)
            case _ if origin is tuple and Ellipsis not in arguments:
                yield from self._of_tuple(name, arguments)
            case _ if origin is abc.Callable or annotation is Callable:
                yield from self._callables(name, returns=arguments[-1] if arguments else None)
            case _ if origin is type:
                yield from self._classes(name, arguments[0])
            case _ if isinstance(origin, type):
                yield from self._of_generic(name, origin, arguments)

    def _of_union(self, name: str, members: tuple[Any, ...]) -> Iterator[Maker]:
        if NoneType in members and not says(INPUT, name):
            yield partial(_given, None)
        for member in members:
            if member is not NoneType:
                yield from self._by_type(name, member)

    def _of_tuple(self, name: str, items: tuple[Any, ...]) -> Iterator[Maker]:
        makers = [self.candidates(f"{name}[{i}]", item)[:1] for i, item in enumerate(items)]
        if all(makers):
            yield lambda: tuple(maker() for (maker,) in makers)

    def _of_generic(self, name: str, origin: type, arguments: tuple[Any, ...]) -> Iterator[Maker]:
        """A list, a dict, or an object of a class that takes types."""
        if issubclass(origin, abc.Mapping):
            yield dict
        elif issubclass(origin, abc.Iterable) and origin.__module__ in ("builtins", "collections.abc"):
            kind = origin if origin in (tuple, set, frozenset) else list
            makers = [self.candidates(f"{name}[{i}]", arguments[0])[:1] for i in range(ITEMS)]
            if all(makers):
                yield lambda: kind(maker() for (maker,) in makers)
        else:
            yield from self._of_class(name, origin)

    def _of_class(self, name: str, kind: type) -> Iterator[Maker]:
        if issubclass(kind, Enum):
            yield from (partial(_given, value) for value in kind)
        elif kind is bool:
            yield from (
                partial(_given, value) for value in ((True, False) if says(TRUE, name) else (False, True))
            )
        elif kind is int and says(AXIS, name) and not self.constructs:  # where it is a width
            yield partial(_given, -1)
        elif kind is int and says(ONE_OF, name) and not self.constructs:
            yield partial(_given, 0)
        elif kind is int:
            yield from self._numbers(name)
        elif kind is float:
            yield partial(_given, float_for(name))
        elif kind is str:
            yield from (partial(_given, text) for text in dict.fromkeys([*self.texts(name), text_for(name)]))
        elif kind in _CONSTANTS:
            yield partial(_CONSTANTS[kind], self.device)
        elif kind is type:
            yield from self._classes(name, object)
        elif kind in (tuple, list):
            yield (
                lambda: kind(self.number(f"{name}[{i}]") for i in range(ITEMS)) if self.constructs else kind()
            )
        elif kind in (set, frozenset, dict):
            yield kind
        elif kind is nn.Module:
            yield from (partial(_given, each) for each in callables_for(name) if self._is_module(each))
        elif self.constructs and kind in (Tensor, nn.Parameter):
            yield from (partial(self._tensor, kind, name, rank) for rank in RANKS)
        elif not issubclass(kind, Tensor | PurePath) and (self.constructs or _is_of_a_project(kind)):
            yield partial(self.build, name, kind)

    def _tensor(self, kind: type, name: str, rank: int) -> Any:
        """A tensor for a constructor that does not say which axes it has."""
        made = torch.ones([self.number(f"{name}[{i}]") for i in range(rank)], device=self.device)
        return kind(made) if kind is nn.Parameter else made

    def _is_module(self, value: Any) -> bool:
        return self.constructs and isinstance(value, nn.Module)

    def _callables(self, name: str, returns: Any) -> Iterator[Maker]:
        """Functions on tensors. In a function only those that its parameter's name asks for."""
        if self.constructs or says(ACTIVATION, name):
            found = list(callables_for(name))
            gives_modules = isinstance(returns, type) and issubclass(returns, nn.Module)
            yield from (
                partial(_given, each)
                for each in sorted(found, key=lambda each: isinstance(each, type) != gives_modules)
            )

    def _classes(self, name: str, base: Any) -> Iterator[Maker]:
        if not self.constructs:
            return
        if isinstance(base, type) and base not in (object, nn.Module, Any):
            yield partial(_given, base)
        usual = (nn.GELU, nn.LayerNorm, nn.Identity)
        wanted = [nn.LayerNorm] if says(NORM, name) else [nn.GELU] if says(ACTIVATION, name) else []
        yield from (partial(_given, kind) for kind in dict.fromkeys([*wanted, *usual]))


def _is_of_a_project(kind: type) -> bool:
    """Whether a class comes from neither Python nor torch: objects of theirs may start or open something."""
    package = kind.__module__.partition(".")[0]
    return package not in sys.stdlib_module_names and package not in ("torch", "numpy")


def _given(value: Any) -> Any:
    return value


_CONSTANTS: dict[type, Callable[[str], Any]] = {
    NoneType: lambda device: None,
    torch.dtype: lambda device: torch.float32,
    torch.device: torch.device,
    torch.Generator: lambda device: torch.Generator("cpu" if device == "meta" else device).manual_seed(0),
    torch.Size: lambda device: torch.Size(()),
    complex: lambda device: 0.5 + 0.5j,
    bytes: lambda device: b"",
    slice: lambda device: slice(None),
}
