"""Copies of the objects that a program passes to a function, for calls that are run again."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from enum import Enum
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.utils._pytree import tree_map

from typed_einsum.testing.calls.modules import deep_copied
from typed_einsum.testing.inputs.arrays import tensors_inside
from typed_einsum.testing.inputs.recipe import CannotMake

SHARED = (
    *(type(None), bool, int, float, complex, str, bytes, type, torch.dtype, torch.device, torch.Size),
    *(Enum, ModuleType, FunctionType, BuiltinFunctionType, MethodType),
)
"""What no call changes, or what a copy would be as well."""

MOST_COPIED = 2**20
"""Tensors with more entries are not copied with the object that holds them."""


def private(value: Any) -> Any:
    """A copy of an object, for one run of a call; the object itself where Python cannot copy it.

    Raises `CannotMake` for what can be read once alone, such as a generator.
    """
    if isinstance(value, SHARED):
        return value
    if isinstance(value, FunctionCtx):
        return _context(value)
    if isinstance(value, torch.Generator):
        return value.clone_state()
    for make in (_deep, copy.copy):
        try:
            return make(value)
        except Exception:  # what an object does when it is copied is the user's
            continue
    if isinstance(value, Iterator):
        raise CannotMake(f"a `{type(value).__name__}` that it is given can be read once alone")
    return value


def private_objects(value: Any) -> Any:
    """A value in which each object but tensors is a copy. Raises `CannotMake` as `private` does."""
    return tree_map(lambda part: part if isinstance(part, Tensor) else private(part), value)


def with_objects(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call with copies of objects; as they are where one can be read once alone."""
    try:
        return {name: private_objects(value) for name, value in arguments.items()}
    except CannotMake:
        return dict(arguments)


def _deep(value: Any) -> Any:
    return deep_copied(
        value, {id(each): _tensor(each) for each in tensors_inside(value) if _is_special(each)}
    )


def _is_special(tensor: Tensor) -> bool:
    """Whether Python cannot copy a tensor, or would take long for it."""
    return not tensor.is_leaf or tensor.numel() > MOST_COPIED


def _tensor(tensor: Tensor) -> Tensor:
    if tensor.numel() > MOST_COPIED:
        return tensor
    return tensor.detach().clone().requires_grad_(tensor.requires_grad)


def _context(context: Any) -> Any:
    """What an `autograd.Function` is given to keep tensors in; torch's own cannot be copied."""
    made: Any = FunctionCtx()
    made.__dict__.update(vars(context))
    for name in ("needs_input_grad", "saved_tensors"):
        try:
            setattr(made, name, getattr(context, name))
        except RuntimeError:  # the tensors are gone, after a backward pass
            continue
    return made
