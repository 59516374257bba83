"""A function that can be judged: how to get at it, and what makes the object that it is called on."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from typed_einsum.annotations import shown
from typed_einsum.annotations.hints import is_bearable
from typed_einsum.checked import shape_checked
from typed_einsum.decorate.definition import definition_of
from typed_einsum.decorate.resolution import resolved_annotations
from typed_einsum.diagnostics import Place
from typed_einsum.errors import TypedEinsumError
from typed_einsum.locations import definition_place, shown_path
from typed_einsum.testing.process.outcome import first_line


class NotJudged(Exception):
    """A function that cannot be judged; the text is the reason."""


@dataclass(frozen=True)
class Target:
    """A function to be judged; `owner` makes the object that it is called on, on a device.

    `kind` is the class that defines it or that it is listed for, if any. `unjudged` is the reason why nothing
    can run it, or empty. Of a function that is `unreachable`, `at` is the place.
    """

    name: str
    function: Callable[..., Any]
    owner: Callable[[str], Any] | None = None
    kind: type | None = None
    unjudged: str = ""
    at: Place | None = None

    @property
    def first_line(self) -> int:
        """Where the function begins, decorators included."""
        if self.at is not None:
            return self.at.line
        code = _code(self.function)
        return 1 if code is None else int(code.co_firstlineno)

    def is_from(self, module: ModuleType) -> bool:
        """Whether the function is written in the file of a module."""
        code, file = _code(self.function), vars(module).get("__file__")
        if code is None or not isinstance(file, str):
            return False
        same_name = os.path.basename(code.co_filename) == os.path.basename(file)
        if not os.path.exists(file):  # a file may delete itself
            return str(code.co_filename) == str(file)
        return same_name and os.path.samefile(code.co_filename, file)

    def place(self, file: str) -> Place:
        """The line of the function's `def`; `file` is where it was found."""
        if self.at is not None:
            return Place(shown_path(self.at.file), self.at.line)
        return definition_place(self.function) or Place(file, self.first_line)

    def checked(self) -> Callable[..., Any]:
        """The function with its checks; one whose annotations were to be read later is read now.

        Raises `NotJudged` with the reason why there are none, and what is wrong with the annotations.
        """
        if self.unjudged:
            raise NotJudged(self.unjudged)
        definition = definition_of(self.function)
        if definition is not None:
            return definition.resolve()
        try:
            return shape_checked(self.function)
        except TypedEinsumError:
            raise
        except Exception as error:  # beartype refuses some annotations that shapes have nothing to do with
            raise NotJudged(_why_uncheckable(self.function) or first_line(error)) from error


def _why_uncheckable(function: Callable[..., Any]) -> str:
    """Which annotation beartype cannot check, such as a Protocol without `@runtime_checkable`."""
    for name, annotation in resolved_annotations(function, {}).items():
        try:
            is_bearable(None, annotation)
        except Exception:  # of many types, all of them refusals of the annotation
            what = "its result" if name == "return" else f"`{name}`"
            return f"beartype cannot check {what}, a `{shown(annotation)}`"
    return ""


def unreachable() -> None:
    """Stands for a function that the file defines and that nothing outside can get at."""


def is_checked(value: Any) -> bool:
    """Whether a decorator of this library made the function."""
    return definition_of(value) is not None


def _code(function: Any) -> Any:
    return getattr(inspect.unwrap(function), "__code__", None)
