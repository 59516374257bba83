"""Calls of einx with symbols: it asks for every size as a number, and would lose them.

While a call is followed, einx runs on tensors of the sizes of the call. The axes of its result are the
symbols that its pattern says, and one letter is one axis, as einx itself demands.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor

from typed_einsum.equation.axes import ELLIPSIS
from typed_einsum.tensors import device_of, dtype_of, is_tensor, shape_of

TOKEN = re.compile(r"\([^()]*\)|\S+")
BRACKETS = re.compile(r"\[[^\]]*\]")


@contextmanager
def einx_on_symbols() -> Iterator[None]:
    """Let the functions of einx keep symbols, where it is imported."""
    einx = sys.modules.get("einx")
    named = {} if einx is None else vars(einx)
    found = {name: each for name, each in named.items() if not name.startswith("_") and _is_operation(each)}
    for name, each in found.items():
        setattr(einx, name, _kept(each))
    try:
        yield
    finally:
        for name, each in found.items():
            setattr(einx, name, each)


def _is_operation(value: Any) -> bool:
    return callable(value) and not isinstance(value, type)


def _kept(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of einx whose result has symbols where its arguments have them."""

    @functools.wraps(function)
    def einx_called(*args: Any, **options: Any) -> Any:
        sizes = _Sizes(options)
        if not any(map(_has_symbols, args)) or not sizes.read(args):
            return function(*args, **options)
        with_hints = [_at_hints(each) if isinstance(each, FakeTensor) else each for each in args]
        result = function(*with_hints, **options)
        own = [*shape_of(result)] if isinstance(result, FakeTensor) else None
        shape = next((each for each in sizes.shapes_of_result() if [*map(_hint, each)] == own), None)
        return function(*args, **options) if shape is None else _made(shape, result)

    return einx_called


def _has_symbols(value: Any) -> bool:
    return isinstance(value, FakeTensor) and any(isinstance(size, torch.SymInt) for size in shape_of(value))


def _hint(size: Any) -> Any:
    """The number that a size has in this call; None where only values decide it."""
    return size.node.hint if isinstance(size, torch.SymInt) else size


def _at_hints(tensor: FakeTensor) -> Any:
    return _made([_hint(size) for size in shape_of(tensor)], tensor)


def _made(shape: Sequence[Any], of: FakeTensor) -> Any:
    """A fake tensor of another shape, with the numbers that are beside the shape of the first, if any are."""
    made: Any = torch.empty(shape, dtype=dtype_of(of), device=device_of(of))
    if of.real_tensor is not None:
        made.real_tensor = of.real_tensor
    return made


class _Sizes:
    """The sizes of the axes in a pattern. `options` are those that the call gives by name."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._known: dict[str, Any] = {
            name: size for name, size in options.items() if isinstance(size, int | torch.SymInt)
        }
        self._spread: Sequence[Any] | None = None
        self._results: list[list[str]] = []

    def read(self, args: Sequence[Any]) -> bool:
        """Take the axes of the operands; whether the pattern is one of those that are understood."""
        pattern, *operands = args
        if not isinstance(pattern, str) or not all(
            _hint(size) is not None
            for each in operands
            if isinstance(each, FakeTensor)
            for size in shape_of(each)
        ):
            return False
        left, arrow, right = pattern.partition("->")
        sides = [TOKEN.findall(side.replace("[", " ").replace("]", " ")) for side in left.split(",")]
        if len(sides) != len(operands) or "," in right or "[" in right:
            return False
        widest = max(sides, key=len)
        self._results = [TOKEN.findall(right)] if arrow else [widest]
        if not arrow and "[" in left:  # a mean drops what is in brackets, a softmax goes along it
            if len(sides) > 1:
                return False
            self._results.append(TOKEN.findall(BRACKETS.sub(" ", left)))
        if not arrow and any(not {*side} <= {*widest} for side in sides):
            return False
        return all(
            self._bind(side, each) for side, each in zip(sides, operands, strict=True) if is_tensor(each)
        )

    def _bind(self, side: list[str], tensor: Any) -> bool:
        shape, at = list(shape_of(tensor)), side.index(ELLIPSIS) if ELLIPSIS in side else None
        if at is not None:
            more = len(shape) - len(side) + 1
            if more < 0:
                return False
            spread, shape[at : at + more] = shape[at : at + more], []
            side = [*side[:at], *side[at + 1 :]]
            if self._spread is not None and len(self._spread) != len(spread):
                return False
            self._spread = spread if self._spread is None else self._spread
        if len(side) != len(shape):
            return False
        for axis, size in zip(side, shape, strict=True):
            if axis.isidentifier():
                torch._check(self._known.setdefault(axis, size) == size)  # type: ignore[no-untyped-call]
            elif axis.startswith("("):
                self._split(axis.strip("()").split(), size)
            elif not axis.isdigit():
                return False
        return True

    def _split(self, parts: list[str], size: Any) -> None:
        """Take what is left of an axis for the one of its parts that is not known yet."""
        left, known = [], 1
        for part in parts:
            found = int(part) if part.isdigit() else self._known.get(part)
            left += [part] if found is None else []
            known = known if found is None else known * found
        if len(left) == 1 and left[0].isidentifier():
            torch._check(size % known == 0)  # type: ignore[no-untyped-call]
            self._known[left[0]] = size // known

    def shapes_of_result(self) -> Iterator[list[Any]]:
        """What the axes of the result may be, as far as the pattern says them."""
        return (shape for each in self._results if (shape := self._shape_of(each)) is not None)

    def _shape_of(self, axes: Sequence[str]) -> list[Any] | None:
        shape: list[Any] = []
        for axis in axes:
            if axis == ELLIPSIS:
                shape += self._spread or ()
                continue
            size: Any = 1
            for part in axis.strip("()").split():
                known = int(part) if part.isdigit() else self._known.get(part)
                if known is None:
                    return None
                size = size * known
            shape.append(size)
        return shape
