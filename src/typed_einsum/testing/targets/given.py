"""What a check is given, a function, a method, a module or a class of them, and what of it is run."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from typed_einsum.diagnostics import Diagnostic
from typed_einsum.errors import ArgumentError, SignatureError
from typed_einsum.locations import caller_place
from typed_einsum.testing.inputs.constructors import build
from typed_einsum.testing.inputs.recipe import CannotMake
from typed_einsum.testing.targets.target import Target, is_checked


def subject(given: Any) -> Target:
    """The function to run, and how to make its object. Raises TE506 where there is none."""
    owner: Callable[[str], Any] | None = None
    function = given
    if isinstance(given, nn.Module):
        owner, function = (lambda device: _copy_on(given, device)), type(given).forward
    elif isinstance(given, type) and issubclass(given, nn.Module):
        owner, function = (lambda device: build(given, device)), given.forward
    elif inspect.ismethod(given):
        owner, function = (lambda _: given.__self__), given.__func__
    if function is nn.Module.forward or not (is_checked(function) or inspect.isfunction(function)):
        raise _nothing_to_run(given)
    return Target(getattr(given, "__name__", type(given).__name__), function, owner)


def require_callable(value: object) -> None:
    """Raise TE506 for what cannot be called."""
    if not callable(value):
        raise _nothing_to_run(value)


def _nothing_to_run(value: Any) -> SignatureError:
    """The refusal of what is no annotated function, nor has one that a check could take."""
    name = getattr(value, "__name__", type(value).__name__)
    match value:
        case type() if not issubclass(value, nn.Module):
            summary, repair = f"`{name}` is a class, but not an nn.Module", "pass a method of an object of it"
        case nn.Module() | type():
            summary, repair = f"`{name}` has no `forward`", "pass a function or a method"
        case partial():
            inner = getattr(value.func, "__name__", "function")
            summary, repair = f"a partial of `{inner}` has no annotations", f"pass `{inner}` itself"
        case _ if callable(value):
            summary, repair = f"`{name}` has no annotations: it is not a Python function", "wrap it in one"
        case _:
            summary, repair = f"a value of type `{name}` cannot be run", "pass a function or a module"
    return SignatureError(Diagnostic("TE506", summary, caller_place(), help=repair))


def _copy_on(module: nn.Module, device: str) -> nn.Module:
    """A copy of a module on a device, so that the user's own stays as it is; on `meta`, without numbers."""
    if device == "meta":
        return copy.deepcopy(module, _without_numbers(module))
    return copy.deepcopy(module)


def _without_numbers(module: nn.Module) -> dict[int, Any]:
    """What `copy.deepcopy` is to take for each parameter and buffer: a tensor on `meta`."""
    memo: dict[int, Any] = {}
    for parameter in module.parameters():
        memo[id(parameter)] = nn.Parameter(
            torch.empty_like(parameter, device="meta"), parameter.requires_grad
        )
    for buffer in module.buffers():
        memo[id(buffer)] = torch.empty_like(buffer, device="meta")
    return memo


def not_made(error: CannotMake) -> ArgumentError:
    """The refusal where an argument cannot be made."""
    repair = "annotate the parameter, give it a default, or pass an object that is built"
    return ArgumentError(Diagnostic("TE412", str(error), help=repair))
