"""TE736: the first entries of an axis, passed alone, give another result than among the others."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit.findings import Flaw, SourceLine, advice, error
from typed_einsum.testing.behaviour import perturbation
from typed_einsum.testing.behaviour.perturbation import NoSuchAxis
from typed_einsum.testing.calls.call import Call, same
from typed_einsum.testing.inputs.draw import numbers_in

FIRST = (2, 3, 4)
"""How many entries are passed alone, besides the sizes that the function names."""


def dependent_on_size(call: Call, definition: SourceLine) -> Iterator[tuple[str, Flaw]]:
    """An axis whose entries do not affect each other, and yet the result depends on how many there are.

    Where entries are told apart by their places, that is usual: positions run from 0 to 1. Where all are
    treated alike, it may be a size of the wrong axis. It is an error where it happens only at a size that
    the function names for another axis.
    """
    named = numbers_in(inspect.unwrap(call.function), call.recipe.signature) | call.recipe.fixed_sizes
    for name in sorted(call.recipe.axis_names & call.recipe.result_names):
        size = call.sizes.get(name, 0)
        counts = sorted({*FIRST, *named} & set(range(2, size)))
        if not counts or not _is_independent(call, name):
            continue
        agrees = {count: found for count in counts if (found := _agrees(call, name, count)) is not None}
        others = [count for count, found in agrees.items() if not found]
        if others and all(count in named for count in others) and len(others) < len(agrees):
            count = others[0]
            message = (
                f"where `{name}` is {count}, each entry of it gives another result than where it is {size}: "
                f"`{name}` is taken for another axis of size {count}; say which axis is meant"
            )
            yield "TE736", error(message, definition)
        elif others and len(others) == len(agrees) and perturbation.is_equivariant(call, name):
            message = (
                f"no entry of `{name}` affects another one, but the first {others[0]} alone give "
                "another result "
                f"than among {size}: something depends on the size of `{name}`"
            )
            yield "TE736", advice(message, definition)


def _is_independent(call: Call, name: str) -> bool:
    try:
        return perturbation.moved(call, name) is None
    except NoSuchAxis:
        return False


def _agrees(call: Call, name: str, count: int) -> bool | None:
    """Whether the first entries give the same alone; None where they cannot be passed alone."""
    before, arguments = call.results, perturbation.shortened(call, name, count)
    after = None if arguments is None else call.outputs(arguments, **{name: count})
    if before is None or after is None:
        return None
    for (hint, one), (_, two) in zip(before, after, strict=True):
        at = perturbation.position_of(hint, name, len(shape_of(one)))
        if at is not None and not same(one.narrow(at, 0, count), two):
            return False
    return True
