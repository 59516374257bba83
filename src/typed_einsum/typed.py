"""`@typed_einsum`: the signature is the equation."""

from __future__ import annotations

import difflib
import dis
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import Parameter
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from torch import Tensor

from typed_einsum.annotations import (
    NotDescribed,
    TensorHint,
    Unresolved,
    is_tensor_annotation,
    read_tensor_hint,
    resolved_annotations,
)
from typed_einsum.axes import ELLIPSIS, Anonymous, Axis, Variadic
from typed_einsum.check_source import NotStraight, ShapeChecks, build, prefix_for
from typed_einsum.contraction import Contraction, Dtypes, run_line, straight_lines
from typed_einsum.definitions import (
    MISSING,
    decorated,
    dressed,
    locator,
    operand_parameters,
    parameter_list,
    surrounding_names,
)
from typed_einsum.diagnostics import Diagnostic
from typed_einsum.equation import Equation, Flaw, FlawError, assemble, read_equation, reduced_names
from typed_einsum.errors import ArgumentError, DtypeError, EquationError, SignatureError
from typed_einsum.explicit import agreed_axes
from typed_einsum.lint import lint
from typed_einsum.locations import RETURN, definition_place, written_parameter
from typed_einsum.messages import Locate, title
from typed_einsum.solver import Bindings
from typed_einsum.switch import switch
from typed_einsum.tensors import AUTOCAST_DTYPES, described, dtype_of, short

P = ParamSpec("P")
Q = ParamSpec("Q")
R_co = TypeVar("R_co", covariant=True)


class TypedEinsum(Protocol[P, R_co]):
    """A typed einsum as type checkers see it: a function with its equation and its generated source."""

    equation: str
    source: str
    __name__: str
    __wrapped__: Callable[..., Any]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...

    @overload
    def __get__(self, instance: None, owner: type, /) -> TypedEinsum[P, R_co]: ...
    @overload
    def __get__(
        self: TypedEinsum[Concatenate[Any, Q], R_co], instance: object, owner: type | None = None, /
    ) -> Callable[Q, R_co]: ...


@dataclass(frozen=True)
class Signature:
    """A typed einsum's signature as read: what explains, draws or tests it starts here."""

    function: Callable[..., Any]
    hints: Mapping[str, TensorHint]
    result: TensorHint
    equation: Equation


@overload
def typed_einsum(function: Callable[P, R_co], /) -> TypedEinsum[P, R_co]: ...
@overload
def typed_einsum(
    equation: str | None = None, /, *, sum: str | None = None, max: str | None = None
) -> Callable[[Callable[P, R_co]], TypedEinsum[P, R_co]]: ...
def typed_einsum(
    target: Any = None, /, *, sum: str | None = None, max: str | None = None
) -> Any:
    """Make a function without a body into the contraction that its annotations say.

    Each parameter is an operand, annotated `Float[Tensor, "b q d"]`; the result's annotation is the output.
    Wrong equations are refused at definition. A call checks dtype, rank and every axis by name, then runs.

    Axes: equal names multiply, names that the result lacks are summed. An axis summed out of one operand
    alone must be named in `sum=`; `max=` takes the maximum over an axis after all sums. An explicit
    equation, `@typed_einsum("bqd,bkd->bqk")`, is verified letter by letter against the annotations.

    Returns: the function, with the same name, docstring and signature; `.equation` is its equation as
    text and `.source` the source of its generated checks.

    Raises: at definition `EquationError` (TE1xx), `SignatureError` (TE5xx) and, where annotated dtypes can
    never agree, `DtypeError` (TE302, TE305); in a call `ShapeError` (TE2xx), `DtypeError` and `DeviceError`
    (TE3xx) and `ArgumentError` (TE401 to TE403).

    Source: annotations are those of jaxtyping.

    Example:
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
    for option, value in (("sum", sum), ("max", max)):
        if value is not None and not isinstance(value, str):
            summary = f"`{option}` is no text but of type `{type(value).__name__}`"
            raise ArgumentError(Diagnostic("TE408", summary, help=f'name axes in a text: {option}="n"'))

    def make(explicit: str | None, function: Callable[..., Any]) -> Any:
        return _made(function, explicit, sum, max, names)

    if target is None or isinstance(target, str):
        return lambda wrapped: decorated(wrapped, functools.partial(make, target), "typed_einsum")
    return decorated(target, functools.partial(make, None), "typed_einsum")


def _made(
    function: Callable[..., Any],
    explicit: str | None,
    sum: str | None,
    max: str | None,
    names: Mapping[str, Any],
) -> Any:
    _refuse_body(function)
    _, parameters = operand_parameters(function)
    _refuse_parameters(function, parameters)
    annotations = resolved_annotations(function, names)
    if any(isinstance(annotation, Unresolved) for annotation in annotations.values()):
        return _late(function, lambda: resolved_annotations(function, names), explicit, sum, max)
    return _generated(_read(function, annotations, explicit, sum, max))


def _late(
    function: Callable[..., Any],
    resolve: Callable[[], dict[str, Any]],
    explicit: str | None,
    sum: str | None,
    max: str | None,
) -> Any:
    """A function whose annotations name things that do not exist yet: it is read at its first call."""
    ready: list[Any] = []

    def late(*args: Any, **kwargs: Any) -> Any:
        if not ready:
            made = _generated(_read(function, resolve(), explicit, sum, max))
            dressed(late, function, equation=made.equation, source=made.source, signature_read=made.signature_read)
            ready.append(made)
        return ready[0](*args, **kwargs)

    return dressed(late, function)


def _refuse_body(function: Callable[..., Any]) -> None:
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
        summary = f"`{function.__name__}` has a body, which would never run: the signature is the program"
        repair = "replace the body by `...`, or drop @typed_einsum and call `einsum` in the body"
        raise SignatureError(Diagnostic("TE501", summary, definition_place(function), help=repair))


def _refuse_parameters(function: Callable[..., Any], parameters: list[Parameter]) -> None:
    if not parameters:
        summary = f"`{function.__name__}` has no operands, so there is nothing to contract"
        repair = 'give it annotated parameters, such as x: Float[Tensor, "b c"]'
        raise SignatureError(Diagnostic("TE508", summary, definition_place(function), help=repair))
    for parameter in parameters:
        if parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
            stars = "*" if parameter.kind is Parameter.VAR_POSITIONAL else "**"
            summary = f"`{stars}{parameter.name}` has no fixed number of operands, and an equation has"
            raise _signature_error(function, parameter.name, "TE507", summary, "here", "name every operand")
        if parameter.default is not Parameter.empty:
            summary = f"operand `{parameter.name}` has a default; the operands of a contraction are all needed"
            repair = "drop the default, and choose the operand where you call"
            raise _signature_error(function, parameter.name, "TE502", summary, "has a default", repair)


def _signature_error(
    function: Callable[..., Any], parameter: str, code: str, summary: str, label: str, repair: str
) -> SignatureError:
    written = written_parameter(function, parameter)
    place = definition_place(function) if written is None else written.place
    marks = () if written is None else (written.mark(label),)
    return SignatureError(Diagnostic(code, summary, place, marks, help=repair))


def _read(
    function: Callable[..., Any],
    annotations: Mapping[str, Any],
    explicit: str | None,
    sum: str | None,
    max: str | None,
) -> Signature:
    """Read annotations into an equation without flaws."""
    _, parameters = operand_parameters(function)
    hints = {
        parameter.name: _tensor_hint(function, parameter.name, annotations.get(parameter.name, MISSING))
        for parameter in parameters
    }
    result = _tensor_hint(function, RETURN, annotations.get(RETURN, MISSING))
    locate = _locator(function, hints, result)
    operands = [_as_contracted(hint) for hint in hints.values()]
    output = _as_contracted(result)
    try:
        if explicit is not None:
            operands, output = agreed_axes(read_equation(explicit), operands, output, tuple(hints), explicit)
        equation = assemble(operands, output, "named")
        equation = replace(
            equation, summed=reduced_names(sum, "named"), maximised=reduced_names(max, "named")
        )
        for flaw in lint(equation, [f"`{name}`" for name in hints]):
            raise FlawError(flaw)
    except FlawError as error:
        raise _located(error.flaw, tuple(hints), equation_axes(operands, output), locate) from None
    _refuse_dtypes(hints, result, locate)
    return Signature(function, hints, result, equation)


def equation_axes(operands: Sequence[tuple[Axis, ...]], output: tuple[Axis, ...]) -> list[tuple[Axis, ...]]:
    """The axes of operands and output in one list, the output last."""
    return [*operands, output]


def _tensor_hint(function: Callable[..., Any], parameter: str, annotation: Any) -> TensorHint:
    if is_tensor_annotation(annotation):
        try:
            return read_tensor_hint(annotation)
        except NotDescribed:
            pass
    code = "TE504" if parameter == RETURN else "TE503"
    what = "the result" if parameter == RETURN else f"operand `{parameter}`"
    if isinstance(annotation, Unresolved):
        summary = f"the annotation of {what} does not resolve: {annotation.reason}"
        repair = "import or define the name where the annotation can see it (not under TYPE_CHECKING alone)"
        raise _signature_error(function, parameter, "TE505", summary, annotation.text, repair)
    found = "has no annotation" if annotation is MISSING else f"is annotated `{_shown(annotation)}`"
    summary = f"{what} {found}; its axes are what the equation is made of"
    repair = 'annotate one torch tensor, such as Float[Tensor, "b c"]'
    raise _signature_error(function, parameter, code, summary, "which axes?", repair)


def _shown(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


def _as_contracted(hint: TensorHint) -> tuple[Axis, ...]:
    """The axes of a hint, where `...` is one name for all operands."""
    return tuple(
        Variadic(ELLIPSIS, span=axis.span) if isinstance(axis, Anonymous) and axis.word == ELLIPSIS else axis
        for axis in hint.axes
    )


def _locator(function: Callable[..., Any], hints: Mapping[str, TensorHint], result: TensorHint) -> Locate:
    every = {**hints, RETURN: result}
    return locator(
        function, {name: hint.text for name, hint in every.items()}, {n: str(h) for n, h in every.items()}
    )


def _located(
    flaw: Flaw, labels: tuple[str, ...], axes: Sequence[tuple[Axis, ...]], locate: Locate
) -> EquationError:
    """The error for a flaw, at the annotation that has it."""
    if flaw.site is None:
        place, mark = locate(labels[0], None, "")
        return EquationError(Diagnostic(flaw.code, flaw.summary, place, help=flaw.help))
    index = len(labels) if flaw.site.operand is None else flaw.site.operand
    label = RETURN if flaw.site.operand is None else labels[index]
    axis = next(axis for axis in axes[index] if axis.span == flaw.site.span)
    place, mark = locate(label, axis, flaw.label)
    marks = () if mark is None else (mark,)
    return EquationError(Diagnostic(flaw.code, flaw.summary, place, marks, help=flaw.help))


def _refuse_dtypes(hints: Mapping[str, TensorHint], result: TensorHint, locate: Locate) -> None:
    """Refuse annotations whose dtypes can never agree (TE302, TE305)."""
    first, *_ = hints
    shared = hints[first].dtypes
    for name, hint in hints.items():
        if hint.dtypes is not None and shared is not None and not hint.dtypes & shared:
            summary = f"`{first}` is `{hints[first].dtype_name}` and `{name}` is `{hint.dtype_name}`: no dtype is both"
            place, mark = locate(name, None, hint.dtype_name)
            repair = f"torch contracts one dtype at a time: annotate one, and pass {name}.to({first}.dtype)"
            marks = () if mark is None else (mark,)
            raise DtypeError(Diagnostic("TE302", summary, place, marks, help=repair))
        shared = hint.dtypes if shared is None else shared & (hint.dtypes or shared)
    if shared is not None and result.dtypes is not None and not _possible(shared) & result.dtypes:
        summary = f"the result is annotated `{result.dtype_name}`, but these operands never give that"
        place, mark = locate(RETURN, None, result.dtype_name)
        marks = () if mark is None else (mark,)
        repair = f"annotate the result `{hints[first].dtype_name}`"
        raise DtypeError(Diagnostic("TE305", summary, place, marks, help=repair))


def _possible(dtypes: frozenset[Any]) -> frozenset[Any]:
    """The dtypes a contraction of these may give: autocast lowers floats, and sums widen integers."""
    import torch

    floats = any(dtype.is_floating_point for dtype in dtypes)
    integers = any(not dtype.is_floating_point and not dtype.is_complex for dtype in dtypes)
    return dtypes | (AUTOCAST_DTYPES if floats else frozenset()) | ({torch.int64} if integers else frozenset())


def _generated(signature: Signature) -> Any:
    function, hints, result = signature.function, signature.hints, signature.result
    labels = tuple(hints)
    dtypes = tuple(Dtypes(hint.dtypes, hint.dtype_name) for hint in hints.values())
    locate = _locator(function, hints, result)
    contraction = Contraction(signature.equation, labels, dtypes, locate)

    def surprised(operands: tuple[Any, ...], extra: tuple[Any, ...], unknown: dict[str, Any]) -> Tensor:
        _refuse_call(function, labels, operands, extra, unknown)
        if switch.is_off():
            return contraction.run(operands)
        contraction.examine(operands, Bindings())
        return accepted(contraction.run(operands))

    def accepted(value: Tensor) -> Tensor:
        if result.dtypes is None or dtype_of(value) in result.dtypes:
            return value
        summary = f"the result is {short(dtype_of(value))}, which `{result.dtype_name}` does not allow"
        place, mark = locate(RETURN, None, f"{described(value)} here")
        repair = "annotate the dtype that the operands give, or a wider one such as `Float`"
        raise DtypeError(Diagnostic("TE305", summary, place, () if mark is None else (mark,), help=repair))

    outside, source = _compiled(contraction, function, surprised, accepted, result)
    return dressed(
        outside, function, equation=str(signature.equation), source=source, signature_read=signature
    )


def _compiled(
    contraction: Contraction,
    function: Callable[..., Any],
    surprised: Callable[..., Tensor],
    accepted: Callable[[Tensor], Tensor],
    result: TensorHint,
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
    leave = f"{checks.constant('surprised', surprised)}(({', '.join(names)},), {extra}, {unknown})"
    off = f"{checks.constant('switch', switch)}.anywhere_off"
    lines = [f"def {function.__name__}({listed}):"]
    try:
        body = straight_lines(contraction, names, checks, leave)
    except NotStraight:
        lines.append(f"    return {leave}")
    else:
        lines += [f"    if {extra} or {unknown} or {off}:", f"        return {leave}"]
        lines += [f"    {line}" for line in body]
        run = run_line(contraction, names, checks)
        lines.append(f"    return {run if _result_is_sure(contraction, result) else _checked(run, checks, accepted)}")
    return build(function.__name__, lines, checks.namespace, f"{__package__}.generated")


def _checked(run: str, checks: ShapeChecks, accepted: Callable[[Tensor], Tensor]) -> str:
    return f"{checks.constant('accepted', accepted)}({run})"


def _result_is_sure(contraction: Contraction, result: TensorHint) -> bool:
    """Whether every dtype that can come out is one that the result's annotation allows."""
    sets = [dtypes.allowed for dtypes in contraction.dtypes if dtypes.allowed is not None]
    if result.dtypes is None:
        return True
    return bool(sets) and _possible(frozenset.intersection(*sets)) <= result.dtypes


def _refuse_call(
    function: Callable[..., Any],
    labels: tuple[str, ...],
    operands: tuple[Any, ...],
    extra: tuple[Any, ...],
    unknown: dict[str, Any],
) -> None:
    """Refuse a call that does not fit the parameters (TE401 to TE403)."""
    name = function.__name__
    takes = ", ".join(f"`{label}`" for label in labels)
    place = definition_place(function)
    if extra:
        given = len(labels) + len(extra)
        summary = f"`{name}` takes {len(labels)} operands, but {given} were given by position"
        raise ArgumentError(Diagnostic("TE403", summary, place, help=f"it takes {takes}"))
    if unknown:
        wrong = next(iter(unknown))
        near = difflib.get_close_matches(wrong, labels, n=1)
        repair = f"did you mean `{near[0]}`?" if near else f"it takes {takes}"
        raise ArgumentError(Diagnostic("TE402", f"`{name}` has no operand `{wrong}`", place, help=repair))
    absent = [label for label, value in zip(labels, operands, strict=True) if value is MISSING]
    if absent:
        listed = " and ".join(title(label) for label in absent)
        raise ArgumentError(Diagnostic("TE401", f"`{name}` needs {listed}", place, help=f"it takes {takes}"))
