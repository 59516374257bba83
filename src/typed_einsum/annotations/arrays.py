"""Arrays that are no tensors of torch: objects with a shape and a dtype, as jaxtyping takes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from typed_einsum.annotations import is_tensor_annotation
from typed_einsum.equation.axes import Axis, AxisSyntaxError, read_axes


@dataclass(frozen=True)
class ArrayHint:
    """An object with a shape: `Float[LinearOperator, "m n"]`."""

    kind: type
    text: str
    axes: tuple[Axis, ...]


def array_of(annotation: Any) -> ArrayHint | None:
    """The array that an annotation asks for; None for a tensor of torch, and for anything else."""
    if not is_tensor_annotation(annotation):
        return None
    kind = annotation.array_type
    if not isinstance(kind, type) or kind is Any or issubclass(kind, Tensor):
        return None
    try:
        return ArrayHint(kind, annotation.dim_str.strip(), tuple(read_axes(annotation.dim_str)))
    except AxisSyntaxError:
        return None
