"""TE713: numbers that differ from a reference."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from typed_einsum.tensors import dtype_of, shape_of
from typed_einsum.testing.audit.findings import Flaw, SourceLine, error
from typed_einsum.testing.audit.operations import tensors_in
from typed_einsum.testing.behaviour import perturbation
from typed_einsum.testing.calls.call import Call, same
from typed_einsum.testing.running.invoke import reseed, run

SMALL = (1, 2, 3, 4)
"""Sizes at which an axis may be taken for another one."""


def differences(
    call: Call, reference: Callable[..., Any], definition: SourceLine, name: str = "the reference"
) -> Iterator[tuple[str, Flaw]]:
    """Where a function of the same arguments gives something else, at these sizes or at small ones."""
    for where, arguments in _inputs(call):
        message = _difference(call, arguments, reference, name, is_first=not where)
        if message:
            yield "TE713", error(f"{where}{message}", definition)
            return


def _inputs(call: Call) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The arguments of the call, the same with numbers of both signs, and with each axis cut short."""
    yield "", call.arguments
    yield "with numbers of both signs, ", call.changed(perturbation.centred)
    for name in sorted(call.recipe.axis_names):
        for size in SMALL:
            arguments = perturbation.shortened(call, name, size)
            if arguments is not None:
                yield f"where `{name}` is {size}, ", arguments


def _difference(
    call: Call, arguments: Mapping[str, Any], reference: Callable[..., Any], name: str, *, is_first: bool
) -> str:
    """How the two differ; nothing where they agree, or where one of them does not take the arguments."""
    try:
        result, drawn = _outcome(call, call.function, arguments)
        expected, also_drawn = _outcome(call, reference, arguments)
    except Exception:  # of the user's functions: only at its own sizes must a reference run
        if is_first:
            raise
        return ""
    if not torch.equal(drawn, also_drawn):
        return ""  # other random numbers give other results
    results, wanted = list(tensors_in([result])), list(tensors_in([expected]))
    if not wanted:
        return f"{name} gives {type(expected).__name__}, and no tensor"
    for one, other in zip(results, wanted, strict=False):
        if shape_of(one) != shape_of(other):
            return f"{name} gives {tuple(shape_of(other))}, not {tuple(shape_of(one))}"
        one = torch.where(other.isnan(), other.to(dtype_of(one)), one)  # there the reference says nothing
        if not same(other.to(dtype_of(one)), one):
            return f"the numbers differ from {name} by up to {_largest(one, other):.3g}"
    return ""


def _outcome(call: Call, function: Callable[..., Any], arguments: Mapping[str, Any]) -> tuple[Any, Tensor]:
    """What a function returns, and the state of the random numbers after it."""
    copies = {
        name: value.clone() if isinstance(value, Tensor) else value for name, value in arguments.items()
    }
    reseed(0)
    result = run(function, _bound(call, function, copies))
    return result, torch.get_rng_state()


def _bound(call: Call, function: Callable[..., Any], arguments: Mapping[str, Any]) -> inspect.BoundArguments:
    """The arguments for a function; another one need not take the object of a method, or only tensors."""
    bound = inspect.BoundArguments(call.recipe.signature, arguments)  # type: ignore[arg-type]
    if function is call.function:
        return bound
    tensors = [value for value in bound.args if isinstance(value, Tensor)]
    for args, kwargs in ((bound.args, bound.kwargs), (bound.args[1:], bound.kwargs), (tensors, {})):
        try:
            return _signature(function).bind(*args, **kwargs)
        except TypeError:
            continue
    return _signature(function).bind(*bound.args, **bound.kwargs)  # which says what does not fit


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """What a function takes; of a function that is not written in Python, tensors by position."""
    try:
        return inspect.signature(getattr(function, "forward", function))
    except ValueError:
        return inspect.signature(lambda *tensors: None)


def _largest(one: Tensor, other: Tensor) -> float:
    return float((other.double() - one.double()).abs().max())
