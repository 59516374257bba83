"""Arguments for a checked function, made from its annotations: every named axis gets a prime of its own."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from inspect import Parameter
from itertools import count
from typing import Any

import torch
from torch import Tensor

from typed_einsum.annotations import (
    AnyHint,
    BeartypeHint,
    Hint,
    OptionalHint,
    PlainHint,
    TensorHint,
    TupleHint,
)
from typed_einsum.equation.axes import Anonymous, Axis, Expression, Fixed, Named, Variadic
from typed_einsum.equation.expressions import compute, read_expression

PREFERRED = (torch.float32, torch.int64, torch.bool, torch.complex64, torch.uint8)
"""The dtype that a tensor gets is the first of these that its annotation allows."""


class CannotMake(Exception):
    """An argument that annotations do not say how to make; the text says which and why."""


def primes(start: int) -> Iterator[int]:
    """The primes from `start` on."""
    return (n for n in count(max(2, start)) if all(n % d for d in range(2, int(n**0.5) + 1)))


@dataclass
class Draw:
    """One choice of sizes: a prime for each name in order of appearance, times a factor.

    `known` are sizes that are given, such as those an object knows by itself; no prime repeats one of them.
    """

    factor: int = 1
    start: int = 11
    device: str = "meta"
    known: Mapping[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sizes = dict(self.known)
        self._primes = primes(self.start)

    def fresh(self) -> int:
        """A size that nothing else has."""
        return next(s for p in self._primes if (s := p * self.factor) not in self.sizes.values())

    def size(self, name: str) -> int:
        """The size of a name, chosen the first time."""
        if name not in self.sizes:
            self.sizes[name] = self.fresh()
        return self.sizes[name]

    def shape(self, hint: TensorHint, arguments: Mapping[str, Any]) -> tuple[int, ...]:
        """The shape of a tensor; `#` axes get their full size, a variadic axis stands for two."""
        return tuple(size for axis in hint.axes for size in self._sizes_of(axis, arguments))

    def _sizes_of(self, axis: Axis, arguments: Mapping[str, Any]) -> list[int]:
        match axis:
            case Named(name):
                return [self.size(name)]
            case Fixed(size):
                return [size]
            case Variadic(name):
                return [self.size(f"*{name}.0"), self.size(f"*{name}.1")]
            case Anonymous(variadic):
                return [self.size("....0"), self.size("....1")] if variadic else [self.fresh()]
            case Expression(text):
                tree = read_expression(text)
                return [compute(tree, _Sizes(self), arguments)]

    def tensor(self, hint: TensorHint, arguments: Mapping[str, Any]) -> Tensor:
        """A tensor of zeros that the annotation allows."""
        allowed = PREFERRED if hint.dtypes is None else [d for d in PREFERRED if d in hint.dtypes]
        dtype = next(iter([*allowed, *(hint.dtypes or ())]))
        value = torch.zeros(self.shape(hint, arguments), dtype=dtype, device=self.device)
        return torch.nn.Parameter(value) if issubclass(hint.kind, torch.nn.Parameter) else value


class _Sizes(dict[str, int]):
    """Sizes of a draw as an expression asks for them: a name without one gets one."""

    def __init__(self, draw: Draw) -> None:
        super().__init__()
        self._draw = draw

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)

    def __getitem__(self, name: str) -> int:
        return self._draw.size(name)


def make_arguments(
    signature: inspect.Signature,
    hints: Mapping[str, Hint],
    draw: Draw,
    given: Mapping[str, Any],
    *,
    full: bool,
) -> inspect.BoundArguments:
    """Arguments for every parameter that needs one. Raises `CannotMake`.

    `given` are arguments that are there already, such as `self`. With `full`, optional tensors are passed;
    without, they are left out or None.
    """
    arguments: dict[str, Any] = {}
    for parameter in signature.parameters.values():
        name = parameter.name
        hint = hints.get(name, AnyHint())
        if name in given:
            arguments[name] = given[name]
        elif parameter.kind is Parameter.VAR_POSITIONAL:
            arguments[name] = (_made(name, hint, draw, arguments, full=full),) if _has_tensor(hint) else ()
        elif parameter.kind is Parameter.VAR_KEYWORD:
            arguments[name] = {}
        elif parameter.default is Parameter.empty or (full and _has_tensor(hint)):
            arguments[name] = _made(name, hint, draw, arguments, full=full)
    return inspect.BoundArguments(signature, OrderedDict(arguments))


def has_optional(signature: inspect.Signature, hints: Mapping[str, Hint]) -> bool:
    """Whether some tensor may be left out."""
    return any(
        isinstance(hint, OptionalHint)
        or (_has_tensor(hint) and signature.parameters[name].default is not Parameter.empty)
        for name, hint in hints.items()
    )


def _has_tensor(hint: Hint) -> bool:
    return isinstance(hint, TensorHint | OptionalHint | TupleHint)


def _made(name: str, hint: Hint, draw: Draw, arguments: Mapping[str, Any], *, full: bool) -> Any:
    match hint:
        case TensorHint():
            return draw.tensor(hint, arguments)
        case OptionalHint(inner, others):
            if full or PlainHint(type(None)) not in others:
                return _made(name, inner, draw, arguments, full=full)
            return None
        case TupleHint(items):
            return tuple(
                _made(f"{name}[{i}]", item, draw, arguments, full=full) for i, item in enumerate(items)
            )
        case PlainHint(kind) if kind in (int, float, bool, str, type(None)):
            return _plain(name, kind, draw)
        case PlainHint(kind):
            raise CannotMake(f"nothing says how to make `{name}`, a `{kind.__name__}`")
        case BeartypeHint(annotation):
            raise CannotMake(f"nothing says how to make `{name}`, a `{annotation}`")
        case AnyHint():
            raise CannotMake(f"parameter `{name}` has no annotation")


def _plain(name: str, kind: type, draw: Draw) -> Any:
    if kind is int:
        return draw.size(name)
    return {float: 0.5, bool: False, str: name}.get(kind)
