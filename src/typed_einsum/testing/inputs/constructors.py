"""Objects to call methods on: a class is built from its defaults and from guesses at what it needs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from typed_einsum.annotations import AnyHint, Hint, NotDescribed, read_hint
from typed_einsum.decorate.resolution import Unresolved, resolved_annotations
from typed_einsum.testing.inputs.draw import Draw
from typed_einsum.testing.inputs.recipe import CannotMake, Recipe
from typed_einsum.testing.process.outcome import first_line

WIDTHS = (48, 72, 120, 168, 264, 312, 408, 456)
"""Sizes of axes: 24 times a prime each, so that no two agree and all counts divide them."""

COUNTS = (2, 3, 4, 6, 8, 12), (8, 4, 2, 12, 6, 3)
"""Numbers of heads, groups or layers, in the order of the parameters; a later one may divide an earlier."""

_WIDTH = re.compile(r"(dim|width|size|channels|features)$|dim_")
_COUNT = re.compile(r"head|group|layer|depth|expert|block|stack|level|scale|num_|n_|^nh?$")


def build(kind: type, device: str) -> Any:
    """An object of a class, its tensors on a device. Raises `CannotMake` where no guess works."""
    try:
        recipe = _recipe(kind)
        for last, counts in enumerate(COUNTS, 1 - len(COUNTS)):
            draw = _Guess(on=device, counts=counts)
            bound = recipe.make(draw)
            try:
                with torch.device(device):
                    return kind(*bound.args, **bound.kwargs)
            except Exception as error:  # the constructor is the user's
                if last == 0:
                    raise CannotMake(f"{_call(kind, bound)} raised {first_line(error)}") from error
    except CannotMake as error:
        raise CannotMake(f"cannot build {kind.__name__}: {error}") from error


def _recipe(kind: type) -> Recipe:
    try:
        signature = inspect.signature(kind)
    except (TypeError, ValueError) as error:
        raise CannotMake(f"its constructor has no signature: {error}") from error
    constructor = next(vars(base)["__init__"] for base in kind.__mro__ if "__init__" in vars(base))
    annotations = resolved_annotations(constructor, {})
    return Recipe(signature, {name: _hint(annotations, name) for name in signature.parameters})


def _hint(annotations: Mapping[str, Any], name: str) -> Hint:
    annotation = annotations.get(name, Any)
    if isinstance(annotation, Unresolved):
        return AnyHint()
    try:
        return read_hint(annotation)
    except NotDescribed:
        return AnyHint()


def _call(kind: type, bound: inspect.BoundArguments) -> str:
    listed = ", ".join(f"{name}={value!r}" for name, value in bound.arguments.items())
    return f"{kind.__name__}({listed})"


@dataclass
class _Guess(Draw):
    """Sizes for a constructor, by what its parameters are called."""

    counts: tuple[int, ...] = COUNTS[0]
    _counts: Iterator[int] = field(init=False)
    _widths: Iterator[int] = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._counts, self._widths = iter(self.counts), iter(WIDTHS)

    def small(self, name: str) -> int:
        """The size of a parameter: all integers of a constructor are ones that no tensor shows."""
        if name not in self.sizes:
            self.sizes[name] = self._guess(name.lower())
        return self.sizes[name]

    def _guess(self, name: str) -> int:
        if "kernel" in name:
            return 3
        if name in ("stride", "dilation", "padding"):
            return 1
        is_count = _COUNT.search(name) and not _WIDTH.search(name)
        if is_count or name in ("patch_size", "window_size"):
            return next(self._counts, COUNTS[0][0])
        return next(self._widths, WIDTHS[0])
