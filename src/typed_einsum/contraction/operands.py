"""One contraction: an equation, the operands' names and dtypes, and how it is checked and run.

`Contraction.examine` is the slow path: it finds what is wrong with operands, and raises that error.
`straight_lines` writes the fast path, which accepts right operands and leaves all others to the slow one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.compiler import is_dynamo_compiling

from typed_einsum.diagnostics import Diagnostic, Located
from typed_einsum.equation.axes import ELLIPSIS, Axis, key
from typed_einsum.equation.equation import Equation, is_spread
from typed_einsum.errors import DeviceError, DtypeError, ShapeError
from typed_einsum.generated.checks import ShapeChecks
from typed_einsum.generated.guards import other_type
from typed_einsum.messages import (
    Held,
    Locate,
    code_for,
    dtype_repair,
    dtype_summary,
    facts,
    kind_of,
    shape_error,
    title,
    with_article,
)
from typed_einsum.plan.subscripts import Subscripts, pairs_of, subscripts
from typed_einsum.solver import Bindings, Conflict, Labelled, Origin, bind
from typed_einsum.tensors import (
    DTYPES,
    EXACT_TYPES,
    autocasts,
    described,
    device_of,
    dtype_of,
    have_symbolic_sizes,
    is_tensor,
    may_mix_devices,
    shape_of,
    short,
)
from typed_einsum.tracing import constant_while_tracing

NARROW = frozenset(
    dtype
    for dtype in DTYPES.values()
    if not (dtype.is_floating_point or dtype.is_complex or dtype in (torch.int64, torch.uint64))
)
"""Integers, and bool, whose sum torch gives in int64."""

WITHOUT_ORDER = frozenset(dtype for dtype in DTYPES.values() if dtype.is_complex)
"""Dtypes that have no maximum."""

PAIRS_OF = constant_while_tracing(pairs_of)


def no_axes(_label: str, _axis: Axis | None, _text: str) -> Located:
    """Locates nothing: for operands without source."""
    return Located()


@dataclass(frozen=True)
class Dtypes:
    """The dtypes that an operand's annotation allows, and how it names them; None allows all."""

    allowed: frozenset[torch.dtype] | None = None
    name: str = "Shaped"

    def allow(self, dtype: torch.dtype) -> bool:
        """Whether the annotation allows the dtype."""
        return self.allowed is None or dtype in self.allowed


@dataclass(eq=False)
class Contraction:
    """An equation with everything that is known of its operands before any is given."""

    equation: Equation
    labels: tuple[str, ...]
    dtypes: tuple[Dtypes, ...]
    locate: Locate
    _subscripts: dict[tuple[int, ...], Subscripts] = field(default_factory=dict)

    def run(self, operands: Sequence[Tensor]) -> Tensor:
        """Contract by `torch.einsum`, without any check of ours."""
        planned = self.subscripts_for(tuple(operand.ndim for operand in operands))
        operands = self.widened(operands)
        if len(operands) > 2 and have_symbolic_sizes(operands):
            result = by_pairs(planned.text, operands)
        else:
            result = torch.einsum(planned.text, *operands)
        if planned.maximised == 1 and result.requires_grad:
            return result.max(-1).values  # its gradient goes to one of equals, that of `amax` to all
        return result.amax(tuple(range(-planned.maximised, 0))) if planned.maximised else result

    def widened(self, operands: Sequence[Tensor]) -> Sequence[Tensor]:
        """The operands in the dtype of the result: narrow integers become int64 where sums do.

        Torch widens each sum by itself, so that a product of a sum and an operand mixes two dtypes, or
        overflows before it is widened.
        """
        if self.equation.sums_alone and any(dtype_of(operand) in NARROW for operand in operands):
            return [operand.long() for operand in operands]
        return operands

    def subscripts_for(self, ranks: tuple[int, ...]) -> Subscripts:
        """The subscripts of `torch.einsum` for operands of these ranks."""
        if is_dynamo_compiling():  # a dict that changes is guarded, and the graph would be made again
            return subscripts(self.equation, ranks)
        known = self._subscripts.get(ranks)
        if known is None:
            known = self._subscripts[ranks] = subscripts(self.equation, ranks)
        return known

    def examine(self, operands: Sequence[Any], bindings: Bindings, around: Locate = no_axes) -> None:
        """Raise the error for these operands, or bind their names.

        TE304, TE301, TE302, TE303, TE201 to TE204, TE207, TE306, in this order. `around` finds what
        already bound names in the function that runs.
        """
        held = self.held(operands)
        for item, dtypes in zip(held, self.dtypes, strict=True):
            self.require_tensor(item)
            self.require_dtype(item, dtypes, held)
        self._require_one_dtype(held)
        self.require_one_device(held)
        for name, size in self.equation.fixed:
            bound = bindings.sizes.setdefault(name, size)
            origin = bindings.origins.setdefault(name, Origin(f"{name}={size}"))
            if bound != size:  # by the function that runs
                summary = (
                    f"axis `{name}` is {bound} in {title(origin.label)}, but the equation fixes it to {size}"
                )
                repair = f"is this another axis? give one of the two another name than `{name}`"
                at = self._located(around, origin.label, origin.axis, f"{bound} here")
                raise ShapeError(Diagnostic("TE203", summary, at.place, at.marks, facts(held), repair))
        conflicts: list[Conflict] = []
        for item in held:
            conflicts += bind(item.tensor, bindings)
        if conflicts:
            raise shape_error(conflicts, held, lambda *asked: self._located(around, *asked), bindings)
        self._require_maximum(held, bindings)

    def held(self, operands: Sequence[Any]) -> list[Held]:
        """Each operand with its name and axes."""
        return [
            Held(Labelled(label, axes, shape_of(value) if is_tensor(value) else ()), value)
            for label, axes, value in zip(self.labels, self.equation.operands, operands, strict=True)
        ]

    def origin_of(self, name: str) -> Origin | None:
        """Where this contraction takes the size of a name from."""
        for label, axes in zip(self.labels, self.equation.operands, strict=True):
            for position, axis in enumerate(axes):
                if key(axis) == name != ELLIPSIS:
                    return Origin(f"{label} of `{self.equation}`", position, axis)
        return None

    def require_tensor(self, item: Held) -> None:
        """Raise TE304 for an operand that is not a tensor."""
        if not is_tensor(item.value):
            label = item.tensor.label
            at = self.locate(label, None, f"{kind_of(item.value)} here")
            repair = f"pass a torch.Tensor: torch.as_tensor({code_for(label)}) makes one"
            if item.value is None:
                repair = "a contraction needs all its operands: decide before the call what None means"
            summary = f"{title(label)} is not a tensor but {with_article(described(item.value))}"
            raise DtypeError(Diagnostic("TE304", summary, at.place, at.marks, help=repair))

    def require_dtype(self, item: Held, dtypes: Dtypes, held: Sequence[Held]) -> None:
        """Raise TE301 for a dtype that the annotation does not allow."""
        if dtypes.allow(dtype_of(item.value)):
            return
        label, found = item.tensor.label, dtype_of(item.value)
        at = self.locate(label, None, f"{short(found)} here")
        summary = dtype_summary(label, item.value, dtypes.name)
        repair = dtype_repair(label, dtypes.allowed or frozenset(), found)
        raise DtypeError(Diagnostic("TE301", summary, at.place, at.marks, _tensor_facts(held), repair))

    def _require_one_dtype(self, held: Sequence[Held]) -> None:
        first = held[0]
        for item in held[1:]:
            left, right = dtype_of(first.value), dtype_of(item.value)
            if left != right and not (left.is_floating_point and right.is_floating_point and autocasts()):
                at = self.locate(item.tensor.label, None, f"{short(right)} here")
                names = title(first.tensor.label), title(item.tensor.label)
                summary = f"{names[0]} is {short(left)} but {names[1]} is {short(right)}"
                narrow, kind = (first, right) if _rank_of(left) < _rank_of(right) else (item, left)
                convert = f"{title(narrow.tensor.label)} with {code_for(narrow.tensor.label)}.to({kind})"
                repair = f"torch contracts one dtype at a time: convert {convert}"
                raise DtypeError(Diagnostic("TE302", summary, at.place, at.marks, facts(held), repair))

    def require_one_device(self, held: Sequence[Held]) -> None:
        """Raise TE303 where tensors lie on several devices."""
        rooted = [item for item in held if not may_mix_devices(item.value)] or list(held)
        first = rooted[0]
        for item in rooted[1:]:
            left, right = device_of(first.value), device_of(item.value)
            if left != right:
                at = self.locate(item.tensor.label, None, f"on {right}")
                names = title(first.tensor.label), title(item.tensor.label)
                summary = f"{names[0]} is on {left} but {names[1]} is on {right}"
                far, near = (first, right) if left.type == "cpu" and right.type != "meta" else (item, left)
                repair = f'move {title(far.tensor.label)}: {code_for(far.tensor.label)}.to("{near}")'
                raise DeviceError(Diagnostic("TE303", summary, at.place, at.marks, facts(held), repair))

    def _require_maximum(self, held: Sequence[Held], bindings: Bindings) -> None:
        for name in self.equation.maximised:
            sizes = bindings.variadics[name][1] if is_spread(name) else (bindings.sizes.get(name, 1),)
            if 0 in sizes:
                summary = f"the maximum over `{name}` has nothing to choose from: `{name}` is empty"
                origin = bindings.origins[name]
                at = self.locate(origin.label, origin.axis, "size 0")
                repair = f"handle an empty `{name}` before the call; a maximum of nothing has no value"
                raise ShapeError(Diagnostic("TE207", summary, at.place, at.marks, facts(held), repair))
        if self.equation.maximised and dtype_of(held[0].value) in WITHOUT_ORDER:
            summary = f"{short(dtype_of(held[0].value))} numbers have no order, so a maximum is undefined"
            at = self.locate(held[0].tensor.label, None, f"{short(dtype_of(held[0].value))} here")
            repair = "contract without `max=`, and take .abs().amax(...) or .real.amax(...) of the result"
            raise DtypeError(Diagnostic("TE306", summary, at.place, at.marks, facts(held), repair))

    def _located(self, around: Locate, label: str, axis: Axis | None, text: str) -> Located:
        return (self.locate if label in self.labels else around)(label, axis, text)


def by_pairs(text: str, operands: Sequence[Tensor]) -> Tensor:
    """Contract in an order that no size decides; opt_einsum, which torch.einsum asks, compares sizes."""
    values = list(operands)
    for pair, first, second in PAIRS_OF(text):
        left, right = values[first], values[second]
        rest = [value for index, value in enumerate(values) if index not in (first, second)]
        values = [*rest, torch.einsum(pair, left, right)]
    return values[0]


def _tensor_facts(held: Sequence[Held]) -> tuple[str, ...]:
    return facts([item for item in held if is_tensor(item.value)])


def _rank_of(dtype: torch.dtype) -> int:
    """Which of two dtypes to convert: the one that the other can hold without loss, as torch promotes."""
    return (dtype != torch.bool) + (dtype.is_floating_point or dtype.is_complex) + dtype.is_complex


def straight_lines(
    contraction: Contraction, variables: Sequence[str], checks: ShapeChecks, otherwise: str
) -> list[str]:
    """The body of a function that checks operands in `variables`, and returns `otherwise` if one is wrong.

    Raises `NotStraight` where only the solver can check. The caller appends how it goes on.
    """
    conditions = guard_conditions(contraction, variables, checks)
    lines = [f"if {' or '.join(conditions)}:", f"    return {otherwise}"]
    comparisons: list[str] = []
    lines.append("try:")
    for name, size in contraction.equation.fixed:
        checks.known[name] = checks.constant("fixed", size)
    for variable, axes in zip(variables, contraction.equation.operands, strict=True):
        unpack, wrong = checks.tensor(variable, axes)
        lines.append(f"    {unpack}")
        comparisons += wrong
    lines += ["except ValueError:", f"    return {otherwise}"]
    for name in contraction.equation.maximised:
        known = checks.known[name]
        comparisons.append(f"0 in {known}" if is_spread(name) else f"{known} == 0")
    if comparisons:
        lines += [f"if {' or '.join(comparisons)}:", f"    return {otherwise}"]
    return lines


def guard_conditions(contraction: Contraction, variables: Sequence[str], checks: ShapeChecks) -> list[str]:
    """The conditions on type, dtype and device under which operands are not accepted."""
    conditions = [other_type(checks, variable, EXACT_TYPES) for variable in variables]
    dtype, device = checks.local(), checks.local()
    first, *others = variables
    allowed = checks.constant("dtypes", _all_of(contraction))
    conditions.append(f"({dtype} := {first}.dtype) not in {allowed}")
    conditions += [f"{variable}.dtype is not {dtype}" for variable in others]
    if others:
        conditions += [f"{others[0]}.device != ({device} := {first}.device)"]
        conditions += [f"{variable}.device != {device}" for variable in others[1:]]
    return conditions


def _all_of(contraction: Contraction) -> frozenset[torch.dtype]:
    """The dtypes that every operand allows, since they share one, and that need no conversion or refusal."""
    sets = [item.allowed for item in contraction.dtypes if item.allowed is not None]
    without_maximum = WITHOUT_ORDER if contraction.equation.maximised else frozenset()
    widened = NARROW if contraction.equation.sums_alone else frozenset()
    return frozenset(DTYPES.values()).intersection(*sets) - without_maximum - widened
