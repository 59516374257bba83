"""Tensors of other classes: those that take part in functions, and those that stand for another tensor."""

from __future__ import annotations

from typing import Any

import torch
from cells import agrees, column, refuses
from public_callables import Row
from torch import Tensor, nn
from torch.utils._pytree import tree_map


class Marked(Tensor):
    """A subclass as it comes: torch's functions return it again."""


@column("subclasses, `__torch_function__`")
def test_a_plain_subclass(row: Row) -> None:
    made = row.make()
    found = made(*(tensor.as_subclass(Marked) for tensor in row.tensors(3)))
    assert type(found) is Marked
    agrees(row, made, found.as_subclass(Tensor), row.tensors(3))
    refuses(row, made, *(tensor.as_subclass(Marked) for tensor in row.wrong_tensors()))


class Wrapped(Tensor):
    """Holds another tensor, and computes with that one: as quantised and sharded tensors do."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> Wrapped:
        return torch.Tensor._make_wrapper_subclass(
            cls, inner.shape, strides=inner.stride(), dtype=inner.dtype
        )

    def __init__(self, inner: Tensor) -> None:
        self.inner = inner

    @classmethod
    def __torch_dispatch__(cls, function: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = function(*unwrapped(args), **unwrapped(kwargs or {}))
        return tree_map(lambda value: cls(value) if isinstance(value, Tensor) else value, found)


def unwrapped(values: Any) -> Any:
    return tree_map(lambda value: value.inner if isinstance(value, Wrapped) else value, values)


@column("subclasses, `__torch_dispatch__`")
def test_a_wrapper(row: Row) -> None:
    made = row.make()
    if isinstance(made, nn.Module):
        made.requires_grad_(False)
    found = made(*map(Wrapped, row.tensors(3)))
    assert type(found) is Wrapped
    agrees(row, made, found.inner, row.tensors(3))
    refuses(row, made, *map(Wrapped, row.wrong_tensors()))
