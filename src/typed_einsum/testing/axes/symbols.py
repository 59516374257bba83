"""Arguments without numbers, whose axes are symbols: one for each name, and one for each axis without."""

from __future__ import annotations

import copy
from typing import Any

import sympy
import torch
from torch import Tensor, nn
from torch._dynamo.source import ConstantSource
from torch._subclasses.fake_tensor import FakeTensor
from torch.fx.experimental.symbolic_shapes import DimDynamic

from typed_einsum.annotations.arrays import ArrayHint
from typed_einsum.equation.axes import Axis
from typed_einsum.tensors import device_of, dtype_of, shape_of
from typed_einsum.testing.axes.remembering import Remembering
from typed_einsum.testing.axes.shape_env import Asked
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.calls.modules import copied_with
from typed_einsum.testing.calls.shapes import size_at, with_axes
from typed_einsum.testing.inputs.arrays import axis_by_size, sizes_of_array, tensors_inside


class Symbols:
    """Makes the fake arguments of a call, and knows which symbol stands for which axis."""

    def __init__(self, call: Call, *, values: bool = False) -> None:
        self.call = call
        self.env = Asked()
        self.mode = Remembering(shape_env=self.env, allow_non_fake_inputs=True)
        self.mode.propagate_real_tensors = values
        self.by_name: dict[str, Any] = {}
        self.names: dict[str, str] = {}
        self.made: list[sympy.Symbol] = []

    def arguments(self) -> dict[str, Any]:
        """The arguments of the call, every tensor fake."""
        return {name: self._argument(name, value) for name, value in self.call.arguments.items()}

    def _argument(self, name: str, value: Any) -> Any:
        if (array := self.call.recipe.arrays.get(name)) is not None:
            return self._array(array, value)
        is_first = name == next(iter(self.call.arguments))
        if name == self.call.owner or (is_first and isinstance(value, nn.Module)):
            return self.without_numbers(value)  # a method may call its object something else than `self`
        hint, is_own = self.call.recipe.hints.get(name), self.call.maker is not None
        return with_axes(name, hint, value, self._fake, is_own=is_own)

    def _array(self, array: ArrayHint, value: Any) -> Any:
        """A copy of an object with a shape, in whose tensors the axes of this shape are symbols."""
        sizes = sizes_of_array(array, value).sizes

        def fake(tensor: Tensor) -> Tensor:
            named = [(axis_by_size(sizes, size), size) for size in shape_of(tensor)]
            shape = [size if name is None else self.size(name, size) for name, size in named]
            with self.mode:
                return torch.empty(shape, dtype=dtype_of(tensor), device=_device(tensor))

        return copy.deepcopy(value, {id(each): fake(each) for each in tensors_inside(value)})

    def without_numbers(self, owner: Any) -> Any:
        """A copy of an object whose parameters and buffers are fake, with the sizes that they have."""
        memo: dict[int, Any] = {}
        if isinstance(owner, nn.Module):
            for parameter in owner.parameters():
                made = memo[id(parameter)] = nn.Parameter(self._blank(parameter), parameter.requires_grad)
                self._give_values(made, parameter)
            for buffer in owner.buffers():
                memo[id(buffer)] = self._blank(buffer)
                self._give_values(memo[id(buffer)], buffer)
        return copied_with(owner, memo)

    def _blank(self, tensor: Tensor) -> Tensor:
        """A fake tensor like another one, for which the other one need not be faked.

        It is made without the mode, where it has no numbers: that takes a third of the time.
        """
        shape, device = shape_of(tensor), _device(tensor)
        if tensor.layout is torch.strided and not self.mode.propagate_real_tensors:
            made = torch.empty_strided(shape, tensor.stride(), dtype=dtype_of(tensor), device="meta")
            return FakeTensor(self.mode, made, device)
        with self.mode:
            if tensor.layout is not torch.strided:
                return torch.empty_like(tensor, device=device)
            return torch.empty_strided(shape, tensor.stride(), dtype=dtype_of(tensor), device=device)

    def _fake(self, tensor: Tensor, axes: list[tuple[Axis | None, str]]) -> Tensor:
        call, shape = self.call, shape_of(tensor)
        sizes = [
            size_at(axis, label, size, self.size, call.sizes, call.arguments)
            for (axis, label), size in zip(axes, shape, strict=True)
        ]
        order = sorted(range(len(shape)), key=lambda axis: -int(tensor.stride()[axis]))
        with self.mode:
            made = torch.empty([sizes[at] for at in order], dtype=dtype_of(tensor), device=_device(tensor))
            back = [order.index(axis) for axis in range(len(shape))]
            made = made if back == sorted(back) else made.permute(back)
        fake = nn.Parameter(made, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else made
        self._give_values(fake, tensor)
        return fake

    def _give_values(self, made: Any, tensor: Tensor) -> None:
        """Let torch compute the numbers beside the shapes, for code that asks for them."""
        if self.mode.propagate_real_tensors and not tensor.is_meta:
            made.real_tensor = tensor.detach().clone()

    def size(self, name: str, size: int) -> Any:
        """The one size that all axes of a name have: a symbol, unless an argument or the object says it."""
        if name not in self.by_name:
            self.by_name[name] = size if name in self.call.fixed else self._symbol(name, size)
        return self.by_name[name]

    def _symbol(self, name: str, size: int) -> Any:
        source = ConstantSource(f"axis{len(self.names)}")
        symbol: Any = self.env.create_symbol(size, source, DimDynamic.DYNAMIC)
        self.made.append(symbol)
        self.names[symbol.name] = name
        self.env.sizes[symbol.name] = size
        return self.env.create_symintnode(symbol, hint=size, source=source)


def _device(tensor: Tensor) -> torch.device:
    """Where a tensor is; one without numbers is taken to be on the CPU, where code expects it."""
    device = device_of(tensor)
    return torch.device("cpu") if device.type == "meta" else device
