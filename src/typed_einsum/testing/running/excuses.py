"""Exceptions that say nothing of sizes: a missing file, a refused value, an argument that we made badly."""

from __future__ import annotations

import inspect
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from typed_einsum.errors import TypedEinsumError
from typed_einsum.testing.process.outcome import first_line
from typed_einsum.testing.targets.installed import INSTALLED

SURROUNDINGS = (OSError, ImportError, NameError, MemoryError, EOFError, SystemExit)
"""The file system, the network, what is installed, the machine."""

REFUSALS = (AssertionError, NotImplementedError, KeyError)
"""How code says that it does not take a value."""

DEVICES = re.compile(r"CUDA|cuda|NVIDIA|MPS|XPU|not enough memory|can't allocate memory")
"""What torch says where a device or its memory is missing."""

ABOUT_SHAPES = {"torch", "numpy", "einops", "opt_einsum", "jaxtyping", "beartype", "typed_einsum"}
"""Installed packages whose refusals may well be about shapes; those of others are about values."""

COMPILED = (".pyx", ".pxd", ".pxi")

MADE, AGAIN = "what was made up for it", "the call when it is run again"
"""What a function refuses: arguments that we have made, or those of a call that the program makes."""

LIBRARY = sysconfig.get_path("stdlib")

ENOUGH_REFUSALS = 2
"""So often a library refuses a call at one place, at other sizes each time, before no more are tried."""


def excuse_of(error: BaseException, function: Callable[..., Any], what: str = MADE) -> str:
    """Why an exception is not known to be a fault of the function's shapes; empty where it may be one.

    `what` is what may have been refused instead.
    """
    if isinstance(error, TypedEinsumError):
        return _of_argument(error, function)
    said = _told(error)
    if isinstance(error, REFUSALS):
        return f"it refuses {what}: {said}"
    if package := _raised_in(error):
        return f"{package} refuses {what}: {said}"
    if isinstance(error, TypeError) and (module := _of_python(error)):
        return f"Python's `{module}` refuses {what}: {said}"
    of_module = isinstance(error, AttributeError) and isinstance(error.obj, ModuleType)
    of_device = isinstance(error, RuntimeError) and DEVICES.search(said) is not None
    if of_module or of_device or isinstance(error, SURROUNDINGS):
        return f"it raised {said}, which says nothing of shapes"
    return ""


def refused_by_library(error: BaseException) -> list[str]:
    """The line that called an installed package which is not about shapes, and was refused, if one was."""
    package = _raised_in(error)
    frames = reversed(traceback.extract_tb(error.__traceback__) if package else [])
    callers = (each for each in frames if not each.filename.startswith("<"))
    return [f"{at.filename}:{at.lineno}" for at in callers if _package_of(at.filename) != package][:1]


def _told(error: BaseException) -> str:
    """An exception in one line; of an `assert` without a message, what it asserts."""
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, AssertionError) and not str(error) and frames:
        return f"AssertionError in `{frames[-1].line}`"
    return first_line(error)


def _of_argument(error: TypedEinsumError, function: Callable[..., Any]) -> str:
    """Of an error about the type of an argument that the function's own check refuses: we made it."""
    if error.code != "TE406" or _came_through(inspect.unwrap(function), error):
        return ""
    return f"what was made up for it does not fit: {error.diagnostic.summary}"


def _came_through(function: Callable[..., Any], error: BaseException) -> bool:
    """Whether an error came out of the function's own body, so that it is not about its arguments."""
    code = getattr(function, "__code__", None)
    return any(frame.f_code is code for frame, _ in traceback.walk_tb(error.__traceback__))


def _raised_in(error: BaseException) -> str:
    """The installed package whose own code raised an exception, unless it may be about shapes."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    package = _package_at(frames[-1]) if frames else ""
    return "" if package in ABOUT_SHAPES else package


def _package_at(frame: FrameType) -> str:
    """The installed package whose code a frame runs; compiled code has no file, but a module."""
    file = frame.f_code.co_filename
    if Path(file).suffix not in COMPILED or Path(file).is_absolute():
        return _package_of(file)
    package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    return _package_of(getattr(sys.modules.get(package), "__file__", None) or "")


def _of_python(error: BaseException) -> str:
    """The module of Python's own library whose code raised an exception, if one did."""
    frames = traceback.extract_tb(error.__traceback__)
    file = Path(frames[-1].filename) if frames else None
    is_own = file is not None and file.is_relative_to(LIBRARY) and not _package_of(str(file))
    return file.stem if file is not None and is_own else ""


def _package_of(file: str) -> str:
    """The installed package that a file is of, if it is of one."""
    parts = Path(file).parts
    return next((name for folder, name in pairwise(parts) if folder in INSTALLED), "")
