"""The classes, values and dtypes that written annotations speak of, each with annotations that they fit."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, NewType, Optional, TypeVar, Union

import jaxtyping
import numpy as np
import torch
from torch import Tensor, nn

DTYPES = (
    torch.float32,
    torch.int64,
    torch.bfloat16,
    torch.bool,
    torch.complex64,
    torch.uint8,
    torch.float64,
    torch.int8,
    torch.uint16,
    torch.float8_e4m3fn,
)


class Half(jaxtyping.AbstractDtype):
    """A dtype class of the user's own: by name, and by pattern."""

    dtypes = ("float16", re.compile("bf.*16"))


KINDS = (
    *("Float", "Int", "UInt", "Integer", "Bool", "Complex", "Inexact", "Real", "Num", "Shaped"),
    *("Float32", "Float64", "BFloat16", "Float8e4m3fn", "Int64", "Int8", "UInt8", "Complex64", "Key", "Half"),
)


class Marked(Tensor):
    """A subclass of Tensor."""


class Thing:
    """A class that has nothing to do with tensors; written methods are its methods."""

    nh = 2
    scale = 3
    half = 0.5


class Colour(enum.Enum):
    RED = 1


Count = NewType("Count", int)
T = TypeVar("T")

NAMES: dict[str, Any] = {
    "Half": Half,
    "Marked": Marked,
    "Thing": Thing,
    "Colour": Colour,
    "Count": Count,
    "T": T,
    "Parameter": nn.Parameter,
    "np": np,
    "Any": Any,
    "Optional": Optional,
    "Union": Union,
    "Literal": Literal,
    "Annotated": Annotated,
    "Callable": Callable,
    "Sequence": Sequence,
}

WRONG: tuple[Callable[[], Any], ...] = (
    lambda: None,
    lambda: 3,
    lambda: "x",
    lambda: True,
    lambda: 2.5,
    lambda: [1],
    lambda: ["x"],
    lambda: (torch.empty(2),),
    lambda: Thing(),
    lambda: Colour.RED,
    lambda: np.zeros((2, 3)),
    lambda: torch.empty(()),
    lambda: torch.empty((2, 3), dtype=torch.int64),
)
"""Values of every kind that an annotation may meet."""

PLAIN: dict[str, tuple[Any, ...]] = {
    "int": (3, 0, True),
    "float": (2.5,),
    "bool": (True, False),
    "str": ("x", ""),
    "list[int]": ([1], []),
    "dict[str, int]": ({}, {"x": 1}),
    "tuple[int, str]": ((1, "x"),),
    "tuple[int, ...]": ((1,), ()),
    "Literal['x', 'y']": ("x", "y"),
    "Literal[1]": (1,),
    "int | None": (None, 3),
    "int | str": (3, "x"),
    "Sequence[int]": ([1], (2,)),
    "Annotated[int, 'units']": (3,),
    "Callable[..., int]": (len,),
    "type[int]": (int, bool),
    "Colour": (Colour.RED,),
    "Count": (3,),
    "Thing": (Thing(),),
    "T": (3, "x"),
    "Any": (None, 3, torch.empty(2)),
    "object": (None, torch.empty(2)),
    "None": (None,),
    "Tensor": (torch.empty(2),),
    "Marked | int": (torch.empty(2).as_subclass(Marked), 3),
    "tuple": ((), (1, 2)),
    "type": (int,),
}
"""Annotations without axes, each with values that fit."""


def allowed(kind: str) -> list[torch.dtype]:
    """The dtypes that a dtype class of jaxtyping allows.

    >>> allowed("Bool"), allowed("Key")
    ([torch.bool], [])
    """
    annotation = (Half if kind == "Half" else getattr(jaxtyping, kind))[Tensor, "..."]
    return [dtype for dtype in DTYPES if isinstance(torch.empty(0, dtype=dtype), annotation)]


def shown(value: Any) -> str:
    """A value as a reader needs it.

    >>> shown((torch.empty(2, 3), None, nn.Parameter(torch.empty(2))))
    '(Tensor float32 [2, 3], None, Parameter float32 [2])'
    """
    if isinstance(value, Tensor):
        return f"{type(value).__name__} {str(value.dtype).removeprefix('torch.')} {list(value.shape)}"
    if isinstance(value, np.ndarray):
        return f"ndarray {list(value.shape)}"
    if isinstance(value, tuple | list):
        inner = ", ".join(map(shown, value))
        return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: {shown(item)}' for key, item in value.items())}}}"
    return repr(value)
