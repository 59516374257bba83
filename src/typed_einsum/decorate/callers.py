"""Who called a function that refuses the call: the line, and the module of a model. Asked on failure only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from types import CodeType, FrameType

from torch import nn
from torch.compiler import is_compiling

from typed_einsum.diagnostics import Place
from typed_einsum.errors import TypedEinsumError
from typed_einsum.locations import outside_frame, shown_path


def with_caller(error: TypedEinsumError) -> TypedEinsumError:
    """The same error; its message says which line made the call, and in which module of a model.

    A call at the top level of a file is what a traceback begins with, so that its line is not repeated.
    """
    frame = None if is_compiling() else _calling(outside_frame())
    if frame is None or error.diagnostic.caller is not None:
        return error
    code = frame.f_code
    place = Place(shown_path(code.co_filename), frame.f_lineno, function=code.co_qualname)
    is_top = code.co_name == "<module>"
    found = replace(error.diagnostic, caller=None if is_top else place, module=_module_path())
    error.diagnostic, error.args = found, (found,)
    return error


def _calling(frame: FrameType | None) -> FrameType | None:
    """The frame that calls; between it and us may be an `__init__` that `@dataclass` has written."""
    while frame is not None and frame.f_code.co_filename == "<string>" and frame.f_code.co_name == "__init__":
        frame = frame.f_back
    return frame


def _module_path() -> str | None:
    """The path of the innermost running module in the outermost one that holds it; None for that itself."""
    running = list(_running_modules())
    for outer in reversed(running[1:]):
        for path, module in outer.named_modules():
            if module is running[0]:
                return path or None
    return None


def _running_modules() -> Iterator[nn.Module]:
    """The modules whose methods run, the innermost first."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        owner = frame.f_locals.get(_receiver(frame.f_code))
        if isinstance(owner, nn.Module):
            yield owner
        frame = frame.f_back


def _receiver(code: CodeType) -> str:
    """The name of a method's first parameter, which is its object; `self` for any other function."""
    around = code.co_qualname.rpartition(".")[0]
    is_method = around != "" and not around.endswith("<locals>") and code.co_argcount > 0
    return code.co_varnames[0] if is_method else "self"
