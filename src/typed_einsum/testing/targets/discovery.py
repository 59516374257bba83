"""What of a module can be judged: every function and method with shape annotations, decorated or not."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from types import ModuleType
from typing import Any

from torch import nn

from typed_einsum.annotations import mentions_tensors
from typed_einsum.annotations.arrays import ArrayHint, array_of
from typed_einsum.decorate.resolution import Unresolved, resolved_annotations
from typed_einsum.diagnostics import Place
from typed_einsum.testing.inputs.constructors import build
from typed_einsum.testing.inputs.recipe import CannotMake
from typed_einsum.testing.targets.target import Target, is_checked, unreachable
from typed_einsum.testing.targets.written import WrittenFunction, written_functions


@dataclass(frozen=True)
class Discovery:
    """The targets of a module in the order of its file, those included that nothing can run.

    `functions` counts what the file defines, `annotated` those of them that have shape annotations.
    """

    targets: tuple[Target, ...]
    functions: int
    annotated: int


def discover(module: ModuleType) -> Discovery:
    """Everything in a module with shape annotations."""
    written = written_functions(module)
    found = list(_without_stubs(_of_module(module), module, written))
    lines = {target.first_line for target in found if target.is_from(module)}
    left_out = [each for each in written if each.has_shapes and each.line not in lines]
    found += [_left_out(each, module) for each in left_out]
    annotated = sum(each.line in lines for each in written) + len(left_out)
    return Discovery(tuple(sorted(found, key=lambda target: target.first_line)), len(written), annotated)


def _without_stubs(
    found: Iterable[Target], module: ModuleType, written: Iterable[WrittenFunction]
) -> Iterator[Target]:
    """The targets; those without a body of their own say that there is nothing to run."""
    stubs = {each.line for each in written if each.is_stub}
    for target in found:
        is_stub = target.is_from(module) and target.first_line in stubs
        if is_stub and not target.unjudged and not is_checked(target.function):
            yield replace(target, unjudged="it has no body to run")
        else:
            yield target


def _left_out(function: WrittenFunction, module: ModuleType) -> Target:
    """A function that the file defines and that cannot be reached after its import."""
    if function.around:
        reason = f"it is defined inside `{function.around}`, and only a call of that makes it"
    else:
        reason = "after the import its name stands for something else, or for nothing"
    file = str(module.__file__)
    return Target(function.name, unreachable, unjudged=reason, at=Place(file, function.line))


def _of_module(module: ModuleType) -> Iterator[Target]:
    values: dict[int, tuple[str, Any]] = {}
    for name, value in list(vars(module).items()):
        values.setdefault(id(value), (name, value))  # under two names it is still one function
    for name, value in values.values():
        try:
            yield from list(_of_value(module, name, value))
        except Exception:  # a value may raise whatever it is asked, such as one that imports when it is used
            continue


def _of_value(module: ModuleType, name: str, value: Any) -> Iterator[Target]:
    if isinstance(value, type):
        if value.__module__ == module.__name__:
            yield from _of_class(value, value.__name__)
    elif isinstance(value, nn.Module):
        yield from _inherited(type(value), name, partial(_made, value), type(value).__mro__)
    elif (function := _function(value)) is not None and function.__module__ == module.__name__:
        yield Target(name, function)


def _of_class(kind: type, name: str) -> Iterator[Target]:
    """The methods that a class defines, those of the classes inside it, and what it inherits."""
    for attribute, value in list(vars(kind).items()):
        if isinstance(value, type) and value.__qualname__ == f"{kind.__qualname__}.{attribute}":
            yield from _of_class(value, f"{name}.{attribute}")
        elif (target := _method(kind, f"{name}.{attribute}", value)) is not None:
            yield target
    yield from _inherited(kind, name, partial(build, kind), kind.__mro__[1:], kind)


def _method(kind: type, name: str, value: Any) -> Target | None:
    """A method as a target; a static method needs no object, and a class method needs its class."""
    match value:
        case staticmethod():
            function, owner = _function(value.__func__), None
        case classmethod():
            function, owner = _function(value.__func__), partial(_made, kind)
        case property():
            function, owner = _function(value.fget), partial(build, kind)
        case cached_property():
            function, owner = _function(value.func), partial(build, kind)
        case _:
            function = _function(value)
            is_new = name.endswith(".__init__")
            owner = partial(_blank, kind) if is_new else partial(build, kind, array=_own_array(function))
    if function is None or _is_made_by_dataclasses(function):
        return None
    unjudged = ""
    if getattr(kind, "_is_protocol", False):
        unjudged = f"`{kind.__name__}` is a Protocol: its methods have no bodies to run"
    elif getattr(function, "__isabstractmethod__", False):
        unjudged = "it is abstract"
    return Target(name, function, owner, kind, unjudged)


def _own_array(function: Any) -> ArrayHint | None:
    """What a method says of the shape of its object, as in `self: Float[Operator, "m n"]`."""
    return array_of(resolved_annotations(function, {}).get("self")) if function is not None else None


def _is_made_by_dataclasses(function: Any) -> bool:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return code is not None and code.co_filename == "<string>"


def _inherited(
    kind: type, name: str, owner: Callable[[str], Any], bases: Iterable[type], listed: type | None = None
) -> Iterator[Target]:
    """What objects of a class have from others: methods that are checked, and the `forward` of a module."""
    seen = set() if listed is None else set(vars(listed))
    for base in bases:
        for attribute, value in list(vars(base).items()):
            if attribute in seen or base in (object, nn.Module):
                continue
            seen.add(attribute)
            target = _method(kind, f"{name}.{attribute}", value)
            is_forward = attribute == "forward" and issubclass(kind, nn.Module)
            if target is not None and (is_forward or is_checked(target.function)):
                made = target.owner if target.owner is None or isinstance(value, classmethod) else owner
                yield replace(target, owner=made, kind=listed)


def _made(made: Any, device: str) -> Any:
    """An object of the module itself, on whatever device it is."""
    return made


def _blank(kind: type, device: str) -> Any:
    """An object whose constructor has not run: what `__init__` is called on."""
    try:
        blank: Any = kind.__new__(kind)  # type: ignore[call-overload]
        if isinstance(blank, nn.Module):
            nn.Module.__init__(blank)  # torch asks for the parameters of a module before it has any
    except Exception as error:  # `__new__` is the user's
        raise CannotMake(f"cannot make an empty {kind.__name__}: {error}") from error
    return blank


def _function(value: Any) -> Any:
    """The function behind a value, if it has shape annotations; None if there is none.

    A context manager is judged as the generator that it is written as: its annotation says that.
    """
    if is_checked(value):
        return value
    if inspect.isfunction(value) and value.__code__.co_filename == contextlib.__file__:
        value = inspect.unwrap(value)
    elif not inspect.isfunction(value):
        inner = inspect.getattr_static(value, "__wrapped__", None)  # as `functools.lru_cache` keeps it
        value = inner if inspect.isfunction(inner) else value
    if not inspect.isfunction(value):
        return None
    return value if _has_shapes(value) else None


def _has_shapes(function: Any) -> bool:
    annotations = resolved_annotations(function, {}).values()
    return any(
        each.looks_like_tensor() if isinstance(each, Unresolved) else mentions_tensors(each)
        for each in annotations
    )
