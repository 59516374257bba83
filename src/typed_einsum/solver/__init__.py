"""From annotated shapes to named sizes, each with where it came from.

`bind` holds one shape against its axes and a set of names already bound. Its verdicts are jaxtyping's,
case for case. It returns the conflicts it finds as data; who asked turns them into a message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from typed_einsum.equation.axes import (
    Anonymous,
    Axis,
    Expression,
    Fixed,
    Named,
    Variadic,
    is_variadic,
    key,
    variadic_index,
)
from typed_einsum.equation.expressions import (
    Unknown,
    compute,
    expression_of,
    product_of,
)

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """What gave a name its size: an argument (`label`) at an axis, or the owner's `axis_sizes`."""

    label: str
    position: int | None = None
    axis: Axis | None = None


@dataclass(frozen=True, slots=True)
class Labelled:
    """One tensor's shape with the axes it is meant to have, under the name the user knows it by."""

    label: str
    axes: tuple[Axis, ...]
    sizes: Shape


@dataclass(frozen=True, slots=True)
class WrongRank:
    """The tensor has too many or too few axes."""

    tensor: Labelled


@dataclass(frozen=True, slots=True)
class WrongSize:
    """The axis at `position` has another size than its name already has."""

    tensor: Labelled
    position: int
    axis: Named
    expected: int
    origin: Origin


@dataclass(frozen=True, slots=True)
class WrongFixedSize:
    """The axis at `position` does not have its written size."""

    tensor: Labelled
    position: int
    axis: Fixed


@dataclass(frozen=True, slots=True)
class WrongComputedSize:
    """The axis at `position` does not have the size its expression gives."""

    tensor: Labelled
    position: int
    axis: Expression
    expected: int


@dataclass(frozen=True, slots=True)
class WrongVariadic:
    """The axes under `*name` differ from those it was bound to."""

    tensor: Labelled
    axis: Variadic
    found: Shape
    expected: Shape
    origin: Origin


@dataclass(frozen=True, slots=True)
class NotComputable:
    """An expression needs a name or a field, `{self.nh}`, that is not known; if `missing` is None, it divides
    by zero. `divisor` is what the known factors of a product make, where they do not divide its size."""

    tensor: Labelled
    position: int
    axis: Expression
    missing: str | None
    divisor: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether a name may still get its size; a field is there from the start or never."""
        return self.missing is not None and not self.missing.startswith("{")


Conflict = WrongRank | WrongSize | WrongFixedSize | WrongComputedSize | WrongVariadic | NotComputable


@dataclass(slots=True)
class Bindings:
    """The names bound so far: sizes, the shapes under `*names`, and the origin of each."""

    sizes: dict[str, int] = field(default_factory=dict)
    variadics: dict[str, tuple[bool, Shape]] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def copy(self) -> Bindings:
        """The same names; binding more in one does not change the other."""
        return Bindings(dict(self.sizes), dict(self.variadics), dict(self.origins), self.arguments)

    def replace_by(self, other: Bindings) -> None:
        """Take over the names of another set."""
        self.sizes, self.variadics, self.origins = other.sizes, other.variadics, other.origins


def bind(tensor: Labelled, bindings: Bindings) -> list[Conflict]:
    """Bind the names of one tensor's axes; a tensor with a conflict binds nothing.

    A `#` axis of size 1 neither binds nor conflicts, and an anonymous axis never does. Raises `NotArithmetic`
    where the value of a field is not a size, such as a fraction or a text with a call.
    """
    trial = bindings.copy()
    conflicts = _conflicts(tensor, trial)
    if not conflicts:
        bindings.replace_by(trial)
    return conflicts


def _conflicts(tensor: Labelled, bindings: Bindings) -> list[Conflict]:
    axes, shape = tensor.axes, tensor.sizes
    spread = variadic_index(axes)
    if (len(shape) != len(axes)) if spread is None else (len(shape) < len(axes) - 1):
        return [WrongRank(tensor)]
    conflicts: list[Conflict] = []
    for position, axis in placed(axes, len(shape)):
        conflict = _single_conflict(tensor, position, axis, bindings)
        if conflict is not None:
            conflicts.append(conflict)
    if spread is not None and isinstance(variadic := axes[spread], Variadic):
        conflict = _variadic_conflict(tensor, spread, variadic, bindings)
        if conflict is not None:
            conflicts.append(conflict)
    return conflicts


def placed(axes: tuple[Axis, ...], rank: int) -> list[tuple[int, Axis]]:
    """The axes that stand for one axis each, with their positions in a tensor of this rank."""
    spread = next((i for i, axis in enumerate(axes) if is_variadic(axis)), len(axes))
    tail = rank - len(axes)
    return [(i if i < spread else i + tail, axis) for i, axis in enumerate(axes) if i != spread]


def _single_conflict(tensor: Labelled, position: int, axis: Axis, bindings: Bindings) -> Conflict | None:
    size = tensor.sizes[position]
    match axis:
        case Anonymous() | Variadic():
            return None
        case Named(broadcast=True) | Fixed(broadcast=True) | Expression(broadcast=True) if size == 1:
            return None
        case Named(name):
            return _named_conflict(tensor, position, axis, name, bindings)
        case Fixed(expected):
            return WrongFixedSize(tensor, position, axis) if size != expected else None
        case Expression():
            return _expression_conflict(tensor, position, axis, bindings)


def _named_conflict(
    tensor: Labelled, position: int, axis: Named, name: str, bindings: Bindings
) -> Conflict | None:
    size = tensor.sizes[position]
    if name not in bindings.sizes:
        bindings.sizes[name] = size
        bindings.origins[name] = Origin(tensor.label, position, axis)
        return None
    expected = bindings.sizes[name]
    return WrongSize(tensor, position, axis, expected, bindings.origins[name]) if size != expected else None


def _expression_conflict(
    tensor: Labelled, position: int, axis: Expression, bindings: Bindings
) -> Conflict | None:
    try:
        expected = compute(expression_of(axis.text, bindings.arguments), bindings.sizes)
    except Unknown as unknown:
        divisor = _divisor(axis.text, tensor.sizes[position], bindings)
        return NotComputable(tensor, position, axis, unknown.args[0], divisor)
    except ZeroDivisionError:
        return NotComputable(tensor, position, axis, None)
    if tensor.sizes[position] != expected:
        return WrongComputedSize(tensor, position, axis, expected)
    return None


def _divisor(text: str, size: int, bindings: Bindings) -> int | None:
    """What the known factors of a product make, where it has one unknown factor that no size can be."""
    try:
        product = product_of(expression_of(text, bindings.arguments))
    except Unknown:
        return None
    if product is None or sum(name not in bindings.sizes for name in product[1]) != 1:
        return None
    known = product[0] * prod(bindings.sizes.get(name, 1) for name in product[1])
    return known if known <= 0 or size % known != 0 else None


def _variadic_conflict(
    tensor: Labelled, spread: int, axis: Variadic, bindings: Bindings
) -> WrongVariadic | None:
    name = key(axis)
    assert name is not None
    found = tuple(tensor.sizes[spread : len(tensor.sizes) - (len(tensor.axes) - spread - 1)])
    if name not in bindings.variadics:
        bindings.variadics[name] = (axis.broadcast, found)
        bindings.origins[name] = Origin(tensor.label, spread, axis)
        return None
    earlier_broadcasts, expected = bindings.variadics[name]
    if not (axis.broadcast or earlier_broadcasts):
        together: Shape | None = found if found == expected else None
    else:
        together = broadcast_shapes(found, expected)
        if not axis.broadcast and together != found:
            together = None
        if not earlier_broadcasts and together != expected:
            together = None
    if together is None:
        return WrongVariadic(tensor, axis, found, expected, bindings.origins[name])
    if earlier_broadcasts:
        bindings.variadics[name] = (axis.broadcast, together)
    return None


def broadcast_shapes(left: Shape, right: Shape) -> Shape | None:
    """The shape that two shapes broadcast to, aligned at the right; None where they do not."""
    rank = max(len(left), len(right))
    padded = [(1,) * (rank - len(shape)) + tuple(shape) for shape in (left, right)]
    pairs = list(zip(*padded, strict=True))
    if any(a != b and a != 1 and b != 1 for a, b in pairs):
        return None
    return tuple(b if a == 1 else a for a, b in pairs)
