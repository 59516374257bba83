"""The annotation of a part of a value, by its label: `steps[2]`, `batch.x`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from typed_einsum.annotations import (
    DictHint,
    Hint,
    ListHint,
    OptionalHint,
    RecordHint,
    TensorHint,
    TupleHint,
    tensors_in,
)
from typed_einsum.equation.axes import Axis
from typed_einsum.solver.labels import steps_of


@dataclass(frozen=True)
class Found:
    """The hint of a part; `field` is the class and the name of the innermost field that holds it."""

    hint: Hint
    field: tuple[type, str] | None = None

    def tensor(self, axis: Axis | None) -> TensorHint | None:
        """The tensor hint here: of several the one that holds the axis, else the first."""
        tensors = list(tensors_in(self.hint))
        holds = (tensor for tensor in tensors if any(axis is each for each in tensor.axes))
        return next(holds, next(iter(tensors), None))


def found_at(hint: Hint, label: str) -> Found:
    """The hint of the part of a value that a label names, as far as one annotation has it."""
    return _found(Found(hint), steps_of(label))


def _found(found: Found, steps: Sequence[tuple[str, bool]]) -> Found:
    name = steps[0][0] if steps else ""
    match found.hint:
        case OptionalHint(inner):
            return _found(Found(inner, found.field), steps)
        case TupleHint(items) if name.isdigit() and int(name) < len(items):
            return _found(Found(items[int(name)], found.field), steps[1:])
        case ListHint(_, item) | DictHint(_, _, item) if steps:
            return _found(Found(item, found.field), steps[1:])
        case RecordHint(kind) if name in found.hint.fields:
            return _found(Found(found.hint.fields[name].hint, (kind, name)), steps[1:])
        case _:
            return found
