"""Arguments and results: their pattern, what is told of them, and copies that a program cannot change."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from typed_einsum.tensors import EXACT_TYPES, dtype_of, is_tensor, shape_of, short
from typed_einsum.testing.inputs.own import attributes_of, name_of_item

MOST_ITEMS = 8
"""How many items of a container are looked at."""

MOST_DEPTH = 4
"""How deep containers are looked into."""

MOST_COPIED = 2**20
"""The entries of a tensor that is copied; of a larger one, shape and strides alone are kept."""

LONGEST_TEXT = 200
"""How long a text may be that is kept."""

Json = Any


def pattern_of(value: Any, depth: int = 0) -> Hashable:
    """What calls must share to be alike: ranks, dtypes and types, and what is true, false or None."""
    if is_tensor(value):
        return _kind(value), dtype_of(value), len(shape_of(value))
    if value is None or value is True or value is False:
        return value
    inside = tuple(pattern_of(each, depth + 1) for each in _items(value, depth))
    return (type(value), *inside)


def patterns_of(arguments: Mapping[str, Any]) -> Hashable:
    """The pattern of a call."""
    return tuple(map(pattern_of, arguments.values()))


def key_of(pattern: Hashable) -> str:
    """A digest of a pattern, which is the same in another process."""
    return hashlib.sha256(_written(pattern).encode()).hexdigest()[:16]


def _written(part: Any) -> str:
    if isinstance(part, tuple):
        return f"({', '.join(map(_written, part))})"
    return f"{part.__module__}.{part.__qualname__}" if isinstance(part, type) else repr(part)


def _kind(tensor: Tensor) -> type:
    """The class of a tensor; of one without numbers, that of the one that it stands for."""
    fakes = sys.modules.get("torch._subclasses.fake_tensor")
    if fakes is None or not isinstance(tensor, fakes.FakeTensor):
        return type(tensor)
    return torch.nn.Parameter if isinstance(tensor, torch.nn.Parameter) else Tensor


def holds_tensor(value: Any, depth: int = 0) -> bool:
    """Whether a value is a tensor, or a container with one."""
    return is_tensor(value) or any(holds_tensor(each, depth + 1) for each in _items(value, depth))


def _items(value: Any, depth: int) -> Iterator[Any]:
    """The first items of a container, or the fields of a dataclass."""
    if depth >= MOST_DEPTH:
        return
    match value:
        case list() | tuple():
            yield from value[:MOST_ITEMS]
        case dict():
            yield from (item for item, _ in zip(value.values(), range(MOST_ITEMS), strict=False))
        case _ if hasattr(type(value), "__dataclass_fields__"):
            fields = attributes_of(value).values()
            yield from (item for item, _ in zip(fields, range(MOST_ITEMS), strict=False))


def told(value: Any, depth: int = 0) -> Json:
    """What is kept of a value: the dtype and shape of a tensor, a number or the type of anything else."""
    if is_tensor(value):
        return {"tensor": short(dtype_of(value)), "shape": [int(size) for size in shape_of(value)]}
    if type(value) in (type(None), bool, int):
        return value
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    if not holds_tensor(value, depth):
        return {"type": kind}
    if isinstance(value, Mapping):
        named = list(value.items())
    elif isinstance(value, list | tuple):
        named = list(enumerate(value))
    else:
        named = list(attributes_of(value).items())
    first = enumerate(named[:MOST_ITEMS])
    return {
        "type": kind,
        "items": {name_of_item(key, at): told(each, depth + 1) for at, (key, each) in first},
    }


def copied(value: Any, memo: dict[int, Any]) -> Any:
    """A value whose tensors and containers are copies: what the program does to its own is not seen.

    Objects that are neither stay the program's own. A tensor that is passed twice stays one tensor.
    """
    if id(value) in memo:
        return memo[id(value)]
    copy: Any = value
    if isinstance(value, torch.nn.Parameter) or type(value) not in (*EXACT_TYPES, list, tuple, dict):
        return value
    if is_tensor(value):
        copy = _copied_tensor(value)
    elif isinstance(value, dict):
        copy = {name: copied(each, memo) for name, each in value.items()}
    else:
        copy = type(value)(copied(each, memo) for each in value)
    memo[id(value)] = copy
    return copy


def _copied_tensor(tensor: Tensor) -> Tensor:
    with torch.no_grad():
        is_small = math.prod(shape_of(tensor)) <= MOST_COPIED
        copy = tensor.detach().clone() if is_small else tensor.detach().to("meta")
    return copy.requires_grad_(tensor.requires_grad)


def as_json(value: Any) -> Json:
    """A value that JSON can hold. Raises `TypeError` for any other."""
    match value:
        case None | bool() | int() | str() if type(value) in (type(None), bool, int, str):
            if isinstance(value, str) and len(value) > LONGEST_TEXT:
                raise TypeError("a long text")
            return value
        case float() if type(value) is float and math.isfinite(value):
            return value
        case list() | tuple() if type(value) in (list, tuple):
            return [as_json(each) for each in value]
        case dict() if type(value) is dict and all(type(name) is str for name in value):
            return {name: as_json(each) for name, each in value.items()}
    raise TypeError(type(value).__qualname__)


def is_transformed() -> bool:
    """Whether torch traces or transforms the program, which must not be disturbed."""
    return (
        torch.compiler.is_compiling()
        or torch._C._get_tracing_state() is not None
        or torch._C._len_torch_dispatch_stack() > 0
        or torch._C._functorch.peek_interpreter_stack() is not None
        or _fakes_are_made()
    )


def _fakes_are_made() -> bool:
    fx = sys.modules.get("torch.fx._symbolic_trace")
    return bool(getattr(fx, "_is_fx_tracing_flag", False))
