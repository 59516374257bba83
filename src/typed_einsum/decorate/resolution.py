"""Annotations as objects: strings are resolved with the names that their function sees."""

from __future__ import annotations

import ast
import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

REMEMBERED = "__typed_einsum_fields__"
"""The attribute of a decorated class with the annotations that need the names around it."""


GENERIC = {
    *("Annotated", "Callable", "DefaultDict", "Dict", "Generator", "Literal", "Mapping", "MutableMapping"),
    *("Optional", "OrderedDict", "Tuple", "Type", "Union", "defaultdict", "dict", "tuple", "type"),
}
"""Types of Python that take texts: names of classes, or values."""


@dataclass(frozen=True)
class Unresolved:
    """A string annotation whose names are not (yet) known."""

    text: str
    reason: str

    def looks_like_tensor(self) -> bool:
        """Whether it holds a shape text, as in `Float[Tensor, "b c"]`."""
        try:
            tree = ast.parse(self.text, mode="eval")
        except SyntaxError:
            return False
        subscripts = [node for node in ast.walk(tree) if isinstance(node, ast.Subscript)]
        subscripts = [each for each in subscripts if ast.unparse(each.value).split(".")[-1] not in GENERIC]
        slices = [node.slice.elts for node in subscripts if isinstance(node.slice, ast.Tuple)]
        return any(isinstance(e, ast.Constant) and isinstance(e.value, str) for s in slices for e in s)


def resolved_annotations(function: Callable[..., Any], local_names: Mapping[str, Any]) -> dict[str, Any]:
    """The annotations of a function as objects; `Unresolved` stands for a string that does not resolve."""
    written = inspect.unwrap(function)  # below other decorators, whose own globals do not know these names
    globals_ = {**getattr(written, "__globals__", {}), **_closure(written)}
    return {
        name: _resolved(annotation, globals_, local_names)
        for name, annotation in _raw_annotations(function).items()
    }


def resolved_fields(kind: type) -> dict[str, Any]:
    """The annotations of a class and of those that it inherits from, as objects."""
    return {
        name: annotation
        for base in reversed(kind.__mro__)
        for name, annotation in (_own_fields(base, {}) | vars(base).get(REMEMBERED, {})).items()
    }


def remember_fields(kind: type, local_names: Mapping[str, Any]) -> None:
    """Resolve the annotations of a class that need the names around it, which are known only now."""
    now = _own_fields(kind, local_names)
    later = _own_fields(kind, {})
    found = {
        name: annotation
        for name, annotation in now.items()
        if isinstance(later[name], Unresolved) and not isinstance(annotation, Unresolved)
    }
    if found:
        setattr(kind, REMEMBERED, found)


def _own_fields(kind: type, local_names: Mapping[str, Any]) -> dict[str, Any]:
    globals_ = dict(vars(sys.modules.get(kind.__module__, typing)))
    names = {**local_names, kind.__name__: kind, **vars(kind)}
    return {
        name: _resolved(annotation, globals_, names) for name, annotation in _raw_annotations(kind).items()
    }


def _raw_annotations(written: Any) -> dict[str, Any]:
    try:
        own = vars(written) if isinstance(written, type) else {}
        if own and "__annotate_func__" not in own:  # a class without annotations shows those of its base
            return dict(own.get("__annotations__", {}))
        return dict(getattr(written, "__annotations__", {}))
    except NameError:  # Python 3.14 computes annotations when asked for them
        import annotationlib  # type: ignore[import-not-found, unused-ignore]

        return dict(annotationlib.get_annotations(written, format=annotationlib.Format.FORWARDREF))


def _closure(function: Callable[..., Any]) -> dict[str, Any]:
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    cells = getattr(function, "__closure__", None) or ()
    values = {}
    for name, cell in zip(names, cells, strict=False):
        try:
            values[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    return values


def _resolved(annotation: Any, globals_: dict[str, Any], local_names: Mapping[str, Any]) -> Any:
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if not isinstance(annotation, str):
        return annotation

    def carrier() -> None: ...

    carrier.__annotations__ = {"value": annotation}
    try:
        return typing.get_type_hints(carrier, globals_, dict(local_names), include_extras=True)["value"]
    except Exception as error:  # the text is the user's: whatever it raises, it does not resolve
        return Unresolved(annotation, f"{type(error).__name__}: {error}")
