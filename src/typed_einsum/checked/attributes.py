"""The annotated attributes of an object, such as parameters: its checked methods know their names."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from torch import nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from typed_einsum.annotations import (
    ABSENT,
    DictHint,
    Hint,
    ListHint,
    OptionalHint,
    RecordField,
    RecordHint,
    TensorHint,
    TupleHint,
    UnionHint,
    read_or_any,
    tensors_in,
)
from typed_einsum.checked.fields import NO, FieldChecks
from typed_einsum.checked.owner import axis_sizes_of, prebind
from typed_einsum.checked.values import ValueLines
from typed_einsum.decorate.class_source import SOURCE
from typed_einsum.decorate.resolution import Unresolved, resolved_fields
from typed_einsum.equation.expressions import NotArithmetic
from typed_einsum.generated.checks import ShapeChecks
from typed_einsum.generated.guards import indent, unless
from typed_einsum.scopes.cache import Cache
from typed_einsum.solver import Bindings, Labelled, bind
from typed_einsum.tensors import is_tensor, shape_of


@dataclass(eq=False)
class AttributeChecks(FieldChecks):
    """The shapes of an object's attributes; what is None, or has no size yet, says nothing."""

    def prepare(self) -> None:
        """Write the source; an annotation that does not resolve is left out."""
        self.check = self._compiled()

    def _field(self, checks: ShapeChecks, values: ValueLines, field: RecordField) -> list[str]:
        variable, name = checks.local(), checks.constant("name", field.name)
        read = f"{variable} = {checks.constant('attribute', attribute)}(record, {name})"
        if isinstance(field.hint, TensorHint | OptionalHint):
            read = f"{variable} = {checks.builtin(getattr)}(record, {name}, None)"
        return [read, f"if {variable} is not None:", *indent(values.lines(variable, field.hint, NO))]


def attribute(owner: Any, name: str) -> Any:
    """The value of an attribute, one that torch keeps in a container of its own as a dict or a list."""
    value = getattr(owner, name, None)
    if isinstance(value, nn.ParameterDict):
        return dict(value.items())
    return list(value) if isinstance(value, nn.ParameterList) else value


def attributes_of(owner: Any, label: str) -> Iterator[tuple[str, Hint, Any]]:
    """The attributes of an object that have shapes, each with its label."""
    checks = ATTRIBUTES.find(type(owner))
    for name, each in {} if checks is None else checks.hint.fields.items():
        value = attribute(owner, name)
        if _says_something(each.hint, value):
            yield f"{label}.{name}", each.hint, value


def known_sizes(owner: Any) -> dict[str, int]:
    """The sizes that an object knows: those of its `axis_sizes`, which win, and of its attributes."""
    return known_names(owner).sizes


def known_names(owner: Any) -> Bindings:
    """The names that an object knows, with those that stand for any number of axes."""
    bindings = Bindings()
    prebind(axis_sizes_of(owner), bindings)
    for label, hint, value in attributes_of(owner, "self"):
        for tensor in _tensors(label, hint, value):
            with suppress(NotArithmetic):
                bind(tensor, bindings)
    return bindings


def _tensors(label: str, hint: Hint, value: Any) -> Iterator[Labelled]:
    match hint:
        case TensorHint(axes=axes) if is_tensor(value):
            yield Labelled(label, axes, shape_of(value))
        case OptionalHint(inner):
            yield from _tensors(label, inner, value)
        case ListHint(_, item) | DictHint(_, _, item):
            for part in value.values() if isinstance(value, Mapping) else value:
                yield from _tensors(label, item, part)


def _says_something(hint: Hint, value: Any) -> bool:
    if isinstance(hint, TensorHint | OptionalHint):
        return is_tensor(value) and not _is_lazy(value)
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return value is not None and not any(map(_is_lazy, parts))


def _is_lazy(value: Any) -> bool:
    """Whether a parameter has no shape yet. (Dynamo cannot trace torch's own `is_lazy`.)"""
    return isinstance(value, UninitializedParameter | UninitializedBuffer)


OF_TORCH = frozenset(inspect.get_annotations(nn.Module))
"""What torch annotates in every module, such as `training`: to read it takes long, and none has a shape."""


def _checks_of(kind: type) -> AttributeChecks | None:
    """The checks of a module's class, or of a decorated class; None where no attribute has a shape."""
    hint = RecordHint(kind, read=_read)
    if not (issubclass(kind, nn.Module) or hasattr(kind, SOURCE)) or not hint.fields:
        return None
    checks = AttributeChecks(hint)
    checks.prepare()
    return checks


ATTRIBUTES: Cache[AttributeChecks | None] = Cache(_checks_of)
"""The checks of each class whose objects have called a checked method."""


def attribute_lines(checks: ShapeChecks, owner: str | None, names: str, leave: str) -> list[str]:
    """Lines that leave where an attribute of the object in a variable does not fit the names."""
    if owner is None:
        return []
    found, find = checks.local(), checks.constant("attributes_of", ATTRIBUTES.find)
    wrong = f"{found} is not None and not {found}.check({owner}, {names})"
    return [f"{found} = {find}({checks.builtin(type)}({owner}))", *unless([wrong], leave)]


def _read(hint: RecordHint) -> Mapping[str, RecordField]:
    """The annotated attributes; not those that are computed when they are asked for."""
    fields: dict[str, RecordField] = {}
    for name, annotation in resolved_fields(hint.kind).items():
        if name in OF_TORCH:
            continue
        part = None if isinstance(annotation, Unresolved) else read_or_any(annotation)
        is_computed = isinstance(inspect.getattr_static(hint.kind, name, None), property)
        if part is not None and not is_computed and any(True for _ in tensors_in(part)):
            fields[name] = RecordField(name, _of_any_dtype(part), ABSENT, False, True)
    object.__setattr__(hint, "known", fields)
    return fields


def _of_any_dtype(hint: Hint) -> Hint:
    """The hint without its dtypes: a model may be cast or quantized after its class was written."""
    match hint:
        case TensorHint():
            return replace(hint, dtypes=None)
        case OptionalHint(TensorHint() as inner):
            return replace(hint, inner=replace(inner, dtypes=None))
        case TupleHint(items):
            return TupleHint(tuple(map(_of_any_dtype, items)))
        case UnionHint(members):
            return UnionHint(tuple(map(_of_any_dtype, members)))
        case ListHint(_, item):
            return replace(hint, item=_of_any_dtype(item))
        case DictHint(_, _, value):
            return replace(hint, value=_of_any_dtype(value))
        case _:
            return hint
