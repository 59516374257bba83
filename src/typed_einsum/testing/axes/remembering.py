"""Fake tensors whose operations are followed once: the same one again has the same shapes.

Torch follows an operation on symbolic shapes in Python, which takes milliseconds. A network does the same to
tensors of one shape again and again, in each block of a stack. What it asked of the sizes the first time is
known by then, so another result like the first one says as much.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, in_kernel_invocation_manager

from typed_einsum.tensors import dtype_of, shape_of
from typed_einsum.testing.axes.recalling import Context, Followed, tensor_of
from typed_einsum.testing.axes.shape_env import Asked

PLAIN = (int, float, bool, complex, str, type(None))
TORCH = (torch.dtype, torch.device, torch.layout, torch.memory_format)

DEPENDS = tuple(
    tag
    for name in ("data_dependent_output", "dynamic_output_shape", "inplace_view")
    if (tag := getattr(torch.Tag, name, None)) is not None
)
"""What torch says of operations whose results depend on more than the shapes of their arguments."""


class NotComparable(Exception):
    """An argument of which shapes do not tell all."""


class Remembering(FakeTensorMode):  # type: ignore[no-untyped-call]
    """Torch's fake tensors, with the results of operations by what they were given."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.cache_enabled = False  # to look a result up there takes longer than to find it again
        self.known: dict[Hashable, tuple[Any, Followed | None]] = {}
        self._inside: list[Context] = []  # the operations that are followed now

    def dispatch(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """The result of an operation: followed by torch, or like the one that it had before."""
        options = kwargs or {}
        if self.propagate_real_tensors or not _is_of_shapes(func):
            return super().dispatch(func, types, args, options)
        try:
            around = torch.get_default_dtype(), torch.is_inference_mode_enabled()
            key = func, around, self._key(args), self._key(tuple(options.items()))
        except NotComparable:
            return super().dispatch(func, types, args, options)
        if key in self.known:
            result, earlier = self.known[key]
            for each in self._inside:
                each.borrow(earlier)
            return self._alike(result)
        if not isinstance(self.shape_env, Asked) or not any(
            isinstance(each, FakeTensor) for each in _flat(args)
        ):
            return super().dispatch(func, types, args, options)
        context = Context(self.shape_env, key, sys._getframe(1))
        if (found := context.recalled(self._made)) is not None:
            self.known[key] = self._alike(found), context.followed
            return found
        self._inside.append(context)
        try:
            result = super().dispatch(func, types, args, options)
        finally:
            self._inside.pop()
        if self._is_fresh(result, (*args, *options.values())):
            context.keep(result)
            self.known[key] = self._alike(result), context.followed
        return result

    def _made(self, shape: Any) -> FakeTensor:
        return tensor_of(shape, self)

    def _key(self, value: Any) -> Hashable:
        """What an operation sees of an argument. Raises `NotComparable`."""
        kind = type(value)
        if kind is FakeTensor and value.fake_mode is self and value.constant is None:
            return (
                tuple(map(_size, shape_of(value))),
                tuple(map(_size, value.stride())),
                _size(value.storage_offset()),
                dtype_of(value),
                value.fake_device,
                value.requires_grad,
                value.is_conj(),
                value.is_neg(),
            )
        if kind is torch.SymInt:
            return _size(value)
        if kind in PLAIN or kind in TORCH:
            return (kind, value)
        if kind in (tuple, list, torch.Size):
            return tuple(map(self._key, value))
        raise NotComparable

    def _is_fresh(self, result: Any, arguments: Sequence[Any]) -> bool:
        """Whether a result is made of new tensors of this mode alone."""
        given = {id(each) for each in _flat(arguments)}
        found = list(_flat([result]))
        return all(
            type(each) is FakeTensor
            and each.fake_mode is self
            and each.constant is None
            and each.layout is torch.strided
            and id(each) not in given
            for each in found
        )

    def _alike(self, result: Any) -> Any:
        """Tensors like those of a result.

        They have shapes, strides and versions of their own. With the result they share a storage, which torch
        would not: only code that asks whether two tensors have one storage, or changes its length, can tell.
        Another storage costs twenty times as much as the rest of this.
        """
        if isinstance(result, FakeTensor):
            with in_kernel_invocation_manager(self):
                made = result.detach()
            return FakeTensor(self, made, result.fake_device)
        several = map(self._alike, result)
        return result._make(several) if hasattr(result, "_make") else type(result)(several)


def _size(size: Any) -> Hashable:
    found: Hashable = size.node.expr if isinstance(size, torch.SymInt) else size
    return found


def _flat(values: Sequence[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, tuple | list):
            yield from _flat(value)
        else:
            yield value


_of_shapes: dict[Any, bool] = {}


def _is_of_shapes(func: Any) -> bool:
    """Whether an operation makes new tensors whose shapes those of its arguments decide."""
    if func not in _of_shapes:
        _of_shapes[func] = (
            isinstance(func, torch._ops.OpOverload)
            and func.namespace in ("aten", "prims")
            and not func._schema.is_mutable
            and not any(tag in func.tags for tag in DEPENDS)
            and "lift" not in func._schema.name
            and "item" not in func._schema.name
            and all("Tensor" in str(each.type) for each in func._schema.returns)
        )
    return _of_shapes[func]
