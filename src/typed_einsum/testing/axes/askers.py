"""Who asks a question about sizes: the code itself, an annotation, or an operation, and for what."""

from __future__ import annotations

import linecache
import os
import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import jaxtyping
import sympy
import torch

import typed_einsum

Asker = Literal["annotation", "code", "value", "operation", "path"]


def _folder(module: Any) -> str:
    """The folder of a module. It ends as a folder does: `torchvision`, beside `torch`, is another one."""
    return f"{Path(module.__file__).parent}{os.sep}"


def _folder_of(package: str) -> str:
    """The folder of a package, which is not imported for it; where it is missing, a name that no file has."""
    spec = find_spec(package)
    return f"<{package}" if spec is None or spec.origin is None else f"{Path(spec.origin).parent}{os.sep}"


OWN = _folder(typed_einsum)
TORCH = (_folder(torch), _folder(sympy), "<frozen")
CHECKS = (OWN, "<typed_einsum", _folder(jaxtyping), _folder_of("beartype"), "<@beartype")
"""What compares shapes with annotations, and demands nothing of them."""

VIEWS = (
    f"{OWN}operations{os.sep}patterns.py",
    f"{OWN}testing{os.sep}listing{os.sep}einx_calls.py",
    "<typed_einsum rearrange",
    "<typed_einsum repeat",
)
"""What splits axes, which the sizes must allow."""

COMPUTES = (f"{OWN}attention{os.sep}", f"{OWN}contraction{os.sep}maximum{os.sep}", f"{OWN}nn{os.sep}")
"""What computes by loops of its own, for which it needs sizes as numbers."""

LIBRARIES = (_folder_of("einops"), _folder_of("einx"))
"""What takes patterns: what it asks, the code asks that calls it."""

FOLLOWS = f"{OWN}testing{os.sep}axes{os.sep}remembering.py"
"""What runs operations in the place of torch."""

ORDERS = _folder_of("opt_einsum")
"""What chooses the order in which torch.einsum contracts three operands or more: it needs numbers."""


def asked_by(frame: FrameType | None) -> tuple[Asker, FrameType | None]:
    """Who asks a question, and the frame of the code.

    What operations within this library ask, as those of an einsum, is a matter of how it is computed.
    """
    found: Asker | None = None
    last = ""
    while frame is not None:
        file = frame.f_code.co_filename
        match _kind(file):
            case "dispatch" if found is None or frame.f_code.co_name in CHOOSES_KERNELS:
                found = "path" if frame.f_code.co_name in CHOOSES_KERNELS else "operation"
            case "check":
                found = "annotation" if found in (None, "annotation") else "path"
            case "computes" if found != "annotation":
                found = "path"
            case "view":  # it needs what it compares
                found = "operation"
            case "user":
                found = found or ("code" if last == torch.__file__ else "operation")
                return found, frame
        last = file
        frame = frame.f_back
    return found or "operation", None


def is_for_a_value(frame: FrameType | None) -> bool:
    """Whether a size is but the argument of a root or a logarithm, of which no number of anything is made."""
    if frame is None:
        return False
    line, _, start, end = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    text = linecache.getline(frame.f_code.co_filename, line or 0)
    return VALUE.match(text[start:end]) is not None and WHOLE.search(text) is None


VALUE = re.compile(r"(\w+\.)?(sqrt|log|log2|log10|log1p|exp|float)\(")
WHOLE = re.compile(r"\b(int|round|floor|ceil|range)\(|//")

CHOOSES_KERNELS = ("conv",)
"""Functions of torch's fake tensors that ask which kernel is the fastest: for a batch of 16, another one."""


DISPATCH = ("fake_tensor.py", "_ops.py", "fake_impls.py", "functional.py")
"""Files of torch that run an operation."""


@lru_cache(maxsize=4096)
def _kind(file: str) -> str:
    if file == FOLLOWS:
        return "torch"
    if file.startswith(TORCH):
        return "dispatch" if file.endswith(DISPATCH) else "torch"
    if file.startswith(VIEWS):
        return "view"
    if file.startswith((*COMPUTES, ORDERS)):
        return "computes"
    if file.startswith(CHECKS):
        return "check"
    return "library" if file.startswith(LIBRARIES) else "user"
