"""`@shape_checked` itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from typed_einsum.annotations import AnyHint, Hint, describe
from typed_einsum.annotations.judging import asks_jaxtyping
from typed_einsum.checked.classes import checked_class
from typed_einsum.checked.signature import CheckedSignature
from typed_einsum.checked.solved import Solved
from typed_einsum.checked.unchecked import uses_views
from typed_einsum.checked.wrapper import wrapper_of
from typed_einsum.checked.yields import is_generator, yielded_hint
from typed_einsum.decorate.deferred import deferred
from typed_einsum.decorate.definition import Definition
from typed_einsum.decorate.functions import (
    OWNERS,
    decorated,
    dressed,
    surrounding_names,
    unresolved_error,
)
from typed_einsum.decorate.resolution import Unresolved, resolved_annotations
from typed_einsum.solver.labels import RETURN
from typed_einsum.switch import switch

F = TypeVar("F")


def shape_checked(function: F) -> F:
    """Check the tensors that a function receives and returns against its jaxtyping annotations.

    The verdict on every call is that of `jaxtyped(typechecker=beartype)`, at a fraction of its cost, with a
    message that names the axis, both sizes and where each came from. Parameters that are not tensors are
    checked by beartype. `einsum` and `shaped` in its body share its axis names; the
    functions that it calls do not. Every item that a generator yields is checked.

    On a class, every method with shapes is checked, and the fields of a dataclass, named tuple, typed dict
    or tensorclass are checked against one another when one is made.

    Axes: the names of the annotations; one name has one size in a call, also in the fields of records. A
    method's names may be known to its object, by the annotations of its parameters and buffers, as in
    `weight: Float[Tensor, "c d"]`, and by `self.axis_sizes = {"c": 64}`. An expression such as `h*w` is
    checked as soon as its names have sizes, in arguments too.

    Args:
        function: a function, a method, or a class.

    Returns: the class itself, or the function, wrapped; name, docstring, signature and annotations are kept.
    `.source` of a function is the source of its generated checks.

    Raises: at definition `SignatureError` (TE505, TE506); in a call `ShapeError` (TE2xx), `DtypeError`
    (TE301, TE304, TE305) and `ArgumentError` (TE406, TE407, TE409).

    Cost: annotations are read once. In a call, generated code compares the axes of each tensor, a few
    integers, and runs no operation of torch.

    Source: the annotations and their meaning are jaxtyping's.

    Examples:
        >>> import torch
        >>> from jaxtyping import Float
        >>> from torch import Tensor
        >>> from typed_einsum import shape_checked
        >>> @shape_checked
        ... def project(x: Float[Tensor, "b c"], w: Float[Tensor, "c d"]) -> Float[Tensor, "b d"]:
        ...     return x @ w
        >>> project(torch.randn(2, 3), torch.randn(3, 5)).shape
        torch.Size([2, 5])
        >>> from dataclasses import dataclass
        >>> @shape_checked
        ... @dataclass
        ... class Batch:
        ...     x: Float[Tensor, "b t c"]
        ...     mask: Float[Tensor, "b t"]
        >>> Batch(torch.randn(2, 3, 5), torch.ones(2, 3)).x.shape
        torch.Size([2, 3, 5])
    """
    names = surrounding_names()
    if isinstance(function, type):
        wrapped: Any = checked_class(function, names, lambda method: _wrapped(method, names))
    else:
        wrapped = _wrapped(function, names)
    checked: F = wrapped
    return checked


def _wrapped(target: Any, names: Mapping[str, Any]) -> Any:
    return decorated(target, lambda inner: _decorate(inner, names), "shape_checked")


def _decorate(function: Callable[..., Any], names: Mapping[str, Any]) -> Callable[..., Any]:
    off = switch.off_for_good and not uses_views(function)
    if off or getattr(function, "__no_type_check__", False):
        return function
    annotations = resolved_annotations(function, names)
    if not any(isinstance(annotation, Unresolved) for annotation in annotations.values()):
        return checked_as(function, annotations)
    later: Callable[..., Any] = deferred(function, lambda: checked_as(function, _required(function, names)))
    later.source = None  # type: ignore[attr-defined]
    return later


def _required(function: Callable[..., Any], names: Mapping[str, Any]) -> Mapping[str, Any]:
    """The annotations, now that they are needed; one that holds a shape must resolve."""
    annotations = resolved_annotations(function, names)
    for name, annotation in _shapes_in(annotations).items():
        raise unresolved_error(function, name, annotation)
    return annotations


def _shapes_in(annotations: Mapping[str, Any]) -> dict[str, Unresolved]:
    """String annotations that hold a shape and do not resolve; others are left unchecked, as in jaxtyping."""
    return {
        name: annotation
        for name, annotation in annotations.items()
        if isinstance(annotation, Unresolved) and annotation.looks_like_tensor()
    }


def checked_as(function: Callable[..., Any], annotations: Mapping[str, Any]) -> Callable[..., Any]:
    """A function whose calls are checked, as if it had these annotations."""
    checked = _read(function, annotations)
    solved = Solved(checked, asks_jaxtyping(function))
    wrapper, source = wrapper_of(checked, solved)
    definition = Definition(lambda: outside, checked)
    outside: Callable[..., Any] = dressed(wrapper, function, definition, source=source)
    solved.outside = outside
    return outside


def _read(function: Callable[..., Any], annotations: Mapping[str, Any]) -> CheckedSignature:
    """The signature, with every hint."""
    signature = inspect.signature(function)
    known = {name: hint for name, hint in annotations.items() if not isinstance(hint, Unresolved)}
    hints = {name: describe(known.get(name, Any)) for name in signature.parameters}
    result: Hint = AnyHint()
    if _returns_its_own(function):
        returned = known.get(RETURN, Any)
        result = yielded_hint(returned) if is_generator(function) else describe(returned)
    first = next(iter(signature.parameters), None)
    owner = first if first in OWNERS and isinstance(hints[first], AnyHint) else None
    return CheckedSignature(function, signature, known, hints, result, owner)


def _returns_its_own(function: Callable[..., Any]) -> bool:
    """Whether the annotated result is that of the function itself.

    Under another decorator the annotations are those of the author's function: with `@contextmanager` they
    describe a generator, and the decorated function returns something else.
    """
    written = inspect.unwrap(function)
    kinds = (inspect.isgeneratorfunction, inspect.isasyncgenfunction, inspect.iscoroutinefunction)
    return all(kind(written) == kind(function) for kind in kinds)
