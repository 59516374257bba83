"""`shaped(x, "b m c h w")`: a local value against the names of the running checked function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import Tensor
from torch.compiler import is_dynamo_compiling

from typed_einsum.annotations import (
    NotDescribed,
    TensorHint,
    hint_of_text,
    is_tensor_annotation,
    read_tensor_hint,
)
from typed_einsum.contraction.inline import sharing_lines
from typed_einsum.diagnostics import Diagnostic, Located, Mark, Span
from typed_einsum.equation.axes import Axis, AxisSyntaxError, Fixed, key
from typed_einsum.equation.expressions import NotArithmetic
from typed_einsum.equation.reading import not_a_text
from typed_einsum.errors import ArgumentError, DtypeError, EquationError
from typed_einsum.generated.checks import NotStraight, ShapeChecks
from typed_einsum.generated.compile import build
from typed_einsum.locations import caller_place, passed_text
from typed_einsum.messages import Held, dtype_repair, dtype_summary, facts, shape_error, with_article
from typed_einsum.scopes.scope import Scope, bindings_of, rebind, scopes
from typed_einsum.solver import Labelled, Origin, bind
from typed_einsum.switch import switch
from typed_einsum.tensors import EXACT_TYPES, described, dtype_of, is_tensor, shape_of
from typed_einsum.tracing import constant_while_tracing, keep_for_tracing, traced

T = TypeVar("T", bound=Tensor)

LABEL = "the value"

_checks: dict[Any, Callable[..., Any]] = {}

MOST_KEPT = 4096
"""Compiled texts that are kept; beyond that they are made again."""


def shaped(tensor: T, axes: Any) -> T:
    """Check a local tensor against the axis names of the enclosing checked function, and return it.

    `axes` is the text of an annotation, `"b m c h w"`, or a whole one, `Float[Tensor, "b m c h w"]`. Names
    that the function has bound must agree; new names are bound for the rest of the call.

    Axes: as the text names them.

    Returns: the tensor itself.

    Raises: `ShapeError` (TE2xx), `DtypeError` (TE301, TE304), `ArgumentError` (TE405 outside a function
    decorated with `shape_checked`), `EquationError` (TE105).

    Source: the meaning of names, and of `...`, `_`, `#` and `h*w`, is jaxtyping's.

    Examples:
        >>> import torch
        >>> from jaxtyping import Float
        >>> from torch import Tensor
        >>> from typed_einsum import shape_checked, shaped
        >>> @shape_checked
        ... def heads(x: Float[Tensor, "b t c"]) -> Float[Tensor, "b h t d"]:
        ...     return shaped(x.unflatten(-1, (4, -1)), "b t h d").transpose(1, 2)
        >>> heads(torch.randn(2, 3, 20)).shape
        torch.Size([2, 4, 3, 5])
    """
    stack = scopes.stack
    if not stack:
        if switch.is_off():
            return tensor
        raise _outside()
    if is_dynamo_compiling():
        check = getattr(traced, _named_for_tracing(axes))
    else:
        try:
            check = _checks[axes]
        except (KeyError, TypeError):
            check = compile_shaped(axes)
    checked: T = check(stack[-1], tensor)
    return checked


@constant_while_tracing
def _named_for_tracing(axes: Any) -> str:
    return keep_for_tracing(("shaped", axes), lambda: compile_shaped(axes))


def compile_shaped(axes: Any) -> Callable[..., Any]:
    """Read and compile the axes of a `shaped`, and keep them for the next call."""
    local = _Local(*_read(axes))
    if len(_checks) >= MOST_KEPT:
        _checks.clear()
    made = _checks[axes] = _generated(local)
    return made


def _read(axes: Any) -> tuple[TensorHint, str]:
    if is_tensor_annotation(axes):
        try:
            return read_tensor_hint(axes), str(axes)
        except NotDescribed:
            pass
    elif isinstance(axes, str):
        try:
            return hint_of_text(axes), axes
        except AxisSyntaxError as error:
            mark = Mark(axes, error.span, error.reason)
            summary, repair = (
                f"`{error.word}` is not an axis",
                "an axis is `b`, `*batch`, `...`, `rgb=3` or `#b`",
            )
            raise EquationError(Diagnostic("TE105", summary, caller_place(), (mark,), help=repair)) from None
        except NotArithmetic:
            raise _more_than_arithmetic(axes) from None
    repair = 'write shaped(x, "b c h w"), or shaped(x, Float[Tensor, "b c h w"])'
    raise not_a_text("shaped", "axes", with_article(described(axes)), caller_place(), repair)


def _more_than_arithmetic(text: str) -> EquationError:
    summary, repair = "an expression here may only do arithmetic on names", "compute the size, and name it"
    mark = Mark(text, Span(0, len(text)))
    return EquationError(Diagnostic("TE105", summary, caller_place(), (mark,), help=repair))


@dataclass(eq=False)
class _Local:
    """The axes of one `shaped` text."""

    hint: TensorHint
    text: str

    def examine(self, scope: tuple[Any, ...], value: Any) -> Any:
        """Raise what the value deserves, or bind its names and return it."""
        if switch.is_off():
            return value
        if not isinstance(value, self.hint.kind):
            wanted = "tensor" if not is_tensor(value) else f"`{self.hint.kind.__name__}`"
            summary = f"{LABEL} is not a {wanted} but {with_article(described(value))}"
            repair = "pass what the text asks for" if is_tensor(value) else "pass a torch.Tensor to `shaped`"
            at = self._marked(None, "")
            raise DtypeError(Diagnostic("TE304", summary, at.place, at.marks, help=repair))
        held = Held(Labelled(LABEL, self.hint.axes, shape_of(value)), value)
        if self.hint.dtypes is not None and dtype_of(value) not in self.hint.dtypes:
            summary = dtype_summary(LABEL, value, self.hint.dtype_name)
            repair = dtype_repair(LABEL, self.hint.dtypes, dtype_of(value))
            at = self._marked(None, "")
            raise DtypeError(Diagnostic("TE301", summary, at.place, at.marks, facts([held]), repair))
        here = Scope(*scope)
        bindings = bindings_of(here)
        try:
            conflicts = bind(held.tensor, bindings)
        except NotArithmetic:
            raise _more_than_arithmetic(self.hint.text) from None
        if conflicts:
            raise shape_error(conflicts, [held], lambda *asked: self._located(here, *asked), bindings)
        rebind(here, bindings, lambda _, origin: self._origin(origin.position, origin.axis))
        return value

    def origin_of(self, name: str) -> Origin | None:
        """Where this text takes the size of a name from."""
        for position, axis in enumerate(self.hint.axes):
            if key(axis) == name and not isinstance(axis, Fixed):
                return self._origin(position, axis)
        return None

    def _origin(self, position: int | None, axis: Axis | None) -> Origin:
        return Origin(f"shaped `{self.text}`", position, axis)

    def _located(self, scope: Scope, label: str, axis: Axis | None, said: str) -> Located:
        if label == LABEL:
            return self._marked(axis, said)
        return scope.signature.locate(label, axis, said)

    def _marked(self, axis: Axis | None, said: str) -> Located:
        span = Span(0, len(self.hint.text)) if axis is None else axis.span
        return passed_text(self.hint.text, span, said)


def _generated(local: _Local) -> Callable[..., Any]:
    checks = ShapeChecks("_", {})
    leave = f"{checks.constant('surprised', local.examine)}(scope, tensor)"
    kinds = [kind for kind in EXACT_TYPES if issubclass(kind, local.hint.kind)] or [local.hint.kind]
    types = " and ".join(f"type(tensor) is not {checks.constant('type', kind)}" for kind in kinds)
    guards = [f"{checks.constant('switch', switch)}.anywhere_off", f"({types})"]
    if local.hint.dtypes is not None:
        guards.append(f"tensor.dtype not in {checks.constant('dtypes', local.hint.dtypes)}")
    try:
        unpack, comparisons = checks.tensor("tensor", local.hint.axes)
    except NotStraight:
        return local.examine
    lines = [f"if {' or '.join(guards)}:", f"    return {leave}"]
    lines += ["try:", f"    {unpack}", "except ValueError:", f"    return {leave}"]
    if comparisons:
        lines += [f"if {' or '.join(comparisons)}:", f"    return {leave}"]
    lines += [*sharing_lines(local, checks, leave), "return tensor"]
    return build(
        "shaped", ["def shaped(scope, tensor):", *(f"    {line}" for line in lines)], checks.namespace
    )[0]


def _outside() -> ArgumentError:
    summary = "`shaped` was called outside a checked function, so there are no axis names to compare with"
    repair = "decorate the function that calls it with @shape_checked"
    return ArgumentError(Diagnostic("TE405", summary, caller_place(), help=repair))
