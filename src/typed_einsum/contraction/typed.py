"""`@typed_einsum`: the signature is the equation."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from inspect import Parameter
from typing import Any, Concatenate, overload

from torch import Tensor

from typed_einsum.annotations import TensorHint
from typed_einsum.contraction.declared import ClassEinsum, Decorator, Owner, P, R_co, TypedEinsum
from typed_einsum.contraction.masked import Masked
from typed_einsum.contraction.masks import Masks, contracted_axes, examine_masks, mask_lines, masks_of
from typed_einsum.contraction.operands import Contraction, Dtypes, straight_lines
from typed_einsum.contraction.planned import runner, running_lines
from typed_einsum.contraction.signature import (
    EinsumSignature,
    possible_dtypes,
    read_signature,
    refuse_body,
    refuse_parameters,
    signature_locator,
)
from typed_einsum.decorate.callers import with_caller
from typed_einsum.decorate.deferred import deferred
from typed_einsum.decorate.definition import Definition
from typed_einsum.decorate.functions import (
    MISSING,
    decorated,
    dressed,
    operand_parameters,
    parameter_list,
    surrounding_names,
)
from typed_einsum.decorate.resolution import Unresolved, resolved_annotations
from typed_einsum.diagnostics import Diagnostic
from typed_einsum.equation.reading import Reductions, not_a_text
from typed_einsum.errors import ArgumentError, DtypeError, TypedEinsumError
from typed_einsum.generated.checks import NotStraight, ShapeChecks, prefix_for
from typed_einsum.generated.compile import build, definable
from typed_einsum.locations import caller_place, definition_place
from typed_einsum.messages import dtype_summary, title, with_article
from typed_einsum.solver import Bindings
from typed_einsum.solver.labels import RETURN
from typed_einsum.switch import switch
from typed_einsum.tensors import described, dtype_of


@overload
def typed_einsum(  # pyright: ignore[reportOverlappingOverload]
    function: Callable[Concatenate[type[Owner], P], R_co], /
) -> ClassEinsum[P, R_co]: ...
@overload
def typed_einsum(function: Callable[P, R_co], /) -> TypedEinsum[P, R_co]: ...
@overload
def typed_einsum(
    equation: str | None = None,
    /,
    *,
    sum: str | None = None,
    max: str | None = None,
    where: str | None = None,
) -> Decorator: ...
def typed_einsum(
    target: Any = None,
    /,
    *,
    sum: str | None = None,
    max: str | None = None,
    where: str | None = None,
) -> Any:
    """Make a function without a body into the contraction that its annotations say.

    Each parameter is an operand, annotated `Float[Tensor, "b q d"]`; the result's annotation is the output.
    Wrong equations are refused at definition. A call checks dtype, rank and every axis by name, then runs.

    Axes: equal names multiply, names that the result lacks are summed. An axis summed out of one operand
    alone must be named in `sum=`; `max=` takes the maximum over an axis after all sums. An explicit
    equation, `@typed_einsum("bqd,bkd->bqk")`, is verified letter by letter against the annotations.
    `where="keep"` names the parameters that are masks and not operands, annotated `Bool[Tensor, "b k"]`: only
    entries where all are True take part in the maximum, as with `einsum(..., where=...)`.

    Args:
        target: the function, where the decorator stands alone; or an explicit equation to compare with its
            annotations.
        sum: axes to be summed out of one operand alone.
        max: axes whose maximum is taken after all sums.
        where: the parameters that are masks of the maximum.

    Returns: the function, with the same name, docstring and signature; `.equation` is its equation as
    text and `.source` the source of its generated checks. Where an annotation names something that is
    defined later, the equation is read at the first call, and both appear then.

    Raises: at definition `EquationError` (TE1xx), `SignatureError` (TE5xx) and, where annotated dtypes can
    never agree, `DtypeError` (TE302, TE305); in a call `ShapeError` (TE2xx), `DtypeError` and `DeviceError`
    (TE3xx) and `ArgumentError` (TE401 to TE403).

    Cost: the signature is read once, at definition. In a call, generated code compares the axes of each
    operand, a few integers; then the plan runs that `explain` shows, one batched matrix product where there
    is one.

    Source: annotations are those of jaxtyping.

    Examples:
        >>> import torch
        >>> from jaxtyping import Float
        >>> from torch import Tensor
        >>> from typed_einsum import typed_einsum
        >>> @typed_einsum
        ... def attention_scores(
        ...     query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]
        ... ) -> Float[Tensor, "b q k"]: ...
        >>> attention_scores.equation
        'b q d, b k d -> b q k'
        >>> attention_scores(torch.randn(2, 3, 5), torch.randn(2, 4, 5)).shape
        torch.Size([2, 3, 4])
    """
    names = surrounding_names()
    reductions = Reductions(sum, max)
    for option, value in reductions.not_texts():
        raise not_a_text("typed_einsum", option, with_article(described(value)), caller_place())
    if not isinstance(where, str | None):
        repair = 'name the parameters that are masks in a text: where="keep"'
        raise not_a_text("typed_einsum", "where", with_article(described(where)), caller_place(), repair)

    def make(explicit: str | None, function: Callable[..., Any]) -> Any:
        return _einsum_function(function, explicit, reductions, names, where)

    if target is None or isinstance(target, str):
        return lambda wrapped: decorated(wrapped, functools.partial(make, target), "typed_einsum")
    return decorated(target, functools.partial(make, None), "typed_einsum")


def _einsum_function(
    function: Callable[..., Any],
    explicit: str | None,
    reductions: Reductions,
    names: Mapping[str, Any],
    where: str | None,
) -> Any:
    refuse_body(function)
    _, parameters = operand_parameters(function)
    masks = masks_of(where, function, [parameter.name for parameter in parameters], reductions.max)
    refuse_parameters(function, parameters, masks)

    def read(annotations: Mapping[str, Any]) -> Any:
        return _einsum_of(read_signature(function, annotations, explicit, reductions, masks))

    annotations = resolved_annotations(function, names)
    if any(isinstance(annotation, Unresolved) for annotation in annotations.values()):
        return deferred(function, lambda: read(resolved_annotations(function, names)))
    return read(annotations)


def _einsum_of(signature: EinsumSignature) -> Any:
    function, hints, result = signature.function, signature.hints, signature.result
    labels = signature.operands
    dtypes = tuple(Dtypes(hints[label].dtypes, hints[label].dtype_name) for label in labels)
    locate = signature_locator(function, hints, result)
    contraction = Contraction(signature.equation, labels, dtypes, locate)
    masks = {name: replace(hints[name], axes=contracted_axes(hints[name])) for name in signature.masks}
    masked = Masked(contraction, tuple(hint.axes for hint in masks.values())) if masks else None
    run_planned = runner(contraction)

    def solve(values: tuple[Any, ...], extra: tuple[Any, ...], unknown: dict[str, Any]) -> Tensor:
        given = dict(zip(hints, values, strict=True))
        operands, kept = ([given[name] for name in names] for names in (labels, masks))
        try:
            _refuse_call(function, tuple(hints), values, extra, unknown)
            if switch.is_off():
                return contraction.run(operands) if masked is None else masked.run(operands, kept)
            bindings = Bindings()
            contraction.examine(operands, bindings)
            examine_masks(contraction, masks, operands, kept, bindings)
        except TypedEinsumError as error:
            raise with_caller(error) from None
        wide = contraction.widened(operands)
        return accepted(run_planned(*wide) if masked is None else masked.run(wide, kept))

    def accepted(value: Tensor) -> Tensor:
        if result.dtypes is None or dtype_of(value) in result.dtypes:
            return value
        summary = dtype_summary(RETURN, value, result.dtype_name)
        at = locate(RETURN, None, f"{described(value)} here")
        repair = "annotate the dtype that the operands give, or a wider one such as `Float`"
        raise DtypeError(Diagnostic("TE305", summary, at.place, at.marks, help=repair))

    outside, source = _compile(contraction, function, solve, accepted, result, masks, masked)
    definition = Definition(lambda: outside, signature)
    return dressed(
        outside,
        function,
        definition,
        equation=str(signature.equation),
        source=source,
    )


def _compile(
    contraction: Contraction,
    function: Callable[..., Any],
    solve: Callable[..., Tensor],
    accepted: Callable[[Tensor], Tensor],
    result: TensorHint,
    masks: Masks,
    masked: Masked | None,
) -> tuple[Callable[..., Any], str]:
    owner, parameters = operand_parameters(function)
    names = [parameter.name for parameter in parameters]
    checks = ShapeChecks(prefix_for(names + ([owner.name] if owner else [])), {})
    missing = checks.constant("missing", MISSING)
    extra, unknown = f"{checks.prefix}extra", f"{checks.prefix}unknown"
    every = [
        *([owner] if owner else []),
        *(p for p in parameters if p.kind is not Parameter.KEYWORD_ONLY),
        Parameter(extra, Parameter.VAR_POSITIONAL),
        *(p for p in parameters if p.kind is Parameter.KEYWORD_ONLY),
        Parameter(unknown, Parameter.VAR_KEYWORD),
    ]
    listed = ", ".join(parameter_list(every, lambda p: None if p is owner else missing))
    leave = f"{checks.constant('solve', solve)}(({', '.join(names)},), {extra}, {unknown})"
    off = f"{checks.constant('switch', switch)}.anywhere_off"
    name = definable(function.__name__, "contract")
    lines = [f"def {name}({listed}):"]
    operands = list(contraction.labels)
    try:
        body = straight_lines(contraction, operands, checks, leave)
        body += mask_lines(masks, operands[0], checks, f"return {leave}") if masks else []
    except NotStraight:
        lines.append(f"    return {leave}")
    else:
        lines += [f"    if {extra} or {unknown} or {off}:", f"        return {leave}"]
        lines += [f"    {line}" for line in body]
        judge = "" if _result_is_sure(contraction, result) else checks.constant("accepted", accepted)

        def returned(run: str) -> str:
            return f"{judge}({run})" if judge else run

        if masked is None:
            after = running_lines(contraction, operands, checks, returned)
        else:
            given = f"({', '.join(operands)},), ({', '.join(masks)},)"
            run = checks.constant("run", masked.run)
            after = [f"return {returned(f'{run}({given})')}"]
        lines += [f"    {line}" for line in after]
    return build(name, lines, checks.namespace)


def _result_is_sure(contraction: Contraction, result: TensorHint) -> bool:
    """Whether every dtype that can come out is one that the result's annotation allows."""
    sets = [dtypes.allowed for dtypes in contraction.dtypes if dtypes.allowed is not None]
    if result.dtypes is None:
        return True
    return (
        bool(sets) and possible_dtypes(contraction.equation, frozenset.intersection(*sets)) <= result.dtypes
    )


def _refuse_call(
    function: Callable[..., Any],
    labels: tuple[str, ...],
    operands: tuple[Any, ...],
    extra: tuple[Any, ...],
    unknown: dict[str, Any],
) -> None:
    """Refuse a call that does not fit the parameters (TE401 to TE403)."""
    if not extra and not unknown and not any(value is MISSING for value in operands):
        return
    name = function.__name__
    takes = ", ".join(f"`{label}`" for label in labels)
    place = definition_place(function)
    if extra:
        given = len(labels) + len(extra)
        summary = f"`{name}` takes {len(labels)} operands, but {given} were given by position"
        raise ArgumentError(Diagnostic("TE403", summary, place, help=f"it takes {takes}"))
    if unknown:
        wrong = next(iter(unknown))
        if wrong in labels:
            summary = f"`{name}` takes `{wrong}` by position only, but it was given by keyword"
            raise ArgumentError(Diagnostic("TE402", summary, place, help=f"it takes {takes}, in this order"))
        near = difflib.get_close_matches(wrong, labels, n=1)
        repair = f"did you mean `{near[0]}`?" if near else f"it takes {takes}"
        raise ArgumentError(Diagnostic("TE402", f"`{name}` has no operand `{wrong}`", place, help=repair))
    absent = [label for label, value in zip(labels, operands, strict=True) if value is MISSING]
    listed = " and ".join(title(label) for label in absent)
    raise ArgumentError(Diagnostic("TE401", f"`{name}` needs {listed}", place, help=f"it takes {takes}"))
