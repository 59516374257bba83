"""What an annotation of a value would say, in the names that its axes have."""

from __future__ import annotations

import re

import torch
from torch import Tensor

from typed_einsum.annotations import AnyHint, Hint, ListHint, TensorHint, TupleHint
from typed_einsum.equation.axes import read_axes
from typed_einsum.tensors import DTYPES, short
from typed_einsum.testing.listing.source import Source
from typed_einsum.testing.listing.values import Number, Several, Shape, Size, Value
from typed_einsum.testing.names.naming import Names

BY_SHORT = {short(dtype): dtype for dtype in DTYPES.values()}


CLASSES = {
    "float": "Float",
    "bfloat": "Float",
    "complex": "Complex",
    "int": "Int",
    "uint": "UInt",
    "bool": "Bool",
}
"""The classes of dtypes that jaxtyping has, by how the names of their dtypes begin."""


def hint_of(value: Value | None, names: Names, source: Source, *, is_argument: bool = False) -> Hint:
    """The hint of a tensor, or of a list or tuple of them; of anything else, that it may be anything.

    A product does not know which of its axes is the outer one: in an argument it is an axis of its own.
    """
    match value:
        case Shape(dtype, axes):
            texts = [names.text(size, source) for size in axes]
            if is_argument:
                texts = [
                    _own(text, at) if _is_merged(size) else text
                    for at, (text, size) in enumerate(zip(texts, axes, strict=True))
                ]
            text = " ".join(texts)
            kind = BY_SHORT.get(dtype)
            return TensorHint(Tensor, _class_of(kind), class_name(kind), text, read_axes(text))
        case Several("tuple", items, length) if length == len(items) and all(_is_shaped(v) for _, v in items):
            return TupleHint(
                tuple(hint_of(each, names, source, is_argument=is_argument) for _, each in items)
            )
        case Several("list", items, length) if length == len(items) and len({each for _, each in items}) == 1:
            return ListHint(list, hint_of(items[0][1], names, source, is_argument=is_argument))
    return AnyHint()


def _is_merged(size: Size) -> bool:
    return not isinstance(size, int) and len(size.free_symbols) > 1


def _own(text: str, at: int) -> str:
    """A name for an axis that is several: `h*d` as `h_d0`."""
    return "_".join(re.findall(r"[A-Za-z_]\w*", text)) + str(at)


def _is_shaped(value: Value) -> bool:
    return not isinstance(value, Number)


def class_name(dtype: torch.dtype | None) -> str:
    """The class of dtypes that jaxtyping has, as wide as it is written: `Float`, not `Float32`."""
    name = str(dtype).removeprefix("torch.")
    for start, found in CLASSES.items():
        if name.startswith(start):
            return found
    return "Shaped"


def _class_of(dtype: torch.dtype | None) -> frozenset[torch.dtype] | None:
    """All dtypes of the class that one is of."""
    if class_name(dtype) == "Shaped":
        return None
    return frozenset(each for each in DTYPES.values() if class_name(each) == class_name(dtype))
