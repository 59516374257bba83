"""The one repair that a message names: what the person who made the mistake should try first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import prod

from typed_einsum.equation.axes import ELLIPSIS, Axis, Expression, Fixed, Named, is_variadic, spelled
from typed_einsum.equation.expressions import is_group
from typed_einsum.messages.facts import (
    AXIS_SIZES,
    MASK,
    code_for,
    is_given,
    passing,
    shown_shape,
    title,
    verb,
)
from typed_einsum.messages.order import Wanted, likely_order, moved, reordering, sure_order
from typed_einsum.solver import (
    Bindings,
    Conflict,
    Labelled,
    NotComputable,
    WrongComputedSize,
    WrongFixedSize,
    WrongRank,
    WrongSize,
    WrongVariadic,
    broadcast_shapes,
    placed,
)
from typed_einsum.solver.labels import is_result


@dataclass(frozen=True)
class Case:
    """A refused call: its conflicts, the tensors that were looked at, the names that were bound."""

    conflicts: tuple[Conflict, ...]
    tensors: tuple[Labelled, ...]
    bindings: Bindings

    def tensor(self, label: str) -> Labelled | None:
        """The tensor with this label, if it was one of those that were looked at."""
        return next((tensor for tensor in self.tensors if tensor.label == label), None)

    def sizes_without(self, tensor: Labelled) -> dict[str, int]:
        """The sizes that names have by anything but this tensor."""
        own = {name for name, origin in self.bindings.origins.items() if origin.label == tensor.label}
        known = {name: size for name, size in self.bindings.sizes.items() if name not in own}
        for other in self.tensors:
            if other.label != tensor.label and _has_its_rank(other):
                for position, axis in placed(other.axes, len(other.sizes)):
                    if isinstance(axis, Named) and not (axis.broadcast and other.sizes[position] == 1):
                        known.setdefault(axis.name, other.sizes[position])
        return known

    def wanted(self, tensor: Labelled) -> Wanted:
        """The sizes that each axis of a tensor may have, as far as anything but the tensor itself says."""
        known, sizes = self.sizes_without(tensor), tensor.sizes
        wanted: list[tuple[int, ...] | None] = [(size,) for size in sizes]  # under `*name`: in place
        for position, axis in placed(tensor.axes, len(sizes)):
            if not isinstance(axis, Expression):
                wanted[position] = _allowed(axis, known)
        for conflict in self.conflicts:
            if isinstance(conflict, WrongComputedSize) and conflict.tensor is tensor:
                wanted[conflict.position] = (conflict.expected,)
        return wanted


def repair(conflict: Conflict, case: Case) -> str:
    """The repair for one conflict."""
    match conflict:
        case WrongRank(tensor):
            return _rank_repair(tensor, case)
        case WrongSize():
            return _size_repair(conflict, case)
        case WrongFixedSize(tensor, _, axis):
            other = (
                f"{verb(tensor.label)} a tensor with {axis.size} there, or name the axis to allow any size"
            )
            return _reordered(tensor, case) or _perhaps_reordered(tensor, case) or other
        case WrongComputedSize(tensor, _, axis, expected):
            wrong = "the sizes of" if is_group(axis.text) else "the expression"
            other = f"give that axis {expected} entries, or correct {wrong} `{axis.text}`"
            return _reordered(tensor, case) or _perhaps_reordered(tensor, case) or other
        case WrongVariadic():
            return _variadic_repair(conflict, case)
        case NotComputable():
            return _computing_repair(conflict)


def _has_its_rank(tensor: Labelled) -> bool:
    singles = len(placed(tensor.axes, len(tensor.sizes)))
    return len(tensor.sizes) >= singles if singles < len(tensor.axes) else len(tensor.sizes) == singles


def _allowed(axis: Axis, known: Mapping[str, int]) -> tuple[int, ...] | None:
    match axis:
        case Named(name, broadcast) if name in known:
            return (known[name], 1) if broadcast else (known[name],)
        case Fixed(size, _, broadcast):
            return (size, 1) if broadcast else (size,)
        case _:
            return None


def _size_repair(conflict: WrongSize, case: Case) -> str:
    tensor, position, name, origin = conflict.tensor, conflict.position, conflict.axis.name, conflict.origin
    if is_given(tensor.label):
        return f"`{name}` is known here: drop {tensor.label}, or give this axis another name"
    if is_given(origin.label):
        return f"drop {origin.label}: the tensor says how many `{name}` there are"
    if origin.label == tensor.label:
        return f"`{name}` twice in one tensor is a square: if these are two axes, give them two names"
    setter = case.tensor(origin.label)
    both = [tensor] if setter is None else [tensor, setter]
    for one in both:
        if told := _reordered(one, case):
            return told
    if tensor.sizes[position] == 1:
        expand = _expanding(tensor, {position: conflict.expected})
        return f"nothing broadcasts silently: {expand}, or mark the axis `#{name}`"
    if conflict.expected == 1:
        expand = f"expand {title(origin.label)}"
        if setter is not None and origin.position is not None:
            expand = _expanding(setter, {origin.position: tensor.sizes[position]})
        return f"nothing broadcasts silently: {expand}, or mark its axis `#{name}`"
    for one in (
        both[:1] if is_result(tensor.label) else both
    ):  # the argument of a wrong result is not to blame
        if told := _perhaps_reordered(one, case):
            return told
    holder = title(tensor.label)
    if origin.label == AXIS_SIZES:
        return f"give {holder} {conflict.expected} entries there, or correct `{name}` in `axis_sizes`"
    if tensor.label == MASK:
        if tensor.sizes[position] > conflict.expected:
            before = ":, " * position
            return f"pass the part of the mask that belongs to the scores: mask[{before}:{conflict.expected}]"
        return f"make the mask for {conflict.expected} entries of `{name}`, as many as the scores have"
    if origin.label == name:
        return (
            f"the argument `{name}` is the size of this axis: {verb(tensor.label)} {conflict.expected} there"
        )
    if origin.label == f"{name}={conflict.expected}":
        return f"`{origin.label}` is part of the equation: every `{name}` has {conflict.expected} entries"
    if origin.axis is conflict.axis:
        return f"one annotation holds for every item: write `_` for an axis that may differ, not `{name}`"
    return f"if these are two axes, give the one in {holder} a name of its own instead of `{name}`"


def _reordered(tensor: Labelled, case: Case) -> str | None:
    """The repair where every axis has a size to fit, and all fit in another order."""
    order = sure_order(tensor.sizes, case.wanted(tensor)) if _has_its_rank(tensor) else None
    if order is None:
        return None
    what = "two axes of {} look swapped" if len(moved(order)) == 2 else "the axes of {} are in another order"
    return f"{what.format(title(tensor.label))}: {code_for(tensor.label)}.{reordering(order)}"


def _perhaps_reordered(tensor: Labelled, case: Case) -> str | None:
    """The repair where a size that is missed stands at another axis."""
    order = likely_order(tensor.sizes, case.wanted(tensor)) if _has_its_rank(tensor) else None
    if order is None:
        return None
    repaired = f"{code_for(tensor.label)}.{reordering(order)}"
    return f"are the axes of {title(tensor.label)} in another order? {repaired} would fit"


def _expanding(tensor: Labelled, sizes: Mapping[int, int]) -> str:
    listed = ", ".join(str(sizes.get(position, -1)) for position in range(len(tensor.sizes)))
    return passing(tensor.label, f"expand({listed})")


def _rank_repair(tensor: Labelled, case: Case) -> str:
    axes = " ".join(spelled(axis) for axis in tensor.axes)
    if any(is_variadic(axis) for axis in tensor.axes):
        return f"{verb(tensor.label)} a tensor with the axes `{axes}`, where `*` and `...` may stand for none"
    known = case.sizes_without(tensor)
    wanted = [_allowed(axis, known) for axis in tensor.axes]
    if tensor.label == MASK:
        return _mask_rank_repair(tensor, wanted)
    if len(tensor.sizes) == len(wanted) + 1 and (told := next(_without_one(tensor, wanted), None)):
        return told
    if len(tensor.sizes) == len(wanted) - 1 and (told := next(_with_one_more(tensor, wanted), None)):
        return told
    if len(tensor.sizes) > len(wanted) > 0:
        return f'name the others, or allow any before them: "... {axes}"'
    return f"{verb(tensor.label)} a tensor {f'with the axes `{axes}`' if axes else 'without axes'}"


def _mask_rank_repair(tensor: Labelled, wanted: Wanted) -> str:
    """A mask may have fewer axes than the scores, if it says which."""
    axes = [spelled(axis) for axis in tensor.axes]
    if len(tensor.sizes) > len(axes):
        return "name all its axes in `mask_axes`, each of them one of the scores'"
    picks = combinations(range(len(axes)), len(tensor.sizes))
    fitting = [pick for pick in picks if _fit(tensor.sizes, [wanted[i] for i in pick])]
    if len(fitting) == 1:
        return f'say which axes it has: mask_axes="{" ".join(axes[i] for i in fitting[0])}"'
    return f"say in `mask_axes` which of the axes `{' '.join(axes)}` it has"


def _without_one(tensor: Labelled, wanted: Wanted) -> Iterator[str]:
    """Repairs of one axis too many, in which all known sizes fit."""
    sizes, owner = tensor.sizes, code_for(tensor.label)
    for position, size in enumerate(sizes):
        if size == 1 and _fit((*sizes[:position], *sizes[position + 1 :]), wanted):
            yield f"is there one axis too many? {owner}.squeeze({position}) drops the one of size 1"
    for position, (first, second) in enumerate(pairwise(sizes)):
        merged = (*sizes[:position], first * second, *sizes[position + 2 :])
        if wanted[position] is not None and _fit(merged, wanted):
            yield f"are two axes to be one? {owner}.flatten({position}, {position + 1}) makes them one"


def _with_one_more(tensor: Labelled, wanted: Wanted) -> Iterator[str]:
    """Repairs of one axis too few, in which all known sizes fit."""
    sizes, owner = tensor.sizes, code_for(tensor.label)
    for position, (first, second) in enumerate(pairwise(wanted)):
        if first is not None and second is not None:
            parts = max(first), max(second)
            split = (*sizes[:position], *parts, *sizes[position + 1 :])
            if prod(parts) == sizes[position] and _fit(split, wanted):
                yield f"is one axis to be two? {owner}.unflatten({position}, {parts}) makes them two"
    for position, allowed in enumerate(wanted):
        if _fit(sizes, [*wanted[:position], *wanted[position + 1 :]]):
            missing = f"is the axis `{spelled(tensor.axes[position])}` missing? {owner}"
            if allowed is None or 1 in allowed:
                yield f"{missing}.unsqueeze({position}) puts one of size 1 there"
            else:
                repeated = _repeated(position, max(allowed), len(sizes))
                yield f"{missing}{repeated} repeats the tensor along it"


def _fit(sizes: tuple[int, ...], wanted: Wanted) -> bool:
    return all(allowed is None or size in allowed for size, allowed in zip(sizes, wanted, strict=True))


def _repeated(position: int, size: int, rank: int) -> str:
    """The call that adds an axis of a size; `expand` alone can add it in front."""
    listed = ["-1"] * (rank + 1)
    listed[position] = str(size)
    first = "" if position == 0 else f".unsqueeze({position})"
    return f"{first}.expand({', '.join(listed)})"


def _variadic_repair(conflict: WrongVariadic, case: Case) -> str:
    name, origin, tensor = conflict.axis.name, conflict.origin, conflict.tensor
    shape = broadcast_shapes(conflict.found, conflict.expected)
    marked = f"mark both `*#{name}`"
    if name == ELLIPSIS:
        marked = "write `*#batch` for both `...`, and `*batch` in the output, with spaces between axes"
    if shape is None:
        shown, apart = f"*{name}", "give them another name"
        if name == ELLIPSIS:
            shown, apart = "...", "write the axes out"
        return f"`{shown}` stands for the same axes everywhere: if these are others, {apart}"
    if len(conflict.found) != len(conflict.expected):
        fewer = title(tensor.label if len(conflict.found) < len(conflict.expected) else origin.label)
        if name == ELLIPSIS:
            return f"{fewer} lacks axes: to align at the right, {marked}"
        return f"{fewer} lacks axes: insert them with unsqueeze and expand; to align at the right, {marked}"
    shrunk = tensor if shape == conflict.expected else case.tensor(origin.label)
    if shrunk is None or (shape not in (conflict.expected, conflict.found)):
        return f"nothing broadcasts silently: expand both to {shown_shape(shape)}, or {marked}"
    before = next(i for i, axis in enumerate(shrunk.axes) if is_variadic(axis))
    behind = len(shrunk.axes) - before - 1
    listed = ", ".join(["-1"] * before + [str(size) for size in shape] + ["-1"] * behind)
    return f"nothing broadcasts silently: {passing(shrunk.label, f'expand({listed})')}, or {marked}"


def _computing_repair(conflict: NotComputable) -> str:
    axis, missing = conflict.axis, conflict.missing
    if conflict.divisor:
        return f"{verb(conflict.tensor.label)} a multiple of {conflict.divisor} there"
    if missing is None:
        return f"handle an empty axis before the call: `{axis.text}` divides by its size"
    if is_group(axis.text):
        return f"say how it is split: pass {missing}=…"
    if missing.startswith("{"):
        return f"`{missing[1:-1]}` must hold an integer when the function is called"
    return f"give `{missing}` an axis of its own in an argument, or an entry in `axis_sizes`"
