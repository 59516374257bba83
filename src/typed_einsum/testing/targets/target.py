"""What of a module can be checked: typed einsums, checked functions and methods, and modules to be built."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from torch import nn

from typed_einsum.annotations import mentions_tensors
from typed_einsum.checked import shape_checked
from typed_einsum.decorate.definition import definition_of
from typed_einsum.decorate.resolution import resolved_annotations
from typed_einsum.diagnostics import Place
from typed_einsum.locations import definition_place
from typed_einsum.testing.inputs.constructors import build


@dataclass(frozen=True)
class Target:
    """A function to be checked; `owner` makes the object that it is called on, on a device."""

    name: str
    function: Callable[..., Any]
    owner: Callable[[str], Any] | None = None

    @property
    def first_line(self) -> int:
        """Where the function begins, decorators included."""
        code = getattr(inspect.unwrap(self.function), "__code__", None)
        return 1 if code is None else int(code.co_firstlineno)

    def place(self, file: str) -> Place:
        """The line of the function's `def`; `file` is where it was found."""
        return definition_place(self.function) or Place(file, self.first_line)

    def resolved(self) -> Callable[..., Any]:
        """The function; one whose annotations were to be read later is read now. Raises what is wrong."""
        definition = definition_of(self.function)
        return self.function if definition is None else definition.resolve()


def targets(module: ModuleType) -> list[Target]:
    """Everything in a module that its annotations say how to run, in the order of the file."""
    values: dict[int, tuple[str, Any]] = {}
    for name, value in vars(module).items():
        values.setdefault(id(value), (name, value))  # under two names it is still one function
    found = [target for name, value in values.values() for target in _targets_of(module, name, value)]
    return sorted(found, key=lambda target: target.first_line)


def _targets_of(module: ModuleType, name: str, value: Any) -> Iterator[Target]:
    if isinstance(value, type):
        if value.__module__ == module.__name__:
            yield from _methods(value, value.__name__, lambda device: build(value, device))
    elif isinstance(value, nn.Module):
        yield from _methods(type(value), name, lambda device: value)
    elif is_checked(value) and value.__module__ == module.__name__:
        yield Target(name, value)


def is_checked(value: Any) -> bool:
    """Whether a decorator of this library made the function."""
    return definition_of(value) is not None


def _methods(kind: type, name: str, owner: Callable[[str], Any]) -> Iterator[Target]:
    attributes = {name: value for base in reversed(kind.__mro__) for name, value in vars(base).items()}
    for attribute, value in attributes.items():
        match value:
            case staticmethod() if is_checked(value.__func__):
                yield Target(f"{name}.{attribute}", value.__func__)
            case classmethod() if is_checked(value.__func__):
                yield Target(f"{name}.{attribute}", value.__func__, lambda device: kind)
            case property() if is_checked(value.fget):
                assert value.fget is not None
                yield Target(f"{name}.{attribute}", value.fget, owner)
            case _ if is_checked(value):
                yield Target(f"{name}.{attribute}", value, owner)
            case _ if attribute == "forward" and issubclass(kind, nn.Module) and _has_tensors(value):
                yield Target(f"{name}.forward", shape_checked(value), owner)


def _has_tensors(function: Any) -> bool:
    if not inspect.isfunction(function):
        return False
    return any(mentions_tensors(annotation) for annotation in resolved_annotations(function, {}).values())
