"""Hints: frozen descriptions of what a value may be, and a walk over the tensors in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.compiler import is_compiling

from typed_einsum.equation.axes import Axis


def is_bearable(value: object, hint: Any) -> bool:
    """Beartype's verdict. It is imported here because that takes longer than all of this package.

    Where looking into a value raises, as `len` of a tensor without axes does, it is no such container.
    """
    from beartype.door import is_bearable

    try:
        return bool(is_bearable(value, hint))
    except TypeError:
        return False


def _without_symbols(value: Any) -> Any:
    """A value with a number for each size in it that is a symbol of torch; or the value itself."""
    kind = type(value)
    if kind is torch.SymInt or kind is torch.SymFloat or kind is torch.SymBool:
        return value.node.pytype(value.node.hint or 0)
    if kind is torch.Size or kind is tuple or kind is list:
        plain = [_without_symbols(each) for each in value]
        is_same = all(one is other for one, other in zip(plain, value, strict=True))
        return value if is_same else plain if kind is list else tuple(plain)
    if kind is dict:
        found = {name: _without_symbols(each) for name, each in value.items()}
        return value if all(found[name] is each for name, each in value.items()) else found
    return value


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

    def accepts(self, value: object) -> bool:
        """Whether the value is an instance, or a symbol for one."""
        return isinstance(value, self.kind) or isinstance(_without_symbols(value), self.kind)


@dataclass(frozen=True)
class BeartypeHint:
    """A type without tensors in it, which beartype checks."""

    hint: Any

    def accepts(self, value: object) -> bool:
        """Beartype's verdict; while a graph is traced, every value passes, since its checks cannot be."""
        if is_compiling() or is_bearable(value, self.hint):
            return True
        plain = _without_symbols(value)
        return plain is not value and is_bearable(plain, self.hint)


@dataclass(frozen=True)
class OptionalHint:
    """A union of one type with tensors in it, such as a tensor or a list of them, with types without."""

    inner: TensorHint | TupleHint | ListHint | DictHint | RecordHint
    others: tuple[PlainHint | BeartypeHint, ...]


@dataclass(frozen=True)
class TupleHint:
    """A tuple of known length."""

    items: tuple[Hint, ...]


@dataclass(frozen=True)
class ListHint:
    """Any number of items of one type, with tensors in it: `list[X]`, `Iterable[X]`, `tuple[X, ...]`."""

    kind: type[Any]
    item: Hint


@dataclass(frozen=True)
class DictHint:
    """Values of one type, with tensors in it, under keys: `dict[str, X]`, `Mapping[str, X]`."""

    kind: type[Any]
    key: Hint
    value: Hint


@dataclass(frozen=True)
class RecordHint:
    """A record with tensors in its fields: a dataclass, a named tuple, a typed dict or a tensorclass.

    `arguments` are the types of a generic record, as in `Pair[Float[Tensor, "b c"]]`. `read` reads the
    annotations of the fields, which may be records of the same class.
    """

    kind: type[Any]
    arguments: tuple[Any, ...] = ()
    read: Callable[[RecordHint], Mapping[str, RecordField]] = field(kw_only=True, compare=False, repr=False)
    known: Mapping[str, RecordField] | None = field(default=None, init=False, compare=False, repr=False)

    @property
    def fields(self) -> Mapping[str, RecordField]:
        """The fields by name. `known` has them once everything that they name is defined."""
        return self.read(self) if self.known is None else self.known


ABSENT: Any = type("Absent", (), {"__repr__": lambda _: "<absent>", "__slots__": ()})()
"""Stands for the value of a field that a record lacks, and for the default of a field without one."""


@dataclass(frozen=True)
class RecordField:
    """A field of a record. Its default is not checked, as that of a parameter is not."""

    name: str
    hint: Hint
    default: Any
    is_required: bool
    has_tensors: bool


@dataclass(frozen=True)
class UnionHint:
    """A union of several types with tensors in them: `Float[Tensor, "b d"] | Float[Tensor, "d"]`."""

    members: tuple[Hint, ...]


@dataclass(frozen=True)
class JudgedHint:
    """What only jaxtyping and beartype can judge, such as `PyTree[Float[Tensor, "b"]]`."""

    annotation: Any


@dataclass(frozen=True)
class AnyHint:
    """Anything at all: no annotation, `Any` or `object`."""


Hint = (
    TensorHint
    | PlainHint
    | BeartypeHint
    | OptionalHint
    | TupleHint
    | ListHint
    | DictHint
    | RecordHint
    | UnionHint
    | JudgedHint
    | AnyHint
)


def parts_of(hint: Hint) -> tuple[Hint, ...]:
    """The hints directly inside one, but for the fields of a record."""
    match hint:
        case OptionalHint(inner, others):
            return inner, *others
        case TupleHint(items):
            return items
        case ListHint(_, item):
            return (item,)
        case DictHint(_, key, value):
            return key, value
        case UnionHint(members):
            return members
        case TensorHint() | PlainHint() | BeartypeHint() | RecordHint() | JudgedHint() | AnyHint():
            return ()


def tensors_in(hint: Hint, within: tuple[Hint, ...] = ()) -> Iterator[TensorHint]:
    """Every tensor hint in a hint, in the order in which they are written; a record may hold another."""
    if isinstance(hint, TensorHint):
        yield hint
    for part in parts_of(hint):
        yield from tensors_in(part, within)
    if isinstance(hint, RecordHint) and hint not in within:
        for each in hint.fields.values():
            yield from tensors_in(each.hint, (*within, hint))


def holds_record(hint: Hint) -> bool:
    """Whether a value may be a record, or hold one."""
    return isinstance(hint, RecordHint) or any(map(holds_record, parts_of(hint)))


def spelled_hint(hint: Hint) -> str:
    """A hint as an annotation is written, for messages."""
    match hint:
        case TensorHint():
            return str(hint)
        case PlainHint(kind):
            return "None" if kind is type(None) else kind.__qualname__
        case BeartypeHint(annotation) | JudgedHint(annotation):
            return shown(annotation)
        case OptionalHint(inner, others):
            return " | ".join(spelled_hint(each) for each in (inner, *others))
        case UnionHint(members):
            return " | ".join(spelled_hint(member) for member in members)
        case TupleHint(items):
            return f"tuple[{', '.join(spelled_hint(item) for item in items) or '()'}]"
        case ListHint(kind, item):
            return f"{kind.__name__}[{spelled_hint(item)}{', ...' if kind is tuple else ''}]"
        case DictHint(kind, key, value):
            return f"{kind.__name__}[{spelled_hint(key)}, {spelled_hint(value)}]"
        case RecordHint(kind, arguments):
            listed = ", ".join(map(shown, arguments))
            return f"{kind.__name__}[{listed}]" if arguments else kind.__name__
        case AnyHint():
            return "Any"


def shown(annotation: Any) -> str:
    """An annotation as its author would have written it."""
    if isinstance(annotation, type):
        return annotation.__name__
    return re.sub(r"(?<![\w.])typing\.", "", str(annotation))
