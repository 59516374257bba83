"""Reading jaxtyping's annotations: the only module that touches jaxtyping.

An annotation becomes a hint, a frozen description of what a value may be. What has no description here
(`list[Float[...]]`, trees, two tensor types in one union) raises `NotDescribed`: jaxtyping and beartype
themselves then decide.
"""

from __future__ import annotations

import functools
import inspect
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ForwardRef, Literal, Union, get_args, get_origin

import torch
from jaxtyping import AbstractArray, AnnotationError, TypeCheckError, jaxtyped
from torch import Tensor
from torch.compiler import is_compiling

from typed_einsum.equation.axes import (
    ELLIPSIS,
    Anonymous,
    Axis,
    AxisSyntaxError,
    Expression,
    Variadic,
    is_variadic,
    read_axes,
    spelled,
)
from typed_einsum.equation.expressions import NotArithmetic, read_expression
from typed_einsum.locations import RETURN
from typed_einsum.resolution import Unresolved
from typed_einsum.tensors import DTYPES

VERDICTS = (TypeCheckError, AnnotationError)
"""What jaxtyping raises when a call is not what its annotations say."""


def _is_bearable(value: object, hint: Any) -> bool:
    """Beartype's verdict. It is imported here because that takes longer than all of this package."""
    from beartype.door import is_bearable

    return bool(is_bearable(value, hint))


@dataclass(frozen=True)
class TensorHint:
    """A tensor: `Float[Tensor, "b c"]`. `dtypes` is None where any will do."""

    kind: type[Tensor]
    dtypes: frozenset[torch.dtype] | None
    dtype_name: str
    text: str
    axes: tuple[Axis, ...]

    def __str__(self) -> str:
        return f'{self.dtype_name}[{self.kind.__name__}, "{self.text}"]'


@dataclass(frozen=True)
class PlainHint:
    """An instance of a class that has nothing to do with shapes."""

    kind: type


@dataclass(frozen=True)
class BeartypeHint:
    """A type without tensors in it, which beartype checks."""

    hint: Any

    def accepts(self, value: object) -> bool:
        """Beartype's verdict; while a graph is traced, every value passes, since its checks cannot be."""
        return is_compiling() or _is_bearable(value, self.hint)


@dataclass(frozen=True)
class OptionalHint:
    """A union of one tensor, or one tuple, with types without tensors."""

    inner: TensorHint | TupleHint
    others: tuple[PlainHint | BeartypeHint, ...]


@dataclass(frozen=True)
class TupleHint:
    """A tuple of known length."""

    items: tuple[Hint, ...]


@dataclass(frozen=True)
class AnyHint:
    """Anything at all: no annotation, `Any` or `object`."""


Hint = TensorHint | PlainHint | BeartypeHint | OptionalHint | TupleHint | AnyHint


class NotDescribed(Exception):
    """The annotation is one that only jaxtyping and beartype themselves can judge."""


def shown(annotation: Any) -> str:
    """An annotation as its author would have written it."""
    if isinstance(annotation, type):
        return annotation.__name__
    return re.sub(r"(?<![\w.])typing\.", "", str(annotation))


def is_tensor_annotation(annotation: Any) -> bool:
    """Whether the annotation is one tensor type, such as `Float[Tensor, "b c"]`."""
    return isinstance(annotation, type) and issubclass(annotation, AbstractArray)


def mentions_tensors(annotation: Any) -> bool:
    """Whether a tensor annotation stands anywhere inside."""
    if is_tensor_annotation(annotation) or "jaxtyping" in str(getattr(annotation, "__module__", "")):
        return True
    return any(mentions_tensors(part) for part in get_args(annotation))


def read_hint(annotation: Any) -> Hint:
    """Describe an annotation. Raises `NotDescribed` where only jaxtyping and beartype can judge."""
    if annotation is Any or annotation is object:
        return AnyHint()
    if getattr(annotation, "__unpacked__", False) or isinstance(annotation, ForwardRef | str):
        raise NotDescribed(annotation)
    if annotation is None:
        return PlainHint(type(None))
    if is_tensor_annotation(annotation):
        hint = read_tensor_hint(annotation)
        if hint.dtypes == frozenset():  # `Key`: no dtype of torch will do, so no message of ours helps
            raise NotDescribed(annotation)
        return hint
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType) and mentions_tensors(annotation):
        return _read_union(get_args(annotation))
    if origin is tuple and mentions_tensors(annotation):
        parts = get_args(annotation)
        if Ellipsis in parts:
            raise NotDescribed(annotation)
        return TupleHint(tuple(read_hint(part) for part in parts))
    return _read_other(annotation)


def _read_union(parts: tuple[Any, ...]) -> OptionalHint:
    hints = [read_hint(part) for part in parts]
    tensors = [hint for hint in hints if isinstance(hint, TensorHint | TupleHint)]
    others = [hint for hint in hints if isinstance(hint, PlainHint | BeartypeHint)]
    if len(tensors) != 1 or len(tensors) + len(others) != len(hints):
        raise NotDescribed(parts)
    if isinstance(tensors[0], TensorHint) and any(_accepts_tensors(other) for other in others):
        raise NotDescribed(parts)
    return OptionalHint(tensors[0], tuple(others))


def _accepts_tensors(hint: PlainHint | BeartypeHint) -> bool:
    probe = torch.empty(0)
    if isinstance(hint, BeartypeHint):
        return hint.accepts(probe)
    return isinstance(probe, hint.kind) or issubclass(hint.kind, Tensor)


def _read_other(annotation: Any) -> PlainHint | BeartypeHint:
    if mentions_tensors(annotation) or _refers_forward(annotation):
        raise NotDescribed(annotation)
    is_class = isinstance(annotation, type) and get_origin(annotation) is None
    if is_class and (type(annotation) is type or issubclass(annotation, Tensor)):
        return PlainHint(annotation)
    try:
        _is_bearable(None, annotation)
    except Exception as error:
        raise NotDescribed(annotation) from error
    return BeartypeHint(annotation)


def _refers_forward(annotation: Any) -> bool:
    """Whether a name stands inside for a type, as in `list["Block"]`."""
    if get_origin(annotation) in (Literal, Annotated):
        return get_origin(annotation) is Annotated and _refers_forward(get_args(annotation)[0])
    parts = annotation if isinstance(annotation, list) else get_args(annotation)
    return isinstance(annotation, ForwardRef | str) or any(_refers_forward(part) for part in parts)


def read_tensor_hint(annotation: Any) -> TensorHint:
    """Describe `Float[Tensor, "b c"]`. Raises `NotDescribed` for arrays that are no torch tensors."""
    kind = annotation.array_type
    if not (isinstance(kind, type) and issubclass(kind, Tensor)):
        raise NotDescribed(annotation)
    try:
        axes = tuple(_as_jaxtyping_means(axis) for axis in read_axes(annotation.dim_str))
    except AxisSyntaxError as error:
        raise NotDescribed(annotation) from error
    if sum(is_variadic(axis) for axis in axes) > 1:
        raise NotDescribed(annotation)
    for axis in axes:
        if isinstance(axis, Expression):
            _require_arithmetic(axis)
    dtypes = _dtypes(annotation.dtypes)
    return TensorHint(kind, dtypes, annotation.dtype.__name__, annotation.dim_str.strip(), axes)


def hint_of_text(text: str) -> TensorHint:
    """The hint for a bare text of axes, of any dtype. Raises `AxisSyntaxError` or `NotArithmetic`."""
    axes = tuple(_as_jaxtyping_means(axis) for axis in read_axes(text))
    for axis in axes:
        _refuse_as_jaxtyping_does(text[axis.span.start : axis.span.stop], axis)
        if isinstance(axis, Expression):
            read_expression(axis.text)
    spread = [axis for axis in axes if is_variadic(axis)]
    if len(spread) > 1:
        raise AxisSyntaxError(spelled(spread[1]), spread[1].span, "a second variadic axis")
    return TensorHint(Tensor, None, "Shaped", text, axes)


def _refuse_as_jaxtyping_does(word: str, axis: Axis) -> None:
    """Words that an annotation never holds, since jaxtyping has refused them."""
    if word.endswith("#"):
        raise AxisSyntaxError(word, axis.span, "`#` stands before the name")
    if ELLIPSIS in word and word != ELLIPSIS:
        raise AxisSyntaxError(word, axis.span, "`...` stands on its own")
    if "," in word and "(" not in word:
        raise AxisSyntaxError(word, axis.span, "spaces separate axes, not commas")


def _as_jaxtyping_means(axis: Axis) -> Axis:
    """`...` binds nothing in an annotation; a contraction reads it as one name for all operands."""
    return (
        Anonymous(True, ELLIPSIS, axis.span) if isinstance(axis, Variadic) and axis.name == ELLIPSIS else axis
    )


def _require_arithmetic(axis: Expression) -> None:
    try:
        read_expression(axis.text)
    except NotArithmetic as error:
        raise NotDescribed(axis) from error


def _dtypes(names: Any) -> frozenset[torch.dtype] | None:
    return _dtype_set(names) if isinstance(names, tuple) else None


@functools.lru_cache(maxsize=256)
def _dtype_set(names: tuple[str | re.Pattern[str], ...]) -> frozenset[torch.dtype]:
    return frozenset(
        dtype
        for spelled, dtype in DTYPES.items()
        if any(name.match(spelled) if isinstance(name, re.Pattern) else name == spelled for name in names)
    )


def by_jaxtyping(
    function: Callable[..., Any],
    signature: inspect.Signature,
    annotations: Mapping[str, Any],
    answer: Callable[..., Any],
) -> Callable[..., Any]:
    """`answer` under `jaxtyped(typechecker=beartype)` itself, as if it were the function."""
    from beartype import beartype

    def judged(*args: Any, **kwargs: Any) -> Any:
        return answer(*args, **kwargs)

    # In the module of the function, where names inside annotations, as in `list["Block"]`, are known.
    judged = types.FunctionType(judged.__code__, function.__globals__, closure=judged.__closure__)
    judged.__qualname__, judged.__module__ = function.__qualname__, function.__module__
    resolved = {
        name: Any if isinstance(annotation, Unresolved) else annotation
        for name, annotation in annotations.items()
    }
    # All that jaxtyping reads of a function is its signature.
    judged.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[
            parameter.replace(annotation=resolved.get(name, inspect.Parameter.empty))
            for name, parameter in signature.parameters.items()
        ],
        return_annotation=resolved.get(RETURN, inspect.Signature.empty),
    )
    checked: Callable[..., Any] = jaxtyped(judged, typechecker=beartype)
    return checked
