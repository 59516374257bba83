"""What a tensor is: the only module that asks one its shape, dtype and device.

(Generated checks read the same attributes, but as source text.)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor
from torch.compiler import is_dynamo_compiling

EXACT_TYPES: Final = (Tensor, torch.nn.Parameter)
"""The types that generated checks accept without asking further."""

DTYPES: Final[dict[str, torch.dtype]] = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in dict.fromkeys(value for value in vars(torch).values() if isinstance(value, torch.dtype))
}
"""Every dtype of this torch, by the name it prints."""

AUTOCAST_DTYPES: Final = frozenset({torch.float16, torch.bfloat16})

_SHORT: Final = {"bool": "bool", "bfloat16": "bf16", "complex64": "c64", "complex128": "c128"}
_SIZED: Final = re.compile(r"(float|int|uint)(\d+)")


def exact_types(kind: type[Tensor]) -> tuple[type[Tensor], ...]:
    """The types that generated checks accept where an annotation asks for `kind`."""
    return tuple(each for each in EXACT_TYPES if issubclass(each, kind)) or (kind,)


def is_tensor(value: object) -> bool:
    """Whether the value is a tensor of any kind, subclasses included."""
    return isinstance(value, Tensor)


def shape_of(tensor: Tensor) -> tuple[int, ...]:
    """The sizes of the tensor's axes."""
    return tuple(tensor.shape)


def have_symbolic_sizes(tensors: Sequence[Tensor]) -> bool:
    """Whether some size is a symbol of a trace: a comparison would fix it, or be a guard of the graph."""
    sizes = [size for tensor in tensors for size in shape_of(tensor)]
    if is_dynamo_compiling():  # where the type of every size is int
        from torch.fx.experimental.symbolic_shapes import has_static_value

        return not all(has_static_value(size) for size in sizes)
    return any(type(size) is not int for size in sizes)


def dtype_of(tensor: Tensor) -> torch.dtype:
    """The tensor's dtype."""
    return tensor.dtype


def device_of(tensor: Tensor) -> torch.device:
    """The tensor's device."""
    return tensor.device


def may_mix_devices(tensor: Tensor) -> bool:
    """Whether torch combines the tensor with tensors elsewhere: a CPU scalar."""
    return tensor.dim() == 0 and tensor.device.type == "cpu"


def short(dtype: torch.dtype) -> str:
    """A dtype as messages print it: `f32`, `i64`, `bool`."""
    name = str(dtype).removeprefix("torch.")
    if name in _SHORT:
        return _SHORT[name]
    match = _SIZED.fullmatch(name)
    return f"{match.group(1)[0]}{match.group(2)}" if match else name


def described(value: Any) -> str:
    """A value in a message: `f32[2, 3]` for a tensor, the type's name for anything else."""
    if is_tensor(value):
        elsewhere = "" if value.device.type in ("cpu", "meta") else f" on {value.device}"
        return f"{short(value.dtype)}{list(value.shape)}{elsewhere}"
    kind = type(value)
    module = "" if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}"


def autocasts() -> bool:
    """Whether autocast is on for some device, so that operands of two float dtypes are one to torch."""
    return any(torch.is_autocast_enabled(kind) for kind in ("cpu", "cuda") if kind == "cpu" or _has_cuda())


def _has_cuda() -> bool:
    return torch.cuda.is_available()
