"""Values with the annotations of the tensors in them, also of those in tuples and under `*args`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor

from typed_einsum.annotations import Hint, OptionalHint, TensorHint, TupleHint
from typed_einsum.tensors import is_tensor


def passed_tensors(
    hints: Mapping[str, Hint], arguments: Mapping[str, Any]
) -> Iterator[tuple[TensorHint, Any]]:
    """Every tensor among the arguments, with its annotation."""
    for name, value in arguments.items():
        if name in hints:
            yield from tensors_with_hints(hints[name], value)


def tensors_with_hints(hint: Hint, value: Any) -> Iterator[tuple[TensorHint, Any]]:
    """Every tensor in a value, with its annotation."""
    match hint:
        case TensorHint() if isinstance(value, tuple):  # the tensors under `*args`
            yield from ((hint, item) for item in value)
        case TensorHint() if is_tensor(value):
            yield hint, value
        case OptionalHint(inner) if value is not None:
            yield from tensors_with_hints(inner, value)
        case TupleHint(items) if isinstance(value, tuple):
            for item, each in zip(items, value, strict=False):
                yield from tensors_with_hints(item, each)
        case _:
            return


def changed(hint: Hint, value: Any, change: Callable[[TensorHint, Tensor], Tensor]) -> Any:
    """A value with every tensor in it changed."""
    if isinstance(value, tuple):
        found = [each for _, each in tensors_with_hints(hint, value)]
        hints = {id(each): own for own, each in tensors_with_hints(hint, value)}
        if not found:
            return value
        return tuple(change(hints[id(each)], each) if id(each) in hints else each for each in value)
    pairs = list(tensors_with_hints(hint, value))
    return change(pairs[0][0], value) if pairs and is_tensor(value) else value
