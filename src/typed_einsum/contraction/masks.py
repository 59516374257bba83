"""The masks of `where=`: which axes they may have, and how they are checked, beside the operands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from typed_einsum.annotations import TensorHint
from typed_einsum.contraction.operands import Contraction, Dtypes
from typed_einsum.diagnostics import Diagnostic, Span
from typed_einsum.equation.axes import ELLIPSIS, Anonymous, Axis, Named, Variadic, spelled
from typed_einsum.equation.equation import Equation, name_of
from typed_einsum.errors import DtypeError, EquationError
from typed_einsum.generated.checks import ShapeChecks
from typed_einsum.generated.guards import attempt, other_type, unless
from typed_einsum.locations import definition_place, passed_text
from typed_einsum.messages import MASK, Held, Locate, shape_error
from typed_einsum.scopes.text import AxesText, passed_hint
from typed_einsum.solver import Bindings, Labelled, bind
from typed_einsum.tensors import EXACT_TYPES, is_tensor, shape_of

BOOL = frozenset({torch.bool})

FITTING = "a mask has axes of the output and of the maximum, in any order, each once"

Masks = Mapping[str, TensorHint]
"""The annotations of masks, by the parameters that take them."""


def mask_text(text: str, equation: Equation) -> AxesText:
    """The axes of a mask for an equation. Raises `EquationError` (TE105, TE117)."""
    hint = passed_hint(text)
    flaw = _flaw(hint.axes, equation, MASK)
    if flaw is not None:
        axis, summary = flaw
        at = passed_text(text, axis.span if axis.span.stop else Span(0, len(text)), "here")
        raise EquationError(Diagnostic("TE117", summary, at.place, at.marks, help=FITTING))
    return AxesText("einsum", boolean(hint), text, MASK)


def mask_hint(name: str, hint: TensorHint, equation: Equation, locate: Locate) -> TensorHint:
    """The annotation of a mask in a signature. Raises `DtypeError` (TE302), `EquationError` (TE117)."""
    if hint.dtypes is not None and torch.bool not in hint.dtypes:
        summary = f"`{name}` is annotated `{hint.dtype_name}`, but a mask is boolean"
        at = locate(name, None, hint.dtype_name)
        repair = f'annotate it Bool[Tensor, "{hint.text}"], and pass {name} > 0 or {name}.bool()'
        raise DtypeError(Diagnostic("TE302", summary, at.place, at.marks, help=repair))
    flaw = _flaw(contracted_axes(hint), equation, f"the mask `{name}`")
    if flaw is not None:
        axis, summary = flaw
        at = locate(name, axis, "here")
        raise EquationError(Diagnostic("TE117", summary, at.place, at.marks, help=FITTING))
    return boolean(hint)


def masks_of(
    where: str | None, function: Callable[..., Any], parameters: Sequence[str], maximised: str | None
) -> tuple[str, ...]:
    """The parameters that `where=` names. Raises `EquationError` (TE117)."""
    names = tuple(dict.fromkeys((where or "").replace(",", " ").split()))
    if not names:
        return ()
    place = definition_place(function)
    for name in names:
        if name not in parameters:
            summary = f"`where=` names `{name}`, which is no parameter of `{function.__name__}`"
            repair = f"it has {', '.join(f'`{each}`' for each in parameters)}"
            raise EquationError(Diagnostic("TE117", summary, place, help=repair))
    if maximised is None:
        raise no_maximum(Diagnostic("TE117", "", place))
    return names


def no_maximum(at: Diagnostic) -> EquationError:
    """The error for masks without a maximum, at the place of a diagnostic."""
    summary = "`where=` keeps entries for a maximum, but there is no `max=`"
    repair = 'name the axis of the maximum, such as max="n", or multiply by the mask to sum without padding'
    return EquationError(replace(at, summary=summary, help=repair))


def boolean(hint: TensorHint) -> TensorHint:
    """The hint for booleans alone."""
    narrowed: TensorHint = replace(hint, dtypes=BOOL, dtype_name="Bool")
    return narrowed


def contracted_axes(hint: TensorHint) -> tuple[Axis, ...]:
    """The axes of a hint, where `...` is one name for all operands."""
    return tuple(
        Variadic(ELLIPSIS, span=axis.span) if isinstance(axis, Anonymous) and axis.word == ELLIPSIS else axis
        for axis in hint.axes
    )


def axis_name(axis: Axis) -> str:
    """The name of an axis of a mask; an axis without one is spelled, and no equation has it."""
    return name_of(axis) if isinstance(axis, Named | Variadic) and not axis.broadcast else spelled(axis)


def _flaw(axes: Sequence[Axis], equation: Equation, mask: str) -> tuple[Axis, str] | None:
    """The first axis that a mask cannot have, and why."""
    summed = [name for name in equation.vanished if name not in equation.maximised]
    known = [name for name in equation.keys if name not in summed]
    given = [axis_name(axis) for axis in axes]
    for name, axis in zip(given, axes, strict=True):
        if name in known and given.count(name) == 1:
            continue
        why = f"not among `{' '.join(known)}`"
        why = "summed before the maximum" if name in summed else why
        why = "twice in the mask" if name in known else why
        return axis, f"axis `{spelled(axis)}` of {mask} is {why}"
    return None


def examine_masks(
    contraction: Contraction, masks: Masks, operands: Sequence[Any], values: Sequence[Any], bindings: Bindings
) -> None:
    """Raise the error for masks beside operands that are right, or bind their names.

    TE304, TE301, TE303, TE201 to TE204, in this order.
    """
    held = contraction.held(operands)
    pairs = zip(masks.items(), values, strict=True)
    given = [
        Held(Labelled(label, hint.axes, shape_of(value) if is_tensor(value) else ()), value)
        for (label, hint), value in pairs
    ]
    for item in given:
        contraction.require_tensor(item)
        contraction.require_dtype(item, Dtypes(BOOL, "Bool"), [*held, *given])
        contraction.require_one_device([held[0], item])
    conflicts = [conflict for item in given for conflict in bind(item.tensor, bindings)]
    if conflicts:
        raise shape_error(conflicts, [*held, *given], contraction.locate, bindings)


def mask_lines(masks: Masks, first: str, checks: ShapeChecks, otherwise: str) -> list[str]:
    """Lines that check masks after the operands, of which one is in `first`; they do `otherwise`.

    Raises `NotStraight` where only the solver can check.
    """
    wrong = [other_type(checks, name, EXACT_TYPES) for name in masks]
    wrong += [f"{name}.dtype is not {checks.constant('bool', torch.bool)}" for name in masks]
    wrong += [f"{name}.device != {first}.device" for name in masks]
    read = [checks.tensor(name, hint.axes) for name, hint in masks.items()]
    differs = [comparison for _, comparisons in read for comparison in comparisons]
    return [
        *unless(wrong, otherwise),
        *attempt(checks, [unpack for unpack, _ in read], otherwise),
        *unless(differs, otherwise),
    ]
