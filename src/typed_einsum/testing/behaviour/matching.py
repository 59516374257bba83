"""TE710: arguments that are not matched along an axis they share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from typed_einsum.equation.axes import Named
from typed_einsum.tensors import dtype_of, is_tensor, shape_of
from typed_einsum.testing.audit.findings import Flaw, SourceLine, advice
from typed_einsum.testing.behaviour import perturbation
from typed_einsum.testing.behaviour.pairs import meet_in_pairs
from typed_einsum.testing.calls.call import Call, same
from typed_einsum.testing.inputs.leaves import tensors_with_hints
from typed_einsum.testing.inputs.recipe import Recipe

LEAST_CHANGE = 2e-6
"""A change of this part of the largest number is more than rounding, where nothing but an order differs."""


def unmatched(call: Call, definition: SourceLine) -> Iterator[tuple[str, Flaw]]:
    """An axis of two arguments whose order in one of them changes nothing, and all pairs of which meet.

    Where no pairs of the two meet, each argument is reduced by itself, and there is nothing to match.
    """
    shared = [each for each in _shared_axes(call.recipe, call.arguments) if meet_in_pairs(call, *each)]
    if not shared:
        return
    signed = replace(call, arguments=call.changed(perturbation.centred))
    for axis, holders in shared:
        for name in holders:
            if _ignores_values(call, name):
                continue
            if all(_ignores_order(each, axis, name) for each in (call, signed)):
                message = (
                    f"permuting `{axis}` in `{name}` alone changes nothing: its entries are not matched with "
                    "those of the other arguments"
                )
                yield "TE710", advice(message, definition)


def _ignores_values(call: Call, name: str) -> bool:
    """Whether other numbers in an argument change nothing: it gives its shape alone, or is not used."""
    before = call.results
    hint, value = call.recipe.hints.get(name), call.arguments[name]
    if hint is None or not is_tensor(value):
        return False
    other = perturbation.other_numbers(value)
    after = None if other is None else call.outputs({**call.arguments, name: other})
    if before is None or after is None:
        return False
    return all(same(one, two) for (_, one), (_, two) in zip(before, after, strict=True))


def _ignores_order(call: Call, name: str, only: str) -> bool:
    """Whether permuting an axis in one argument alone changes nothing, as far as can be seen."""
    before, after = perturbation.permuted(call, name, only) or ([], [])
    return bool(before) and all(_unmoved(one, two) for (_, one), (_, two) in zip(before, after, strict=True))


def _unmoved(one: Tensor, other: Tensor) -> bool:
    """Whether not even a small part of a result has changed; an argument of little weight still matters."""
    if not same(one, other) or not dtype_of(one).is_floating_point or not one.numel():
        return same(one, other)
    finite = one.isfinite() & other.isfinite()
    change, largest = (one - other)[finite].abs(), one[finite].abs()
    return not change.numel() or bool(change.max() <= LEAST_CHANGE * largest.max())


def _shared_axes(recipe: Recipe, arguments: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[str]]]:
    """Every axis name that two arguments or more have, with those."""
    holders: dict[str, list[str]] = {}
    for name, value in arguments.items():
        if name not in recipe.hints or not is_tensor(value) or not dtype_of(value).is_floating_point:
            continue
        for hint, each in tensors_with_hints(recipe.hints[name], value):
            for axis in hint.axes:
                if (
                    isinstance(axis, Named)
                    and perturbation.position_of(hint, axis.name, len(shape_of(each))) is not None
                ):
                    holders.setdefault(axis.name, []).append(name)
    yield from ((axis, names) for axis, names in holders.items() if len(names) > 1)
