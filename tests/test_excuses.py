"""Which exceptions are not known to be a fault of a function's shapes."""

from __future__ import annotations

import os
from collections.abc import Callable
from urllib.error import URLError

import pytest
import torch
from packaging.version import Version

from typed_einsum.testing.running.excuses import excuse_of


def raising(error: BaseException) -> Callable[[], None]:
    def raises() -> None:
        raise error

    return raises


def missing() -> None:
    os.no_such_function()  # type: ignore[attr-defined]


def unknown() -> None:
    None.no_such_method()  # type: ignore[attr-defined]


def mismatched() -> None:
    torch.ones(2, 3) @ torch.ones(5, 7)


NOTHING_OF_SHAPES = "it raised {}, which says nothing of shapes"
REFUSES = "it refuses what was made up for it: {}"

EXCUSED = [
    (raising(FileNotFoundError("weights.bin")), NOTHING_OF_SHAPES.format("FileNotFoundError: weights.bin")),
    (raising(URLError("no route")), NOTHING_OF_SHAPES.format("URLError: <urlopen error no route>")),
    (raising(ModuleNotFoundError("bpy")), NOTHING_OF_SHAPES.format("ModuleNotFoundError: bpy")),
    (raising(SystemExit(3)), NOTHING_OF_SHAPES.format("SystemExit: 3")),
    (
        raising(RuntimeError("Found no NVIDIA driver")),
        NOTHING_OF_SHAPES.format("RuntimeError: Found no NVIDIA driver"),
    ),
    (
        missing,
        NOTHING_OF_SHAPES.format("AttributeError: module 'os' has no attribute 'no_such_function'"),
    ),
    (raising(AssertionError()), REFUSES.format("AssertionError in `raise error`")),
    (raising(NotImplementedError("int8")), REFUSES.format("NotImplementedError: int8")),
    (
        lambda: Version("eleven"),
        "packaging refuses what was made up for it: InvalidVersion: Invalid version: 'eleven'",
    ),
]

NOT_EXCUSED = [
    mismatched,
    unknown,
    raising(RuntimeError("shape '[2, 3]' is invalid for input of size 35")),
    raising(IndexError("list index out of range")),
    raising(TypeError("unsupported operand")),
]


def excuse(function: Callable[[], object]) -> str:
    try:
        function()
    except BaseException as error:
        return excuse_of(error, function)
    raise AssertionError("it raises nothing")


@pytest.mark.parametrize(("function", "said"), EXCUSED)
def test_what_says_nothing_of_shapes_is_excused(function: Callable[[], object], said: str) -> None:
    assert excuse(function) == said


@pytest.mark.parametrize("function", NOT_EXCUSED)
def test_what_may_be_about_shapes_is_not(function: Callable[[], object]) -> None:
    assert excuse(function) == ""
