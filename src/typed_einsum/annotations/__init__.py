"""Reading jaxtyping's annotations: the only module that touches jaxtyping.

An annotation becomes a hint, a frozen description of what a value may be. What has no description here
(trees, arrays of other libraries) raises `NotDescribed`: jaxtyping and beartype themselves then decide.
"""

from __future__ import annotations

import functools
import re
import types
from collections import OrderedDict, abc, defaultdict, deque
from contextlib import suppress
from typing import Annotated, Any, ForwardRef, Literal, Union, get_args, get_origin

import torch
from jaxtyping import AbstractArray
from torch import Tensor

from typed_einsum.annotations.hints import (
    ABSENT,
    AnyHint,
    BeartypeHint,
    DictHint,
    Hint,
    JudgedHint,
    ListHint,
    OptionalHint,
    PlainHint,
    RecordField,
    RecordHint,
    TensorHint,
    TupleHint,
    UnionHint,
    holds_record,
    is_bearable,
    parts_of,
    shown,
    spelled_hint,
    tensors_in,
)
from typed_einsum.annotations.records import mentions_records, record_hint
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
from typed_einsum.tensors import DTYPES

__all__ = [
    "ABSENT",
    "AnyHint",
    "BeartypeHint",
    "DictHint",
    "Hint",
    "JudgedHint",
    "ListHint",
    "OptionalHint",
    "PlainHint",
    "RecordField",
    "RecordHint",
    "TensorHint",
    "TupleHint",
    "UnionHint",
    "holds_record",
    "parts_of",
    "shown",
    "spelled_hint",
    "tensors_in",
]

LISTS = (
    list,
    set,
    frozenset,
    deque,
    abc.Sequence,
    abc.Collection,
    abc.Iterable,
    abc.Set,
    abc.MutableSequence,
)
DICTS = (dict, OrderedDict, defaultdict, abc.Mapping, abc.MutableMapping)
"""Types of which each holds values of one type; what can be read once alone, such as `Iterator`, is none."""


HOLDING = TensorHint | TupleHint | ListHint | DictHint | RecordHint
"""What a union may have one of beside types without tensors, and still is as simple as `X | None`."""


class NotDescribed(Exception):
    """The annotation is one that only jaxtyping and beartype themselves can judge."""


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
    record = record_hint(annotation)
    if record is not None:
        return record
    if mentions_tensors(annotation):
        return _read_composed(annotation)
    if mentions_records(annotation):
        with suppress(NotDescribed):  # a function that takes records, say, is as any function
            return _read_composed(annotation)
    return _read_other(annotation)


def read_or_any(annotation: Any) -> Hint:
    """Describe an annotation; one that has no description allows anything."""
    try:
        return read_hint(annotation)
    except NotDescribed:
        return AnyHint()


def describe(annotation: Any) -> Hint:
    """Describe an annotation of any kind: what cannot be read is left to jaxtyping and beartype."""
    try:
        return read_hint(annotation)
    except NotDescribed:
        return JudgedHint(annotation)


def _read_composed(annotation: Any) -> Hint:
    """Describe a type with tensors in it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated and not any(_is_beartypes(extra) for extra in arguments[1:]):
        return read_hint(arguments[0])
    if origin in (Union, types.UnionType):
        return _read_union(arguments)
    if origin is tuple and Ellipsis in arguments:
        return ListHint(tuple, read_hint(arguments[0]))
    if origin is tuple:
        return TupleHint(tuple(read_hint(part) for part in arguments))
    if origin in LISTS:
        return ListHint(origin, read_hint(arguments[0]))
    if origin in DICTS:
        return DictHint(origin, read_hint(arguments[0]), read_hint(arguments[1]))
    raise NotDescribed(annotation)


def _is_beartypes(extra: Any) -> bool:
    """Whether what stands in `Annotated` is a validator of beartype's, such as `Is[...]`."""
    return type(extra).__module__.partition(".")[0] == "beartype"


def _read_union(members: tuple[Any, ...]) -> OptionalHint | UnionHint:
    hints = [read_hint(member) for member in members]
    inner = [hint for hint in hints if isinstance(hint, HOLDING)]
    others = [hint for hint in hints if isinstance(hint, PlainHint | BeartypeHint)]
    if len(inner) != 1 or len(inner) + len(others) != len(hints):
        return UnionHint(tuple(hints))
    if isinstance(inner[0], TensorHint) and any(_accepts_tensors(other) for other in others):
        return UnionHint(tuple(hints))
    return OptionalHint(inner[0], tuple(others))


def _accepts_tensors(hint: PlainHint | BeartypeHint) -> bool:
    probe = torch.empty(0)
    if isinstance(hint, BeartypeHint):
        return hint.accepts(probe)
    return isinstance(probe, hint.kind) or issubclass(hint.kind, Tensor)


def _read_other(annotation: Any) -> PlainHint | BeartypeHint:
    if _refers_forward(annotation):
        raise NotDescribed(annotation)
    is_class = isinstance(annotation, type) and get_origin(annotation) is None
    if is_class and (type(annotation) is type or issubclass(annotation, Tensor)):
        return PlainHint(annotation)
    try:
        is_bearable(None, annotation)
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
