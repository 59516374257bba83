"""The axes of each argument: by their names, or by their places where they have none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_map

from typed_einsum.annotations import Hint, TensorHint
from typed_einsum.equation.axes import Axis, Expression, Fixed, Named, Variadic, is_variadic
from typed_einsum.equation.expressions import NotArithmetic, Unknown, compute, expression_of, names_in
from typed_einsum.solver import placed
from typed_einsum.tensors import shape_of
from typed_einsum.testing.calls.copies import private
from typed_einsum.testing.inputs.leaves import changed, passed_tensors

SizeOf = Callable[[str, int], Any]
"""Gives the size of an axis, by its name or place, where the call has this one. It may be a symbol."""


def with_axes(
    argument: str,
    hint: Hint | None,
    value: Any,
    change: Callable[[Tensor, list[tuple[Axis | None, str]]], Tensor],
    *,
    is_own: bool = False,
) -> Any:
    """A value with every tensor in it changed; `change` gets its axes, each with a name or a place.

    Objects that are no tensors are copied, unless they are our own: the program goes on with those it has.
    """
    made: dict[int, Tensor] = {}
    count = 0

    def place() -> str:
        nonlocal count
        count += 1
        return argument if count == 1 else f"{argument}[{count - 1}]"

    def named(hint: TensorHint, tensor: Tensor) -> Tensor:
        found = change(tensor, axes_of(place(), hint, shape_of(tensor)))
        made[id(found)] = found
        return found

    def unnamed(tensor: Tensor) -> Tensor:
        if id(tensor) in made:
            return tensor
        own = place()
        return change(tensor, [(None, f"{own}.{at}") for at in range(len(shape_of(tensor)))])

    after = value if hint is None else changed(hint, value, named)

    def made_anew(part: Any) -> Any:
        if isinstance(part, Tensor):
            return unnamed(part)
        return part if is_own or after is not value else private(part)

    return tree_map(made_anew, after)


def axes_of(place: str, hint: TensorHint, shape: tuple[int, ...]) -> list[tuple[Axis | None, str]]:
    """Each axis of a tensor as it is annotated, with its name, or with its place where it has none."""
    single = dict(placed(hint.axes, len(shape)))
    spread = next((axis for axis in hint.axes if is_variadic(axis)), None)
    found: list[tuple[Axis | None, str]] = []
    for at in range(len(shape)):
        axis = single.get(at)
        if axis is not None:
            found.append((axis, axis.name if isinstance(axis, Named) else f"{place}.{at}"))
        elif isinstance(spread, Variadic):
            found.append((spread, f"*{spread.name}[{at - hint.axes.index(spread)}]"))
        else:
            found.append((None, f"{place}.{at}"))
    return found


def sizes_in(hints: Mapping[str, Hint], arguments: Mapping[str, Any]) -> dict[str, int]:
    """The size that each name has in the arguments of a call, the first one where they differ."""
    found: dict[str, int] = {}
    for name, value in arguments.items():
        for hint, tensor in passed_tensors(hints, {name: value}):
            shape = shape_of(tensor)
            if len(shape) < len(hint.axes) - sum(map(is_variadic, hint.axes)):
                continue  # it has too few axes: the check of the annotation says so
            for (axis, label), size in zip(axes_of(name, hint, shape), shape, strict=True):
                if isinstance(axis, Named | Variadic) and not (axis.broadcast and size == 1):
                    found.setdefault(label, size)
    return found


def size_at(
    axis: Axis | None,
    label: str,
    size: int,
    size_of: SizeOf,
    known: Mapping[str, int],
    arguments: Mapping[str, Any],
) -> Any:
    """The size of one axis, where names have other sizes than in a call, in which it has this one."""
    match axis:
        case Named(broadcast=True) | Variadic(broadcast=True) | Expression(broadcast=True) if size == 1:
            return 1
        case Fixed():
            return size
        case Expression(text):
            try:
                tree = expression_of(text, arguments)
                if compute(tree, known) == size:
                    return compute(tree, {name: size_of(name, known[name]) for name in names_in(tree)})
            except (AttributeError, NotArithmetic, Unknown, ZeroDivisionError):
                pass
    return size_of(label, size)
