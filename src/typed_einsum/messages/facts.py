"""How messages speak of tensors: by name in a sentence, by expression in code, by row in a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from typed_einsum.equation.axes import Axis, Expression, Variadic, key, spelled
from typed_einsum.solver import Labelled, Shape, placed
from typed_einsum.solver.labels import RETURN, is_result, root_of, steps_of
from typed_einsum.tensors import described, dtype_of, shape_of, short

AXIS_SIZES = "axis_sizes"
"""The label of names that an object knows by itself."""

MASK = "the mask"
"""The label of the mask of a softmax: its axes are some of those of the scores."""


def given_label(name: str, size: Any) -> str:
    """The label of a size that a call passes beside the tensor: `h=8` in backticks."""
    return f"`{name}={size}`"


def is_given(label: str) -> bool:
    """Whether a label is that of a size passed beside the tensor."""
    return label.startswith("`") and label.endswith("`") and "=" in label


@dataclass(frozen=True, slots=True)
class Held:
    """A tensor with its axes and the value itself, for the table of facts."""

    tensor: Labelled
    value: Any

    @classmethod
    def of(cls, label: str, axes: tuple[Axis, ...], value: Any) -> Held:
        """A tensor under the name that a message calls it by."""
        return cls(Labelled(label, axes, shape_of(value)), value)


def title(label: str) -> str:
    """A tensor's label in a sentence: parameters in backticks, others as they are."""
    if is_result(label):
        parts = [f"field `{name}`" if is_field else f"item {name}" for name, is_field in steps_of(label)]
        return f"the result's {', '.join(parts)}" if parts else "the result"
    return f"`{code_for(label)}`" if root_of(label).isidentifier() else label


def code_for(label: str) -> str:
    """A tensor in the code of a repair: the parameter or its item, where it has a name there."""
    name = root_of(label)
    if name == MASK:
        return "mask"
    if not name.isidentifier():
        return "tensor"
    steps = (_step(*step) for step in steps_of(label))
    return "".join(["result" if name == RETURN else name, *steps])


def _step(name: str, is_field: bool) -> str:
    if is_field:
        return f".{name}"
    return f"[{name}]" if name.isdigit() else f'["{name}"]'


def verb(label: str) -> str:
    """What one does with a tensor to put it right."""
    return "return" if is_result(label) else "pass"


def passing(label: str, call: str) -> str:
    """The instruction to pass a tensor, or return it, as what a method call makes of it."""
    code = code_for(label)
    named = f"{title(label)} as " if code == "tensor" else ""
    return f"{verb(label)} {named}{code}.{call}"


def kind_of(value: Any) -> str:
    """A value below a mark: `f32[2, 3]` for a tensor, `None`, the type's name for anything else."""
    return "None" if value is None else described(value)


def dtype_summary(label: str, tensor: Any, allowed: str) -> str:
    """The sentence for a tensor whose dtype the annotation does not allow."""
    return f"{title(label)} has dtype {short(dtype_of(tensor))}, which `{allowed}` does not allow"


def shown_shape(shape: Shape) -> str:
    """Sizes as a tuple is written."""
    return f"({', '.join([f'{size}' for size in shape])}{',' if len(shape) == 1 else ''})"


def facts(held: Sequence[Held]) -> tuple[str, ...]:
    """One line for each tensor: its name, dtype and shape, and the sizes of its named axes."""
    rows = [(_row_name(item.tensor.label), described(item.value), _sizes(item.tensor)) for item in held]
    left = max((len(label) for label, _, _ in rows), default=0)
    middle = max((len(text) for _, text, _ in rows), default=0)
    return tuple(f"{label:<{left}}  {text:<{middle}}   {sizes}".rstrip() for label, text, sizes in rows)


def _row_name(label: str) -> str:
    return code_for(label) if steps_of(label) or label == RETURN else label


def _sizes(tensor: Labelled) -> str:
    variadic = any(isinstance(axis, Variadic) for axis in tensor.axes)
    if not variadic and len(tensor.axes) != len(tensor.sizes):
        return ""
    singles = placed(tensor.axes, len(tensor.sizes))
    if variadic and len(tensor.sizes) < len(singles):
        return ""
    return " ".join(
        f"{name}={tensor.sizes[position]}"
        for position, axis in singles
        if (name := spelled(axis) if isinstance(axis, Expression) else key(axis)) is not None
    )
