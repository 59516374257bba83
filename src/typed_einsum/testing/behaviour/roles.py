"""TE711: one name for two axes of a tensor, which the function treats differently."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from typed_einsum.annotations import TensorHint
from typed_einsum.equation.axes import Named
from typed_einsum.switch import checks_off
from typed_einsum.tensors import device_of, is_tensor, shape_of
from typed_einsum.testing.audit.findings import Flaw, SourceLine, advice
from typed_einsum.testing.calls.call import Call, same
from typed_einsum.testing.calls.variation import copied
from typed_einsum.testing.running.invoke import reseed, run

MOST_OTHERS = 3
"""How many axes of other arguments may have the other role as well: each set of them is tried."""

Place = tuple[str, int]
"""An argument, and one of its axes."""


def told_apart(call: Call, definition: SourceLine) -> Iterator[tuple[str, Flaw]]:
    """`"n n"` says that two axes are equal, not which is which.

    That suits a symmetric matrix, and all pairs of one set: with two names, the code would ask for one size.
    """
    for name, hint in call.recipe.hints.items():
        if not isinstance(hint, TensorHint) or not is_tensor(call.arguments.get(name)):
            continue
        for twice, places in _repeated(hint).items():
            has_all = len(hint.axes) == len(shape_of(call.arguments[name]))
            if has_all and _are_apart(call, name, twice, places) and _may_differ(call, name, twice, places):
                message = (
                    f'`{name}` is "{hint.text}": name the two roles of `{twice}`, such as `{twice}_in` and '
                    f"`{twice}_out`, and they can be told apart"
                )
                yield "TE711", advice(message, definition)


def _repeated(hint: TensorHint) -> dict[str, list[int]]:
    names = [axis.name if isinstance(axis, Named) else "" for axis in hint.axes]
    return {
        name: [at for at, each in enumerate(names) if each == name]
        for name in dict.fromkeys(names)
        if name and names.count(name) > 1
    }


def _are_apart(call: Call, name: str, twice: str, places: list[int]) -> bool:
    """Whether exchanging the two axes changes the result, and does not just exchange them there."""
    exchanged = {**call.arguments, name: call.arguments[name].transpose(places[0], places[1])}
    before, after = call.results, call.outputs(exchanged)
    if before is None or after is None:
        return False
    for (hint, one), (_, two) in zip(before, after, strict=True):
        there = _repeated(hint).get(twice, [])
        if not same(one, two) and not (len(there) > 1 and same(one.transpose(there[0], there[1]), two)):
            return True
    return False


def _may_differ(call: Call, name: str, twice: str, places: list[int]) -> bool:
    """Whether the code runs where the two axes have two sizes, with whatever else has the role of either."""
    size = 1 + max((*call.sizes.values(), *shape_of(call.arguments[name])))
    others = [place for place in _uses(call, twice) if place[0] != name]
    with checks_off():
        return any(
            _runs(call, {(name, place), *also}, size)
            for count in range(min(len(others), MOST_OTHERS) + 1)
            for also in combinations(others[:MOST_OTHERS], count)
            for place in places[:2]
        )


def _uses(call: Call, twice: str) -> list[Place]:
    """Every axis of an argument that has a name."""
    hints = ((name, hint) for name, hint in call.recipe.hints.items() if isinstance(hint, TensorHint))
    values = ((name, hint, call.arguments.get(name)) for name, hint in hints)
    return [
        (name, at)
        for name, hint, value in values
        if isinstance(value, Tensor) and len(hint.axes) == len(shape_of(value))
        for at, axis in enumerate(hint.axes)
        if isinstance(axis, Named) and axis.name == twice
    ]


def _runs(call: Call, longer: set[Place], size: int) -> bool:
    """Whether the function itself, without checks, runs with some axes of its arguments as long as this."""
    reseed(0)
    try:
        arguments: Mapping[str, Any] = {
            name: copied(value, call.on)  # which may keep something of this size
            if name == call.owner
            else _lengthened(value, [at for each, at in longer if each == name], size)
            for name, value in call.arguments.items()
        }
        run(
            inspect.unwrap(call.function),
            inspect.BoundArguments(call.recipe.signature, OrderedDict(arguments)),
        )
    except Exception:  # the user's function: it asks for one size
        return False
    return True


def _lengthened(value: Any, axes: list[int], size: int) -> Any:
    if not is_tensor(value):
        return value
    longer: Tensor = value.clone()
    for axis in axes:
        longer = longer.index_select(
            axis, torch.arange(size, device=device_of(value)) % shape_of(value)[axis]
        )
    return longer
