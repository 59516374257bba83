"""The arguments of a call that has just begun, as its frame holds them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from inspect import CO_VARARGS, CO_VARKEYWORDS
from types import CodeType, FrameType
from typing import Any

from typed_einsum.testing.observe.records import Json
from typed_einsum.testing.observe.values import as_json


def arguments_of(code: CodeType, frame: FrameType) -> dict[str, Any]:
    """The arguments of a call that has just begun, by name."""
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & CO_VARARGS) + bool(code.co_flags & CO_VARKEYWORDS)
    values = frame.f_locals
    return {name: values[name] for name in _in_order(code, count) if name in values}


def _in_order(code: CodeType, count: int) -> list[str]:
    """The names of parameters as a signature has them: `*args` before those that follow it."""
    names = list(code.co_varnames[:count])
    if code.co_flags & CO_VARARGS:
        stars = names.pop(code.co_argcount + code.co_kwonlyargcount)
        names.insert(code.co_argcount, stars)
    return names


def built_with(code: CodeType, arguments: Mapping[str, Any]) -> tuple[str, dict[str, Json]] | None:
    """The class that a constructor builds, and its arguments; None for those that JSON cannot hold."""
    kind = type(next(iter(arguments.values())))
    if not builds(kind, code):
        return None
    try:
        return f"{kind.__module__}:{kind.__qualname__}", dict(given(code, arguments))
    except TypeError:
        return None


def builds(kind: type, code: CodeType) -> bool:
    """Whether code is the constructor of a class itself, not one that it calls."""
    own = next(vars(base)["__init__"] for base in kind.__mro__ if "__init__" in vars(base))
    return getattr(inspect.unwrap(own), "__code__", None) is code


def given(code: CodeType, arguments: Mapping[str, Any]) -> Iterator[tuple[str, Json]]:
    """The arguments of a constructor by name. Raises `TypeError` where JSON cannot hold them."""
    has_stars = code.co_flags & CO_VARARGS
    stars = code.co_varnames[code.co_argcount + code.co_kwonlyargcount] if has_stars else None
    names = list(arguments)
    for name in names[1:]:
        value = arguments[name]
        if name == stars:
            if value:
                raise TypeError("arguments without names")
        elif code.co_flags & CO_VARKEYWORDS and name == names[-1]:
            yield from as_json(value).items()
        else:
            yield name, as_json(value)
