"""Checked classes: methods with shapes, and records whose fields are checked when one is made."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, is_typeddict

from torch import nn

from typed_einsum.annotations import describe, tensors_in
from typed_einsum.annotations.records import is_record
from typed_einsum.checked.records import NewRecords
from typed_einsum.decorate.class_source import remember_source
from typed_einsum.decorate.definition import definition_of
from typed_einsum.decorate.resolution import Unresolved, remember_fields, resolved_annotations
from typed_einsum.generated.compile import build
from typed_einsum.generated.guards import indent
from typed_einsum.switch import switch

Decorate = Callable[[Any], Any]


def checked_class(kind: type, names: Mapping[str, Any], decorate: Decorate) -> type:
    """Check the methods of a class that have shapes, and the fields of a record when one is made."""
    if switch.off_for_good or getattr(kind, "__no_type_check__", False):
        return kind
    remember_source(kind)
    remember_fields(kind, names)
    for name, value in list(vars(kind).items()):
        if _is_written_in(kind, value) and _has_shapes(value, names):
            setattr(kind, name, decorate(value))
    if not issubclass(kind, nn.Module):
        _check_construction(kind)
    return kind


def _is_written_in(kind: type, method: Any) -> bool:
    """Whether a method is written in the body of a class, and not made by another decorator."""
    function = inspect.unwrap(_function_in(method))
    code = getattr(function, "__code__", None)
    is_written = code is not None and code.co_filename != "<string>"
    return is_written and getattr(function, "__qualname__", "").startswith(f"{kind.__qualname__}.")


def _function_in(method: Any) -> Any:
    if isinstance(method, property):
        return method.fget
    return getattr(method, "__func__", method)


def _has_shapes(method: Any, names: Mapping[str, Any]) -> bool:
    function = _function_in(method)
    if not inspect.isfunction(function) or definition_of(function) is not None:
        return False
    annotations = resolved_annotations(function, names).values()
    return any(map(_has_shape, annotations))


def _has_shape(annotation: Any) -> bool:
    if isinstance(annotation, Unresolved):
        return annotation.looks_like_tensor()
    return any(True for _ in tensors_in(describe(annotation)))


def _check_construction(kind: type) -> None:
    """Have the fields of each new record checked, and those of what `@dataclass` above makes of a class."""
    new = NewRecords()
    new.learn(kind)
    if is_typeddict(kind):
        _check_calls(kind, new)
    elif issubclass(kind, tuple) and hasattr(kind, "_fields"):
        kind.__new__ = _checking_result(kind.__new__, new)  # type: ignore[method-assign]
        kind._make = classmethod(_checking_result(kind._make.__func__, new))  # type: ignore[attr-defined]
    elif is_record(kind) or "__init__" in vars(kind):
        kind.__init__ = _checking_object(kind.__init__, new)  # type: ignore[misc]
    else:  # a dataclass calls it
        after = getattr(kind, "__post_init__", _nothing)
        kind.__post_init__ = _checking_object(after, new)  # type: ignore[attr-defined]


def _nothing(_self: Any, *_arguments: Any) -> None: ...


def _check_calls(kind: type, new: NewRecords) -> None:
    """A typed dict makes plain dicts, so that its own class is all that a call passes through."""

    def call(self: type, *args: Any, **kwargs: Any) -> Any:
        made = dict(*args, **kwargs)
        return new.checked(self, made) if self is kind else made

    meta = type(kind)
    kind.__class__ = type(meta.__name__, (meta,), {"__call__": call})


def _checking_object(make: Callable[..., Any], new: NewRecords) -> Callable[..., Any]:
    """An `__init__` or `__post_init__` that checks what it has made."""
    head = "def checking(self, *args, **kwargs):"
    return _generated(make, new, head, "make(self, *args, **kwargs)", "check(type(self), self)")


def _checking_result(make: Callable[..., Any], new: NewRecords) -> Callable[..., Any]:
    """A `__new__` or `_make` that checks what it returns."""
    head = "def checking(kind, *args, **kwargs):"
    return _generated(make, new, head, "return check(kind, make(kind, *args, **kwargs))")


def _generated(make: Callable[..., Any], new: NewRecords, head: str, *lines: str) -> Callable[..., Any]:
    """Generated, since Dynamo finds what the globals of a constructor hold, and not what its cells do."""
    function, _ = build("checking", [head, *indent(lines)], {"make": make, "check": new.checked})
    return functools.wraps(make)(function)
