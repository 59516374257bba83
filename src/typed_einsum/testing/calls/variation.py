"""The same call at other sizes: made anew, or with entries of its tensors repeated and left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from typed_einsum.equation.axes import Axis
from typed_einsum.tensors import device_of, dtype_of, shape_of
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.calls.modules import copied_with
from typed_einsum.testing.calls.shapes import size_at, sizes_in, with_axes
from typed_einsum.testing.inputs.arrays import tensors_inside
from typed_einsum.testing.inputs.recipe import CannotMake


def at(call: Call, sizes: Mapping[str, int], device: str = "cpu") -> Call:
    """The call at other sizes, on a device, with an object of its own. Raises `CannotMake`."""
    if call.maker is not None:
        return call.maker.call({**call.sizes, **sizes}, variant=call.variant, device=device)
    return _resized(call, sizes, device, copied(call.object, device))


def without_numbers(call: Call, sizes: Mapping[str, int], others: Iterator[int] | None = None) -> Call:
    """The call at these sizes, its arguments on `meta`; its object is not to be changed."""
    if call.maker is not None:
        maker = call.maker
        return maker.call(sizes, others, variant=call.variant, device="meta", owner=maker.object)
    return _resized(call, sizes, "meta", call.object)


def movable(call: Call) -> frozenset[str]:
    """The names whose sizes may be chosen: neither the user, nor an object, nor a number says them."""
    return frozenset(call.sizes) - (call.fixed | call.held if call.maker is None else call.maker.known)


def with_sizes(call: Call) -> Call:
    """A call with the sizes of all names that its arguments have; what it knows already stays."""
    return replace(call, sizes={**sizes_in(call.recipe.hints, call.arguments), **call.sizes})


def _resized(call: Call, sizes: Mapping[str, int], device: str, owner: Any) -> Call:
    sizes = {**call.sizes, **sizes}

    def change(tensor: Tensor, axes: list[tuple[Axis | None, str]]) -> Tensor:
        shape = [
            size_at(axis, label, size, lambda name, size: sizes.get(name, size), call.sizes, call.arguments)
            for (axis, label), size in zip(axes, shape_of(tensor), strict=True)
        ]
        made = _with_shape(tensor.detach(), shape, device)
        return nn.Parameter(made, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else made

    arguments = {
        name: owner if name == call.owner else with_axes(name, call.recipe.hints.get(name), value, change)
        for name, value in call.arguments.items()
    }
    return replace(call, arguments=arguments, sizes=sizes, on=device)


def _with_shape(tensor: Tensor, shape: list[int], device: str) -> Tensor:
    """A tensor with its entries repeated and left out, or without numbers. Raises `CannotMake`."""
    if device == "meta":
        return tensor.new_empty(shape, device="meta")
    for axis, size in enumerate(shape):
        present = shape_of(tensor)[axis]
        if size > present == 0:
            raise CannotMake("a tensor without entries has none that could be repeated")
        if size != present:
            tensor = tensor.index_select(axis, torch.arange(size, device=device_of(tensor)) % max(present, 1))
    return tensor.clone()


def _on_meta(tensor: Tensor) -> Tensor:
    """A tensor like another one, without its numbers: torch makes one like it in Python, which takes long."""
    if tensor.layout is not torch.strided or not tensor.is_contiguous():
        return torch.empty_like(tensor, device="meta")
    return torch.empty(shape_of(tensor), dtype=dtype_of(tensor), device="meta")


def copied(owner: Any, device: str) -> Any:
    """A copy of an object; of a module on `meta`, without its numbers. Raises `CannotMake`."""
    # Python copies no tensor that torch has computed with gradients.
    computed = [each for each in tensors_inside(owner) if not each.is_leaf]
    memo: dict[int, Any] = {id(each): each.detach().clone() for each in computed}
    if device == "meta" and isinstance(owner, nn.Module):
        for parameter in owner.parameters():
            memo[id(parameter)] = nn.Parameter(_on_meta(parameter), parameter.requires_grad)
        for buffer in owner.buffers():
            memo[id(buffer)] = _on_meta(buffer)
    if isinstance(owner, type):
        return owner
    try:
        return copied_with(owner, memo)
    except Exception as error:  # what an object holds is the user's
        raise CannotMake(f"its object, a `{type(owner).__name__}`, cannot be copied: {error}") from error
