"""`@shape_checked` itself: choose between generated checks, the solver, and jaxtyping with beartype."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from typed_einsum.annotations import (
    VERDICTS,
    AnyHint,
    Hint,
    NotDescribed,
    by_jaxtyping,
    needs_jaxtyping,
    read_hint,
)
from typed_einsum.checked.judge import ask, passed_through, verdict
from typed_einsum.checked.signature import CheckedSignature
from typed_einsum.checked.source import straight_wrapper
from typed_einsum.decorate.deferred import deferred
from typed_einsum.decorate.definition import Definition
from typed_einsum.decorate.functions import (
    MISSING,
    OWNERS,
    decorated,
    dressed,
    surrounding_names,
    unresolved_error,
)
from typed_einsum.decorate.resolution import Unresolved, resolved_annotations
from typed_einsum.generated.checks import NotStraight
from typed_einsum.locations import RETURN
from typed_einsum.messages import Held
from typed_einsum.scopes.scope import Scope, bindings_of, names_of, running, running_async
from typed_einsum.switch import switch

F = TypeVar("F")


def shape_checked(function: F) -> F:
    """Check the tensors that a function receives and returns against its jaxtyping annotations.

    The verdict on every call is that of `jaxtyped(typechecker=beartype)`, at a fraction of its cost, with a
    message that names the axis, both sizes and where each came from. Parameters that are not tensors are
    checked by beartype. While the function runs, `einsum` and `shaped` inside it share its axis names.

    Axes: the names of the annotations; one name has one size in a call. A method's names may be known to
    its object: `self.axis_sizes = {"c": 64}` binds `c` in every checked method. An expression such as
    `h*w` is checked as soon as its names have sizes, in arguments too.

    Returns: the function, wrapped; name, docstring, signature and annotations are kept. `.source` is the
    source of its generated checks, or None where the solver checks every call.

    Raises: at definition `SignatureError` (TE505, TE506); in a call `ShapeError` (TE2xx), `DtypeError`
    (TE301, TE304, TE305) and `ArgumentError` (TE406, TE407, TE409).

    Source: the annotations and their meaning are jaxtyping's.

    Examples:
        >>> import torch
        >>> from jaxtyping import Float
        >>> from torch import Tensor
        >>> from typed_einsum import shape_checked
        >>> @shape_checked
        ... def project(x: Float[Tensor, "b c"], weight: Float[Tensor, "c d"]) -> Float[Tensor, "b d"]:
        ...     return x @ weight
        >>> project(torch.randn(2, 3), torch.randn(3, 5)).shape
        torch.Size([2, 5])
    """
    names = surrounding_names()
    wrapped: F = decorated(function, lambda inner: _decorate(inner, names), "shape_checked")
    return wrapped


def _decorate(function: Callable[..., Any], names: Mapping[str, Any]) -> Callable[..., Any]:
    if switch.off_for_good or getattr(function, "__no_type_check__", False):
        return function
    annotations = resolved_annotations(function, names)
    if not any(isinstance(annotation, Unresolved) for annotation in annotations.values()):
        return _checked(function, annotations)
    later: Callable[..., Any] = deferred(function, lambda: _checked(function, _required(function, names)))
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


def _checked(function: Callable[..., Any], annotations: Mapping[str, Any]) -> Callable[..., Any]:
    checked = _read(function, annotations)
    source = None
    wrapper: Callable[..., Any]
    if inspect.iscoroutinefunction(function):
        wrapper = _solved_async(checked)
    elif not checked.complete:
        wrapper = _judged(checked)
    else:
        try:
            wrapper, source = _straight(checked)
        except NotStraight:
            wrapper = _solved(checked)
    definition = Definition(lambda: wrapper, checked)
    outside: Callable[..., Any] = dressed(
        wrapper, function, definition, source=source, shape_signature=checked
    )
    return outside


def _read(function: Callable[..., Any], annotations: Mapping[str, Any]) -> CheckedSignature:
    """The signature with every hint that can be described."""
    signature = inspect.signature(function)
    hints: dict[str, Hint] = {}
    complete = True
    for name in (*signature.parameters, RETURN):
        annotation = annotations.get(name, Any)
        try:
            hints[name] = AnyHint() if isinstance(annotation, Unresolved) else read_hint(annotation)
        except NotDescribed:
            hints[name], complete = AnyHint(), False
    complete = complete and not any(map(needs_jaxtyping, hints.values()))
    result = hints.pop(RETURN)
    first = next(iter(signature.parameters), None)
    owner = first if first in OWNERS and isinstance(hints[first], AnyHint) else None
    return CheckedSignature(function, signature, annotations, hints, result, owner, complete)


def _straight(checked: CheckedSignature) -> tuple[Callable[..., Any], str]:
    """Generated checks, with the solver behind them. Raises `NotStraight`."""

    def surprised(values: tuple[Any, ...]) -> Any:
        """Goes on with the arguments as the generated wrapper got them, one value for each parameter."""
        return _solve(checked, _bound(checked, values))

    def unexpected(result: Any, scope: tuple[Any, ...]) -> Any:
        _examine_result(checked, result, Scope(*scope), ())
        return result

    return straight_wrapper(checked, surprised, unexpected)


def _bound(checked: CheckedSignature, values: tuple[Any, ...]) -> inspect.BoundArguments:
    given = {name: value for name, value in checked.named(values).items() if value is not MISSING}
    return checked.bound(given)


def _solved(checked: CheckedSignature) -> Callable[..., Any]:
    """The function with every call checked by the solver."""

    def solved(*args: Any, **kwargs: Any) -> Any:
        return _solve(checked, checked.signature.bind(*args, **kwargs))

    return solved


def _solve(checked: CheckedSignature, bound: inspect.BoundArguments) -> Any:
    if switch.is_off():
        return checked.function(*bound.args, **bound.kwargs)
    scope, waiting = _scope(checked, bound)
    with running(scope):
        result = checked.function(*bound.args, **bound.kwargs)
    _examine_result(checked, result, Scope(*scope), waiting)
    return result


def _solved_async(checked: CheckedSignature) -> Callable[..., Any]:
    """A coroutine function with every call checked by the solver; what it awaits to is its result."""

    async def solved(*args: Any, **kwargs: Any) -> Any:
        if switch.is_off():
            return await checked.function(*args, **kwargs)
        bound = checked.signature.bind(*args, **kwargs)
        scope, waiting = _scope(checked, bound)
        if not checked.complete:
            ask(checked.function, checked.annotations, bound)
        result = await running_async(scope, checked.function(*args, **kwargs))
        if not checked.complete:
            ask(checked.function, checked.annotations, bound, result)
        _examine_result(checked, result, Scope(*scope), waiting)
        return result

    return solved


def _judged(checked: CheckedSignature) -> Callable[..., Any]:
    """A function with annotations that only jaxtyping and beartype can judge; they do, after the solver."""
    judge = by_jaxtyping(checked.function, checked.signature, checked.annotations, checked.function)

    def judged(*args: Any, **kwargs: Any) -> Any:
        bound = checked.signature.bind(*args, **kwargs)
        if switch.is_off():
            return checked.function(*args, **kwargs)
        scope, _ = _scope(checked, bound)
        try:
            with running(scope):
                result = judge(*args, **kwargs)
        except VERDICTS as error:
            if passed_through(checked.function, error):
                raise
            raise verdict(checked.function, error) from None
        _examine_result(checked, result, Scope(*scope), ())
        return result

    return judged


def _scope(checked: CheckedSignature, bound: inspect.BoundArguments) -> tuple[tuple[Any, ...], list[Held]]:
    """The scope of a call whose arguments have been examined, and those that wait for names."""
    bindings, waiting = checked.examine_arguments(bound)
    full = inspect.BoundArguments(bound.signature, OrderedDict(bound.arguments))
    full.apply_defaults()
    return (names_of(bindings), checked, tuple(full.arguments.values()), []), waiting


def _examine_result(checked: CheckedSignature, result: Any, scope: Scope, waiting: Sequence[Held]) -> None:
    checked.examine_result(result, bindings_of(scope), checked.named(scope.arguments), waiting)
