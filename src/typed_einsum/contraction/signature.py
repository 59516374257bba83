"""The signature of a typed einsum, read into an equation without flaws."""

from __future__ import annotations

import dis
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import Parameter
from typing import Any

import torch

from typed_einsum.annotations import NotDescribed, TensorHint, is_tensor_annotation, read_tensor_hint, shown
from typed_einsum.contraction.explicit import agreed_axes
from typed_einsum.contraction.masks import contracted_axes, mask_hint
from typed_einsum.contraction.operands import NARROW
from typed_einsum.decorate.functions import (
    MISSING,
    locator,
    operand_parameters,
    signature_error,
    unresolved_error,
)
from typed_einsum.decorate.resolution import Unresolved
from typed_einsum.diagnostics import Diagnostic, Mark
from typed_einsum.equation.axes import Axis
from typed_einsum.equation.equation import Equation, Flaw, FlawError, Site, assemble, refuse
from typed_einsum.equation.reading import Reductions, require_no_flaw
from typed_einsum.errors import DtypeError, EquationError, SignatureError
from typed_einsum.locations import definition_place, passed_text
from typed_einsum.messages import Locate
from typed_einsum.solver.labels import RETURN
from typed_einsum.tensors import AUTOCAST_DTYPES


@dataclass(frozen=True)
class EinsumSignature:
    """A typed einsum's signature as read: what explains, draws or tests it starts here.

    `masks` names the parameters that are masks of the maximum. They are not operands.
    """

    function: Callable[..., Any]
    hints: Mapping[str, TensorHint]
    result: TensorHint
    equation: Equation
    masks: tuple[str, ...] = ()

    @property
    def operands(self) -> tuple[str, ...]:
        """The parameters that the equation multiplies."""
        return tuple(name for name in self.hints if name not in self.masks)


def refuse_body(function: Callable[..., Any]) -> None:
    """Refuse a body that does anything: it would never run (TE501)."""
    idle = {"RESUME", "NOP", "CACHE", "COPY_FREE_VARS", "PUSH_NULL", "PRECALL", "MAKE_CELL"}
    steps = [step for step in dis.get_instructions(function) if step.opname not in idle]
    operations = {step.opname for step in steps}
    returns_none = operations <= {"LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"} and all(
        step.argval is None for step in steps if step.opname in ("LOAD_CONST", "RETURN_CONST")
    )
    raised = {"LOAD_GLOBAL", "LOAD_COMMON_CONSTANT", "LOAD_CONST", "CALL", "RAISE_VARARGS"}
    refuses = (
        "RAISE_VARARGS" in operations
        and operations <= raised
        and "NotImplementedError" in str([step.argval for step in steps])
    )
    if not (returns_none or refuses):
        name = function.__name__
        summary = f"the body of `{name}` would never run: a typed einsum is computed from its signature"
        repair = "replace the body by `...`, or drop @typed_einsum and call `einsum` in the body"
        raise SignatureError(Diagnostic("TE501", summary, definition_place(function), help=repair))


def refuse_parameters(
    function: Callable[..., Any], parameters: list[Parameter], masks: Sequence[str] = ()
) -> None:
    if len(parameters) == len(masks):
        summary = f"`{function.__name__}` has no operands, so there is nothing to contract"
        repair = 'give it annotated parameters, such as x: Float[Tensor, "b c"]'
        raise SignatureError(Diagnostic("TE508", summary, definition_place(function), help=repair))
    for parameter in parameters:
        if parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
            stars = "*" if parameter.kind is Parameter.VAR_POSITIONAL else "**"
            summary = (
                f"`{stars}{parameter.name}` takes any number of operands, but an equation has a fixed number"
            )
            raise signature_error(function, parameter.name, "TE507", summary, "here", "name every operand")
        if parameter.default is not Parameter.empty:
            summary = (
                f"operand `{parameter.name}` has a default; the operands of a contraction are all needed"
            )
            repair = "drop the default, and choose the operand where you call"
            raise signature_error(function, parameter.name, "TE502", summary, "has a default", repair)


def read_signature(
    function: Callable[..., Any],
    annotations: Mapping[str, Any],
    explicit: str | None,
    reductions: Reductions,
    masks: tuple[str, ...] = (),
) -> EinsumSignature:
    """Read annotations into an equation without flaws; `masks` are parameters that it leaves out."""
    _, parameters = operand_parameters(function)
    hints = {
        parameter.name: _tensor_hint(function, parameter.name, annotations.get(parameter.name, MISSING))
        for parameter in parameters
    }
    result = _tensor_hint(function, RETURN, annotations.get(RETURN, MISSING))
    locate = signature_locator(function, hints, result)
    masked = {name: hint for name, hint in hints.items() if name in masks}
    factors = {name: hint for name, hint in hints.items() if name not in masks}
    operands = [contracted_axes(hint) for hint in factors.values()]
    output = contracted_axes(result)
    try:
        if explicit is not None:
            operands, output = agreed_axes(explicit, operands, output, tuple(factors))
        equation = reductions.of(assemble(operands, output, "named"))
        require_no_flaw(equation, [f"`{name}`" for name in factors])
    except EquationError as error:
        raise _in_decorator(function, error.diagnostic) from None
    except FlawError as error:
        if error.flaw.site is None:  # a name in `sum=` or `max=` that stands in no annotation
            raise _in_decorator(function, refuse(error.flaw, str(equation)).diagnostic) from None
        raise _located(error.flaw, error.flaw.site, tuple(factors), [*operands, output], locate) from None
    _refuse_dtypes(equation, factors, result, locate)
    hints |= {name: mask_hint(name, hint, equation, locate) for name, hint in masked.items()}
    return EinsumSignature(function, hints, result, equation, masks)


def _tensor_hint(function: Callable[..., Any], parameter: str, annotation: Any) -> TensorHint:
    if isinstance(annotation, Unresolved):
        raise unresolved_error(function, parameter, annotation)
    why = "the equation needs its axes"
    repair = 'annotate one torch tensor, such as Float[Tensor, "b c"]'
    if is_tensor_annotation(annotation):
        try:
            return read_tensor_hint(annotation)
        except NotDescribed as error:
            why = "an operand is a torch tensor" if parameter != RETURN else "a result is a torch tensor"
            if error.__cause__ is not None:  # what is wrong with the axes
                why, repair = "an equation needs a plain name for every axis", "name each axis, such as `k`"
    code = "TE504" if parameter == RETURN else "TE503"
    what = "the result" if parameter == RETURN else f"operand `{parameter}`"
    found = "has no annotation" if annotation is MISSING else f"is annotated `{shown(annotation)}`"
    raise signature_error(function, parameter, code, f"{what} {found}; {why}", "which axes?", repair)


def signature_locator(
    function: Callable[..., Any], hints: Mapping[str, TensorHint], result: TensorHint
) -> Locate:
    every = {**hints, RETURN: result}
    return locator(function, lambda label, _: every.get(label))


def _in_decorator(function: Callable[..., Any], diagnostic: Diagnostic) -> EquationError:
    """The error about an explicit equation, at its text in the decorator where that can be found."""
    place = definition_place(function)
    marks: list[Mark] = []
    for mark in diagnostic.marks:
        at = passed_text(mark.text, mark.span, mark.label)
        marks += at.marks
        if at.place is not None and at.marks[0].line is not None:
            place = replace(at.place, function=function.__qualname__)
    return EquationError(replace(diagnostic, place=place, marks=tuple(marks)))


def _located(
    flaw: Flaw, site: Site, labels: tuple[str, ...], axes: Sequence[tuple[Axis, ...]], locate: Locate
) -> EquationError:
    """The error for a flaw, at the annotation that has it."""
    index = len(labels) if site.operand is None else site.operand
    label = RETURN if site.operand is None else labels[index]
    axis = next(axis for axis in axes[index] if axis.span == site.span)
    at = locate(label, axis, flaw.label)
    return EquationError(Diagnostic(flaw.code, flaw.summary, at.place, at.marks, help=flaw.help))


def _refuse_dtypes(
    equation: Equation, hints: Mapping[str, TensorHint], result: TensorHint, locate: Locate
) -> None:
    """Refuse annotations whose dtypes can never agree (TE302, TE305)."""
    first, *_ = hints
    shared = hints[first].dtypes
    for name, hint in hints.items():
        if hint.dtypes is not None and shared is not None and not hint.dtypes & shared:
            dtypes = hints[first].dtype_name, hint.dtype_name
            summary = f"`{first}` is `{dtypes[0]}` and `{name}` is `{dtypes[1]}`: no dtype is both"
            at = locate(name, None, hint.dtype_name)
            repair = f"torch contracts one dtype at a time: annotate one, and pass {name}.to({first}.dtype)"
            raise DtypeError(Diagnostic("TE302", summary, at.place, at.marks, help=repair))
        shared = hint.dtypes if shared is None else shared & (hint.dtypes or shared)
    if shared is None or result.dtypes is None:
        return
    possible = possible_dtypes(equation, shared)
    if not possible & result.dtypes:
        summary = f"the result is annotated `{result.dtype_name}`, which these operands cannot give"
        at = locate(RETURN, None, result.dtype_name)
        repair = f"annotate the result `{hints[first].dtype_name}`"
        if possible == {torch.int64} != shared:
            repair = "torch sums integers in int64: annotate the result `Int64` or `Int`"
        raise DtypeError(Diagnostic("TE305", summary, at.place, at.marks, help=repair))


def possible_dtypes(equation: Equation, dtypes: frozenset[Any]) -> frozenset[Any]:
    """The dtypes a contraction of these may give: autocast lowers floats, and lone sums widen integers."""
    if any(dtype.is_floating_point for dtype in dtypes):
        dtypes |= AUTOCAST_DTYPES
    if equation.sums_alone and dtypes & NARROW:
        dtypes = dtypes - NARROW | {torch.int64}
    return dtypes
