"""What one part of the input does to the output: samples that leak into each other, operands not aligned.

Shapes say nothing here, so the function runs on real numbers, smaller than those of the audit. Everything
is compared with a second call of the same function, never with a formula.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from typed_einsum.annotations import TensorHint
from typed_einsum.equation.axes import Expression, Named, Variadic, variadic_index
from typed_einsum.equation.expressions import factors, names_in, read_expression
from typed_einsum.tensors import dtype_of, shape_of
from typed_einsum.testing.calls.call import Call, Tensors, same

Fresh = Callable[[Tensor], Tensor | None]
"""Other contents for a part of a tensor; None for one whose dtype it does not change."""


def position_of(hint: TensorHint, name: str, rank: int) -> int | None:
    """Where an axis is, from the left; None if it is not there exactly once."""
    at = [i for i, axis in enumerate(hint.axes) if isinstance(axis, Named) and axis.name == name]
    if len(at) != 1:
        return None
    spread = [i for i, axis in enumerate(hint.axes) if isinstance(axis, Variadic) or axis_is_many(axis)]
    if spread and spread[0] < at[0]:
        return rank - (len(hint.axes) - at[0])
    return at[0]


def same_entry(changed: int, entry: int) -> bool:
    """Whether an entry of the result is the one that was changed."""
    return changed == entry


def axis_is_many(axis: Any) -> bool:
    """Whether an axis without a name stands for any number of them."""
    return bool(getattr(axis, "variadic", False))


def sizes_in_variadic(hint: TensorHint, shape: Sequence[int]) -> Sequence[int]:
    """The sizes of the axes of a tensor under `...` or `*batch`."""
    first = variadic_index(hint.axes)
    return () if first is None else shape[first : len(shape) - len(hint.axes) + first + 1]


class NoSuchAxis(Exception):
    """The inputs or the result have no axis of this name, or nothing that could be changed."""


@dataclass(frozen=True)
class Moved:
    """The entry of an axis of the input that was changed, how, and an entry of the result that moved."""

    changed: int
    moved: int
    fresh: Fresh


def probes(size: int) -> Iterator[int]:
    """The first entry of an axis, the middle one and the last: what flows one way only is seen, too."""
    yield from dict.fromkeys((0, size // 2, size - 1))


def moved(call: Call, name: str, allowed: Callable[[int, int], bool] = same_entry) -> Moved | None:
    """An entry of an axis of the result that moves when another entry of the input's axis is changed.

    Numbers are changed first, then indices and masks. Moves from one entry to another that are `allowed` do
    not count. Raises `NoSuchAxis` where input or result lack the axis.
    """
    if allowed is same_entry:
        if name not in call.moves:
            call.moves[name] = _moved(call, name, allowed)
        found: Moved | None = call.moves[name]
        return found
    return _moved(call, name, allowed)


def _moved(call: Call, name: str, allowed: Callable[[int, int], bool]) -> Moved | None:
    before = call.results
    if before is None:
        raise NoSuchAxis(name)
    told = 0
    for index in probes(call.sizes.get(name, 1)):
        for fresh in (other_numbers, _other_choices):
            arguments = _with_another(call, name, index, fresh)
            after = None if arguments is None else call.outputs(arguments)
            for at, one, two in _pairs(before, after or [], name):
                told += 1
                for entry in range(shape_of(one)[at]):
                    if not allowed(index, entry) and not same(one.select(at, entry), two.select(at, entry)):
                        return Moved(index, entry, fresh)
    if not told:
        raise NoSuchAxis(name)
    return None


def _pairs(before: Tensors, after: Tensors, name: str) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Two results of equal shapes that have an axis, and where it is."""
    for (hint, one), (_, two) in zip(before, after, strict=False):
        at = position_of(hint, name, len(shape_of(one)))
        if at is not None and shape_of(one) == shape_of(two):
            yield at, one, two


def with_another(call: Call, name: str, found: Moved) -> Mapping[str, Any] | None:
    """The arguments with the change that moved another entry."""
    return _with_another(call, name, found.changed, found.fresh)


def other_numbers(part: Tensor) -> Tensor | None:
    """Other numbers for one entry; None for indices and masks."""
    if not dtype_of(part).is_floating_point:
        return None
    return torch.rand(shape_of(part)).to(dtype_of(part)) + 0.5


def _other_choices(part: Tensor) -> Tensor | None:
    """Another index, or the opposite mask; None for numbers."""
    if dtype_of(part) == torch.bool:
        return ~part
    is_number = dtype_of(part).is_floating_point or dtype_of(part).is_complex
    return None if is_number else torch.ones_like(part)


def _with_another(call: Call, name: str, index: int, fresh: Fresh) -> Mapping[str, Any] | None:
    """The arguments where one entry of an axis is another one; None where nothing is changed."""
    touched: list[bool] = []

    def change(hint: TensorHint, value: Tensor) -> Tensor:
        at = position_of(hint, name, len(shape_of(value)))
        if at is None or shape_of(value)[at] <= index:
            return value
        other = fresh(value.select(at, index))
        if other is None:
            return value
        touched.append(True)
        changed_value = value.clone()
        changed_value.select(at, index).copy_(other)
        return changed_value

    arguments = call.changed(change)
    return arguments if touched else None


def _positions(hint: TensorHint, name: str, rank: int) -> list[int]:
    """Every place of an axis, from the left."""
    at = position_of(hint, name, rank)
    if at is not None or len(hint.axes) != rank:
        return [] if at is None else [at]
    return [i for i, axis in enumerate(hint.axes) if isinstance(axis, Named) and axis.name == name]


def shortened(call: Call, name: str, size: int, start: int = 0) -> dict[str, Any] | None:
    """The arguments with some entries of an axis alone; None where none has as many."""
    touched: list[bool] = []

    def narrowed(hint: TensorHint, value: Tensor) -> Tensor:
        for at in _positions(hint, name, len(shape_of(value))):
            if shape_of(value)[at] >= start + size:
                touched.append(True)
                value = value.narrow(at, start, size)
        return value.clone()

    arguments = call.changed(narrowed)
    if type(arguments.get(name)) is int:  # a size that is passed beside the tensors that have it
        arguments[name] = size
    return arguments if touched else None


def alone(call: Call, name: str, index: int) -> bool:
    """Whether one entry of an axis, passed alone, gives what it gives among the others.

    True where its result has other sizes: values decide these, as where samples are padded to the longest.
    """
    before, arguments = call.results, shortened(call, name, 1, index)
    after = None if arguments is None else call.outputs(arguments, **{name: 1})
    if before is None or after is None:
        return True  # a function may refuse a batch of one
    for (hint, one), (_, two) in zip(before, after, strict=True):
        at = position_of(hint, name, len(shape_of(one)))
        if at is None:
            continue
        among = one.narrow(at, index, 1)
        is_padded = len(shape_of(two)) == len(shape_of(among)) and shape_of(two) != shape_of(among)
        if not is_padded and not same(among, two):
            return False
    return True


def centred(hint: TensorHint, value: Tensor) -> Tensor:
    """Numbers of both signs, and masks of both truths."""
    if dtype_of(value) == torch.bool:
        return torch.rand(shape_of(value)) > 0.5
    return value - 0.5 if dtype_of(value).is_floating_point else value


def permuted(call: Call, name: str, only: str | None = None) -> tuple[Tensors, Tensors] | None:
    """The results before and after an axis of the input is permuted, in all arguments or in one alone."""
    before = call.results

    def change(hint: TensorHint, value: Tensor) -> Tensor:
        at = position_of(hint, name, len(shape_of(value)))
        return value if at is None else value.index_select(at, shuffled(shape_of(value)[at]))

    arguments = call.changed(change)
    if only is not None:
        arguments = {**call.arguments, only: arguments[only]}
    after = call.outputs(arguments)
    return None if before is None or after is None else (before, after)


def shuffled(size: int) -> Tensor:
    """A permutation that leaves no entry in its place."""
    return torch.arange(size).roll(1)


def is_equivariant(call: Call, name: str) -> bool | None:
    """Whether the result follows a permutation of an axis; None where that cannot be seen."""
    found = permuted(call, name)
    if found is None:
        return None
    for (hint, one), (_, two) in zip(*found, strict=True):
        at = position_of(hint, name, len(shape_of(one)))
        expected = one if at is None else one.index_select(at, shuffled(shape_of(one)[at]))
        if not same(expected, two):
            return False
    return True


def is_about_the_axis(call: Call, name: str) -> bool:
    """True if every tensor with this axis has only this axis, as `batch *component` may."""
    tensors = [*call.inputs(), *(call.results or ())]
    held = [value for hint, value in tensors if name in [getattr(axis, "name", "") for axis in hint.axes]]
    return all(len(shape_of(value)) == 1 for value in held)


def moves_with_order(call: Call, name: str) -> bool:
    """Whether every result that has an axis follows a permutation of it; True where that cannot be seen.

    It cannot where the axis may be part of another one, such as `bh`.
    """
    before, after = permuted(call, name) or ([], [])
    places = [position_of(hint, name, len(shape_of(value))) for hint, value in call.inputs()]
    size = call.sizes.get(name, 0)
    sizes = {each for _, value in (*call.inputs(), *before) for each in shape_of(value)}
    if all(at is None for at in places) or any(size and each > size and each % size == 0 for each in sizes):
        return True
    for (hint, one), (_, two) in zip(before, after, strict=True):
        at = position_of(hint, name, len(shape_of(one)))
        if at is not None and not same(one.index_select(at, shuffled(shape_of(one)[at])), two):
            return False
    return True


def depends_on_order(call: Call, name: str) -> bool:
    """Whether one number for all entries of an axis changes with their order."""
    if name not in call.recipe.axis_names or any(_is_folded(hint, name) for hint in call.recipe.tensors):
        return False
    found = permuted(call, name)
    if found is None:
        return False
    return any(
        not hint.axes and dtype_of(one).is_floating_point and bool(one.isfinite()) and not same(one, two)
        for (hint, one), (_, two) in zip(*found, strict=True)
    )


def _is_folded(hint: TensorHint, name: str) -> bool:
    """Whether an axis is part of another one, or there twice: then its order is not that of its entries."""
    names = [axis.name for axis in hint.axes if isinstance(axis, Named)]
    return names.count(name) > 1 or any(
        isinstance(axis, Expression)
        and name in names_in(read_expression(axis.text))
        and not factors(read_expression(axis.text))
        for axis in hint.axes
    )
