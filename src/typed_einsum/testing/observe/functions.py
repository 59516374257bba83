"""The function that code belongs to: what runs is code, what has annotations is a function."""

from __future__ import annotations

import functools
import gc
import inspect
from collections.abc import Callable, Iterator, Mapping
from time import perf_counter
from types import CodeType, FunctionType
from typing import Any

from typed_einsum.annotations import mentions_tensors
from typed_einsum.decorate.resolution import Unresolved, resolved_annotations

DEEPEST = 4
"""How many wrappers a function may have."""

SEARCHES = 2.0
"""Seconds that looking through all objects may take in a process."""

_searched = 0.0


def function_of(
    code: CodeType, names: Mapping[str, Any], arguments: Mapping[str, Any], *, everywhere: bool
) -> FunctionType | None:
    """The function with this code: found by its name, on the object that it is called on, or among all."""
    for value in _candidates(code, names, arguments):
        for function in _unwrapped(value):
            if _is_of(function, code):
                return function
    return _among_all(code) if everywhere else None


def is_annotated(function: Callable[..., Any]) -> bool:
    """Whether some annotation of a function says a shape."""
    return any(
        annotation.looks_like_tensor() if isinstance(annotation, Unresolved) else mentions_tensors(annotation)
        for annotation in resolved_annotations(function, {}).values()
    )


def _candidates(code: CodeType, names: Mapping[str, Any], arguments: Mapping[str, Any]) -> Iterator[Any]:
    first = next(iter(arguments.values()), None)
    for kind in (*type(first).__mro__, *(first.__mro__ if isinstance(first, type) else ())):
        if code.co_name in vars(kind):
            yield vars(kind)[code.co_name]
    value: Any = None
    for depth, part in enumerate(code.co_qualname.split(".")):
        value = names.get(part) if depth == 0 else inspect.getattr_static(value, part, None)
        if value is None:
            return
    yield value


def _unwrapped(value: Any, depth: int = 0) -> Iterator[FunctionType]:
    """The functions in a value: below decorators, in descriptors and in what wrappers close over."""
    if depth > DEEPEST:
        return
    inner: list[Any] = []
    match value:
        case FunctionType():
            yield value
            inner = [getattr(value, "__wrapped__", None), *_closed_over(value)]
        case staticmethod() | classmethod():
            inner = [value.__func__]
        case property():
            inner = [value.fget, value.fset]
        case functools.partial() | functools.cached_property() | functools.partialmethod():
            inner = [value.func]
        case _:
            inner = [inspect.getattr_static(value, "__wrapped__", None)]
    for each in inner:
        if each is not None:
            yield from _unwrapped(each, depth + 1)


def _closed_over(function: FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            value = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
        if isinstance(value, FunctionType | staticmethod | classmethod | functools.partial):
            yield value


def _is_of(function: FunctionType, code: CodeType) -> bool:
    """Whether a function has this code, or the code that torch.compile has made of it."""
    own = function.__code__
    return own is code or (own.co_filename, own.co_firstlineno, own.co_name) == (
        code.co_filename,
        code.co_firstlineno,
        code.co_name,
    )


def _among_all(code: CodeType) -> FunctionType | None:
    """A function found through the garbage collector: one that only a closure or a registry holds."""
    global _searched
    if _searched > SEARCHES:
        return None
    begun = perf_counter()
    found = next((each for each in gc.get_referrers(code) if isinstance(each, FunctionType)), None)
    _searched += perf_counter() - begun
    return found
