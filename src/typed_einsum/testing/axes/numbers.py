"""The call on real numbers, at small sizes, if it is not too large for that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import nn

from typed_einsum.diagnostics import Place
from typed_einsum.testing.audit import Finding
from typed_einsum.testing.axes.blame import fails
from typed_einsum.testing.axes.fit import Fit
from typed_einsum.testing.axes.resized import on_numbers
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.calls.making import is_large
from typed_einsum.testing.calls.variation import at
from typed_einsum.testing.inputs.contents import INTEGERS
from typed_einsum.testing.inputs.numbers import Telling
from typed_einsum.testing.inputs.recipe import CannotMake
from typed_einsum.testing.running.attempts import attempt, sizes_of_attempt

MOST_ENTRIES = 3 * 10**8
"""A call that makes more numbers than this, in all its tensors, is judged by its shapes alone."""


def numbers(call: Call, fit: Fit | None, place: Place) -> Call | Finding | None:
    """The call on real numbers; what is wrong if it does not run on them, or None if it is not tried."""
    if is_large(call.object):
        return None
    try:
        real = (
            at(call, {}, "cpu")
            if _is_telling(call)
            else on_numbers(call)
            if fit is None
            else _small(call, fit)
        )
        if real is None:
            return None
        if any(parameter.is_meta for parameter in _parameters(real.object)):
            return None  # torch multiplies such a parameter by real numbers, and returns anything
        if (tried := sizes_of_attempt(_evaluated(at(real, {}, "cpu")))).error is not None:
            is_ours = call.maker is None or bool(call.guesses) or _has_indices(call)
            if is_ours or not isinstance(tried.error, IndexError) or tried.refused:
                return None
            return fails(attempt(_evaluated(at(real, {}, "cpu"))), place)
        return _with_telling_values(_evaluated(real))
    except CannotMake:
        return None


def _with_telling_values(call: Call) -> Call:
    """A call that was made, with values that reach what it does with them."""
    if call.maker is None:
        return call
    fresh = _evaluated(at(call, {}, "cpu"))
    owned = {} if call.owner is None else {call.owner: fresh.arguments[call.owner]}
    try:
        telling = Telling(call.recipe.hints, call.outputs, call.sizes, dict(call.arguments)).exchanged()
    except RuntimeError:  # a dtype holds no such number
        return call
    return replace(call, arguments={**telling, **owned})


def _evaluated(call: Call) -> Call:
    """A call with its object as it is used after training."""
    if isinstance(call.object, nn.Module):
        call.object.eval()
    return call


def _parameters(value: Any) -> list[nn.Parameter]:
    return list(value.parameters()) if isinstance(value, nn.Module) else []


def _has_indices(call: Call) -> bool:
    """Whether an argument may hold indices, which we made up."""
    return any(hint.dtypes is None or not hint.dtypes.isdisjoint(INTEGERS) for hint in call.recipe.tensors)


def _is_telling(call: Call) -> bool:
    """Whether a call of a program or a user, with numbers of its own, has sizes that tell axes apart."""
    sizes = call.sizes.values()
    return call.maker is None and len({*sizes}) == len(sizes) and 1 not in sizes and 0 not in sizes


def _small(call: Call, fit: Fit) -> Call | None:
    small = fit.small
    if small.object is not None:
        tried = sizes_of_attempt(at(call, small.sizes, "meta"))
        if tried.entries > MOST_ENTRIES:
            return None
    return at(call, small.sizes, "cpu")
