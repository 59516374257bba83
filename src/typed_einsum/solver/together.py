"""Tensors whose expressions need the names of one another, bound together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from typed_einsum.equation.axes import Anonymous, Axis, Expression
from typed_einsum.equation.expressions import Tree, Unknown, expression_of, names_in, product_of, solve
from typed_einsum.solver import Bindings, Conflict, Labelled, NotComputable, Origin, bind, placed


def bind_all(tensors: Sequence[Labelled], bindings: Bindings) -> list[Conflict]:
    """Bind the names of several tensors, in order."""
    return [conflict for tensor in tensors for conflict in bind(tensor, bindings)]


def bind_first(tensors: Sequence[Labelled], bindings: Bindings) -> tuple[list[Conflict], list[Labelled]]:
    """Bind tensors in order. Returns the conflicts, and the tensors whose expressions lack a name.

    Of these tensors the plain axes are bound.
    """
    conflicts, unfinished = _bind_once(tensors, bindings)
    conflicts += bind_all([without_expressions(tensor) for tensor in unfinished], bindings)
    return conflicts, unfinished


def solve_rest(
    unfinished: Sequence[Labelled], bindings: Bindings, integers: Mapping[str, int]
) -> tuple[list[Conflict], list[Labelled]]:
    """Bind tensors whose expressions lacked a name; returns the conflicts, and those that still lack one.

    A product with one unknown name gives that name its size. Names that no tensor has may be among
    `integers`, the arguments that are whole numbers.
    """
    needed = {name for tensor in unfinished for name in _names_needed(tensor, bindings)}
    for name, size in integers.items():
        if name in needed and name not in bindings.sizes:
            bindings.sizes[name], bindings.origins[name] = size, Origin(name)
    while any(_solve_one(tensor, bindings) for tensor in unfinished):
        continue
    return _bind_once(unfinished, bindings)


def bind_together(tensors: Sequence[Labelled], bindings: Bindings) -> list[Conflict]:
    """Bind tensors whose expressions may need the names of one another; returns the conflicts."""
    conflicts, unfinished = bind_first(tensors, bindings)
    if conflicts:
        return conflicts
    conflicts, unfinished = solve_rest(unfinished, bindings, {})
    return conflicts or bind_all(unfinished, bindings)


def _bind_once(tensors: Sequence[Labelled], bindings: Bindings) -> tuple[list[Conflict], list[Labelled]]:
    conflicts: list[Conflict] = []
    unfinished: list[Labelled] = []
    for tensor in tensors:
        found = bind(tensor, bindings)
        if any(isinstance(conflict, NotComputable) and conflict.is_open for conflict in found):
            unfinished.append(tensor)
        else:
            conflicts += found
    return conflicts, unfinished


def without_expressions(tensor: Labelled) -> Labelled:
    """The tensor with axes of any size for its expressions."""
    axes: tuple[Axis, ...] = tuple(
        Anonymous(word=axis.text, span=axis.span) if isinstance(axis, Expression) else axis
        for axis in tensor.axes
    )
    return Labelled(tensor.label, axes, tensor.sizes)


def _expressions(tensor: Labelled, bindings: Bindings) -> list[tuple[int, Expression, Tree]]:
    """The expressions that must hold: not those of a `#` axis of size 1."""
    found = []
    for position, axis in placed(tensor.axes, len(tensor.sizes)):
        if isinstance(axis, Expression) and not (axis.broadcast and tensor.sizes[position] == 1):
            with suppress(Unknown):  # `bind` returns the conflict of a field that cannot be read
                found.append((position, axis, expression_of(axis.text, bindings.arguments)))
    return found


def _names_needed(tensor: Labelled, bindings: Bindings) -> set[str]:
    return {name for _, _, tree in _expressions(tensor, bindings) for name in names_in(tree)}


def _solve_one(tensor: Labelled, bindings: Bindings) -> bool:
    """Give one more name the size that a product needs, if there is such a name."""
    for position, axis, tree in _expressions(tensor, bindings):
        product = product_of(tree)
        name = product and solve(bindings.sizes, tensor.sizes[position], *product)
        if name:
            bindings.origins[name] = Origin(tensor.label, position, axis)
            return True
    return False
