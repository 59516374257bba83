"""A text of axes, such as that of `shaped(x, "b c")`, held against a tensor and the names of the scope."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from typed_einsum.annotations import TensorHint, hint_of_text
from typed_einsum.diagnostics import Diagnostic, Located, Span
from typed_einsum.equation.axes import Axis, AxisSyntaxError, Fixed, key
from typed_einsum.equation.expressions import NotArithmetic
from typed_einsum.errors import DtypeError, EquationError
from typed_einsum.generated.checks import NotStraight, ShapeChecks
from typed_einsum.generated.compile import build
from typed_einsum.generated.guards import indent, other_dtype, other_type, unless
from typed_einsum.locations import passed_text
from typed_einsum.messages import Held, dtype_repair, dtype_summary, facts, shape_error, with_article
from typed_einsum.scopes.scope import Scope, bindings_of, rebind
from typed_einsum.scopes.sharing import text_lines
from typed_einsum.solver import Labelled, Origin
from typed_einsum.solver.together import bind_together
from typed_einsum.switch import switch
from typed_einsum.tensors import described, dtype_of, exact_types, is_tensor

VALUE = "the value"
"""How messages call the tensor beside a text."""


@dataclass(eq=False)
class AxesText:
    """The axes of one text, as `function` was given them for the tensor that messages call `label`.

    `check` takes a scope and a value, and returns the value. It raises what is wrong, or binds names.
    """

    function: str
    hint: TensorHint
    written: str
    label: str = VALUE
    check: Callable[[tuple[Any, ...], Any], Any] = field(init=False)

    def __post_init__(self) -> None:
        self.check = self._compiled()

    def facts(self, value: Any) -> tuple[str, ...]:
        """The line of facts for a value."""
        return facts([self._held(value)])

    def examine(self, scope: tuple[Any, ...], value: Any) -> Any:
        """As `check`, by the solver."""
        if not switch.is_off():
            self.bind(scope, value)
        return value

    def bind(self, scope: tuple[Any, ...], value: Any, beside: Sequence[Labelled] = ()) -> None:
        """Bind the names of a value, and of what is given `beside` it. Raises what is wrong."""
        self._require_type(value)
        held, here = self._held(value), Scope(*scope)
        bindings = bindings_of(here)
        try:
            conflicts = bind_together([*beside, held.tensor], bindings)
        except NotArithmetic:
            raise _more_than_arithmetic(self.hint.text) from None
        if conflicts:
            raise shape_error(conflicts, [held], lambda *asked: self._located(here, *asked), bindings)
        rebind(here, bindings, lambda _, origin: self._origin(origin.position, origin.axis))

    def origin_of(self, name: str) -> Origin | None:
        """Where this text takes the size of a name from."""
        for position, axis in enumerate(self.hint.axes):
            if key(axis) == name and not isinstance(axis, Fixed):
                return self._origin(position, axis)
        return None

    def _require_type(self, value: Any) -> None:
        at = self._marked(None, "")
        if not isinstance(value, self.hint.kind):
            wanted = "tensor" if not is_tensor(value) else f"`{self.hint.kind.__name__}`"
            summary = f"{self.label} is not a {wanted} but {with_article(described(value))}"
            repair = f"pass a torch.Tensor to `{self.function}`"
            repair = "pass what the text asks for" if is_tensor(value) else repair
            raise DtypeError(Diagnostic("TE304", summary, at.place, at.marks, help=repair))
        if self.hint.dtypes is not None and dtype_of(value) not in self.hint.dtypes:
            summary = dtype_summary(self.label, value, self.hint.dtype_name)
            repair = dtype_repair(self.label, self.hint.dtypes, dtype_of(value))
            raise DtypeError(Diagnostic("TE301", summary, at.place, at.marks, self.facts(value), repair))

    def _held(self, value: Any) -> Held:
        return Held.of(self.label, self.hint.axes, value)

    def _origin(self, position: int | None, axis: Axis | None) -> Origin:
        return Origin(f"{self.function} `{self.written}`", position, axis)

    def _located(self, scope: Scope, label: str, axis: Axis | None, said: str) -> Located:
        return self._marked(axis, said) if label == self.label else scope.signature.locate(label, axis, said)

    def _marked(self, axis: Axis | None, said: str) -> Located:
        span = Span(0, len(self.hint.text)) if axis is None else axis.span
        return passed_text(self.hint.text, span, said)

    def _compiled(self) -> Callable[[tuple[Any, ...], Any], Any]:
        checks = ShapeChecks("_", {})
        leave = f"return {checks.constant('examine', self.examine)}(scope, tensor)"
        off = f"{checks.constant('switch', switch)}.anywhere_off"
        guards = [off, other_type(checks, "tensor", exact_types(self.hint.kind))]
        guards += other_dtype(checks, "tensor", self.hint.dtypes)
        try:
            lines = text_lines(self, checks, "tensor", self.hint.axes, leave)
        except NotStraight:
            return self.examine
        body = [*unless(guards, leave), *lines, "return tensor"]
        return build("check", ["def check(scope, tensor):", *indent(body)], checks.namespace)[0]


def passed_hint(text: str) -> TensorHint:
    """The axes in a text that the running call passes. Raises TE105."""
    try:
        return hint_of_text(text)
    except AxisSyntaxError as error:
        summary = f"`{error.word}` is not an axis"
        at = passed_text(text, error.span, error.reason)
        repair = "an axis is `b`, `*batch`, `...`, `rgb=3` or `#b`"
        raise EquationError(Diagnostic("TE105", summary, at.place, at.marks, help=repair)) from None
    except NotArithmetic:
        raise _more_than_arithmetic(text) from None


def _more_than_arithmetic(text: str) -> EquationError:
    summary = "an expression here may only do arithmetic on names"
    at, repair = passed_text(text, Span(0, len(text)), "here"), "compute the size, and name it"
    return EquationError(Diagnostic("TE105", summary, at.place, at.marks, help=repair))
