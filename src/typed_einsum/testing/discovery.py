"""What of a module can be checked: typed einsums, checked functions and methods, and modules to be built."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from inspect import Parameter
from types import ModuleType
from typing import Any

import torch
from torch import nn

from typed_einsum.annotations import mentions_tensors
from typed_einsum.checked import shape_checked
from typed_einsum.resolution import resolved_annotations
from typed_einsum.testing.inputs import CannotMake


@dataclass(frozen=True)
class Target:
    """A function to be checked; `owner` makes the object that it is called on."""

    name: str
    function: Callable[..., Any]
    owner: Callable[[], Any] | None = None

    @property
    def line(self) -> int:
        """The line of the function's `def` or of its first decorator."""
        code = getattr(inspect.unwrap(self.function), "__code__", None)
        return 1 if code is None else int(code.co_firstlineno)


def targets(module: ModuleType) -> Iterator[Target]:
    """Everything in a module that its annotations say how to run, in the order of the file."""
    found = [target for name, value in vars(module).items() for target in _targets_of(module, name, value)]
    yield from sorted(found, key=lambda target: target.line)


def _targets_of(module: ModuleType, name: str, value: Any) -> Iterator[Target]:
    if isinstance(value, nn.Module):
        yield from _methods(type(value), name, lambda: value)
    elif getattr(value, "__module__", None) != module.__name__:
        return
    elif isinstance(value, type):
        yield from _methods(value, value.__name__, lambda: build(value))
    elif is_checked(value):
        yield Target(name, resolved(value))


def is_checked(value: Any) -> bool:
    """Whether a decorator of this library made the function."""
    return callable(value) and (hasattr(value, "shape_signature") or hasattr(value, "resolve"))


def resolved(function: Any) -> Any:
    """The function; one whose annotations were to be read later is read now."""
    return function.resolve() if hasattr(function, "resolve") else function


def _methods(kind: type, name: str, owner: Callable[[], Any]) -> Iterator[Target]:
    for attribute, value in vars(kind).items():
        match value:
            case staticmethod() | classmethod() if is_checked(value.__func__):
                bound = (lambda: kind) if isinstance(value, classmethod) else None
                yield Target(f"{name}.{attribute}", resolved(value.__func__), bound)
            case property() if is_checked(value.fget):
                yield Target(f"{name}.{attribute}", resolved(value.fget), owner)
            case _ if is_checked(value):
                yield Target(f"{name}.{attribute}", resolved(value), owner)
            case _ if attribute == "forward" and issubclass(kind, nn.Module) and _has_tensors(value):
                yield Target(f"{name}.forward", shape_checked(value), owner)


def _has_tensors(function: Any) -> bool:
    if not inspect.isfunction(function):
        return False
    return any(mentions_tensors(annotation) for annotation in resolved_annotations(function, {}).values())


def build(kind: type) -> Any:
    """An object of a class, from defaults and guesses. Raises `CannotMake` where there is none."""
    arguments: dict[str, Any] = {}
    widths = iter((48, 72, 120, 168, 264, 312))
    for parameter in list(inspect.signature(kind).parameters.values()):
        if parameter.default is Parameter.empty and parameter.kind not in (
            Parameter.VAR_POSITIONAL,
            Parameter.VAR_KEYWORD,
        ):
            arguments[parameter.name] = _constructor_argument(parameter, kind, widths)
    try:
        with torch.device("meta"):
            return kind(**arguments)
    except Exception as error:  # the constructor is the user's
        listed = ", ".join(f"{name}={value}" for name, value in arguments.items())
        reason = f"{type(error).__name__}: {_first_line(error)}"
        raise CannotMake(f"{kind.__name__}({listed}) raised {reason}") from error


def _constructor_argument(parameter: Parameter, kind: type, widths: Iterator[int]) -> Any:
    """A guess: counts of heads and groups are small, widths are large, unlike, and divisible by them."""
    name, annotation = parameter.name, parameter.annotation
    annotation = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    if annotation == "int":
        small = any(word in name.lower() for word in ("head", "group", "nh", "layers", "depth", "kernel"))
        return 3 if "kernel" in name.lower() else 2 if small else next(widths)
    if annotation in ("float", "bool"):
        return {"float": 0.5, "bool": False}[annotation]
    raise CannotMake(f"its constructor needs `{name}`: {kind.__name__} has no default for it")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0]
