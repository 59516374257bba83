"""Numbers that show what a function does with them: signed, of different scales, indices and masks that vary.

Zeros, ones and numbers between them hide mistakes: an index of 0 is valid along every axis, a mask of True
masks nothing, and sums of positive numbers look alike. What a function refuses is left as it was.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from itertools import count
from typing import Any

import torch
from torch import Tensor

from typed_einsum.annotations import Hint, TensorHint
from typed_einsum.equation.axes import Named
from typed_einsum.tensors import dtype_of, shape_of
from typed_einsum.testing.inputs.leaves import changed, tensors_with_hints

POSITIVE = re.compile(
    r"sigma|scale|score|overlap|iou|std|var|prob|weight|temperature|dist|rate|dens|opacit|mask|area|depth|freq|norm|radi|time|"
    r"step|^dt$|^t$|eps|confid|attn|attention|size|beta|alpha|gamma|lambda|tau",
    re.IGNORECASE,
)
"""Names of numbers that are positive in what they mean."""

LENGTHS = re.compile(r"len|count|num_|n_|sizes", re.IGNORECASE)
"""Names of integers that say how many entries of an axis count."""

SCALES, LEAST = (0.7, 1.5), 0.05
"""Entries of an axis differ in scale by these factors; positive numbers are at least so large."""

ANY = 0
"""The limit of integers that index nothing."""

LIMITS = (1024, 512, 256, 128, 64, 32, 16, 8, 4, 2)
"""Where no axis says below what an integer must stay, these are tried."""


class Kind(Enum):
    """Which numbers a tensor gets."""

    SIGNED = "signed"
    POSITIVE = "positive"


def telling_numbers(
    shape: Sequence[int],
    dtype: torch.dtype,
    name: str,
    device: str = "cpu",
    *,
    kind: Kind | None = None,
    low: int = 0,
    most: int = 2,
) -> Tensor:
    """A tensor for an argument of this name; integers are from `low` on and below `most`, if not `ANY`."""
    random = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    if dtype is torch.bool:
        return _mask(shape, random).to(device)
    if not (dtype.is_floating_point or dtype.is_complex):
        return _integers(shape, low, max(low + 1, most) if most != ANY else ANY, random).to(dtype).to(device)
    numbers = torch.randn(tuple(shape), generator=random) / 2
    if (kind or (Kind.POSITIVE if POSITIVE.search(name.partition("[")[0]) else Kind.SIGNED)) is Kind.POSITIVE:
        numbers = torch.rand(tuple(shape), generator=random) + LEAST
    for axis, size in enumerate(shape):
        scales = torch.linspace(*SCALES, size)[torch.randperm(size, generator=random)]
        numbers = numbers * scales.view(-1, *[1] * (len(shape) - axis - 1))
    if dtype.is_complex:
        numbers = torch.complex(numbers, numbers.flip(-1) if shape else -numbers)
    return numbers.to(dtype).to(device)


def _mask(shape: Sequence[int], random: torch.Generator) -> Tensor:
    """True and False on every row, the first entry True: nothing is masked out altogether."""
    mask = torch.rand(tuple(shape), generator=random) > 0.4
    if shape and shape[-1] > 1:
        mask[..., 0], mask[..., -1] = True, False
    return mask


def _integers(shape: Sequence[int], low: int, most: int, random: torch.Generator) -> Tensor:
    """Integers that differ along the last axis where they index one; else there are two of each or more."""
    if most == ANY:
        groups = max(2, shape[-1] // 2) if shape else 2
        order = torch.rand(tuple(shape), generator=random).argsort(-1) if shape else torch.ones(())
        return low + (order % groups).long()
    if shape and 0 < shape[-1] <= most - low <= LIMITS[0]:
        order = torch.rand(*shape[:-1], most - low, generator=random).argsort(-1)
        return order[..., : shape[-1]] + low
    return torch.randint(low, most, tuple(shape), generator=random)


Outputs = Callable[[Mapping[str, Any]], "list[tuple[TensorHint, Tensor]] | None"]


@dataclass
class Telling:
    """The arguments of a call, their numbers exchanged one argument after the other.

    `outputs` calls the function, and returns the tensors of its result, or None where it fails. `sizes` are
    those of the axes.
    """

    hints: Mapping[str, Hint]
    outputs: Outputs
    sizes: Mapping[str, int]
    arguments: dict[str, Any]
    _undefined: int = field(init=False, default=0)

    def exchanged(self) -> Mapping[str, Any]:
        """The arguments with numbers that tell, as far as the function takes them."""
        before = self.outputs(self.arguments)
        if before is None:
            return self.arguments
        self._undefined = _undefined(before)
        for name, kind, most in self._choices():
            self._exchange(name, kind, most)
        return self.arguments

    def _choices(self) -> Iterator[tuple[str, Kind | None, int]]:
        """What each argument gets: truths first, then indices, then real numbers, which depend on these."""
        names = [name for name in self.arguments if any(True for _ in self._tensors(name))]
        counting = [name for name in names if self._holds(name, _is_integer)]
        masks = [name for name in names if self._holds(name, lambda dtype: dtype is torch.bool)]
        yield from ((name, None, 2) for name in masks if name not in counting)
        yield from ((name, None, self._limit(name)) for name in counting)
        yield from ((name, None, 2) for name in names if name not in (*masks, *counting))

    def _exchange(self, name: str, kind: Kind | None, most: int) -> None:
        for each in dict.fromkeys((kind, Kind.POSITIVE)):
            low = 1 if LENGTHS.search(name) else 0
            made = self._with(name, partial(telling_numbers, kind=each, low=low, most=most))
            if self._takes(made):
                self.arguments = made
                return

    def _takes(self, arguments: Mapping[str, Any]) -> bool:
        after = self.outputs(arguments)
        return after is not None and _undefined(after) <= self._undefined

    def _limit(self, name: str) -> int:
        """Below what the integers of an argument must stay: the size of what they index, or `ANY`."""
        sizes = sorted({*self.sizes.values()} - {0})
        if LENGTHS.search(name) and (counted := self._counted(name)) is not None:
            sizes = [size for size in sizes if size <= counted]
        beyond = max(*sizes, *LIMITS)
        if self._takes_all(name, beyond):
            return max(sizes, default=1) + 1 if LENGTHS.search(name) else ANY
        for limit in sorted({*sizes, *LIMITS}, reverse=True):
            if self._takes_all(name, limit - 1):
                return limit
        return 1

    def _takes_all(self, name: str, value: int) -> bool:
        def full(shape: Sequence[int], dtype: torch.dtype, *, name: str) -> Tensor:
            return torch.full(tuple(shape), value, dtype=dtype)

        return self._takes(self._with(name, full))

    def _counted(self, name: str) -> int | None:
        """The size of the axis whose entries an argument counts: the one after those that it has itself."""
        own = [axis.name for hint, _ in self._tensors(name) for axis in hint.axes if isinstance(axis, Named)]
        for other in self.arguments:
            for hint, value in self._tensors(other):
                names = [axis.name if isinstance(axis, Named) else "" for axis in hint.axes]
                after = len(own)
                if names[:after] == own and len(names) > after and len(shape_of(value)) == len(names):
                    return shape_of(value)[after]
        return None

    def _with(self, name: str, make: Callable[..., Tensor]) -> dict[str, Any]:
        """The arguments with other numbers in one of them, in each of its tensors others."""
        items = count()

        def fresh(hint: TensorHint, value: Tensor) -> Tensor:
            made = make(shape_of(value), dtype_of(value), name=f"{name}[{next(items)}]")
            if isinstance(value, torch.nn.Parameter):
                return torch.nn.Parameter(made, value.requires_grad)
            return made

        return {**self.arguments, name: changed(self.hints[name], self.arguments[name], fresh)}

    def _tensors(self, name: str) -> Iterator[tuple[TensorHint, Tensor]]:
        if name in self.hints:
            yield from tensors_with_hints(self.hints[name], self.arguments[name])

    def _holds(self, name: str, test: Callable[[torch.dtype], bool]) -> bool:
        """Whether a tensor of an argument has such a dtype."""
        return any(test(dtype_of(value)) for _, value in self._tensors(name))


def _is_integer(dtype: torch.dtype) -> bool:
    return not (dtype.is_floating_point or dtype.is_complex or dtype is torch.bool)


def _undefined(results: Sequence[tuple[TensorHint, Tensor]]) -> int:
    """How many entries of a result are NaN."""
    return sum(int(value.isnan().sum()) for _, value in results if not _is_integer(dtype_of(value)))
