"""The axes that a reduction was given as text, held against each tensor by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from typed_einsum.annotations import TensorHint
from typed_einsum.contraction.inline import sharing_lines
from typed_einsum.contraction.operands import no_axes
from typed_einsum.diagnostics import Diagnostic, Located, Span
from typed_einsum.equation.axes import Axis, Fixed, is_variadic, key, spelled
from typed_einsum.errors import DtypeError
from typed_einsum.generated.checks import NotStraight, ShapeChecks
from typed_einsum.generated.compile import build
from typed_einsum.locations import passed_text
from typed_einsum.messages import Held, facts, shape_error, with_article
from typed_einsum.scopes.scope import Scope, bindings_of, rebind, scopes
from typed_einsum.solver import Bindings, Labelled, Origin, bind
from typed_einsum.switch import switch
from typed_einsum.tensors import EXACT_TYPES, described, is_tensor, shape_of

VALUE = "the value"


def name_of(axis: Axis) -> str:
    """The name by which `over=` or a mask speaks of an axis."""
    return key(axis) or spelled(axis)


class _NoFunction:
    """Stands for the enclosing function where there is none."""

    signature = inspect.Signature()
    locate = staticmethod(no_axes)

    def named(self, _arguments: tuple[Any, ...]) -> dict[str, Any]:
        return {}

    def examine(self, _bound: inspect.BoundArguments) -> Bindings:
        return Bindings()

    def origin_of(self, _name: str) -> Origin | None:
        return None


_no_function = _NoFunction()


def enclosing_scope() -> tuple[Any, ...]:
    """The scope of the enclosing checked function, or an empty one for this call."""
    stack = scopes.stack
    return stack[-1] if stack else ({}, _no_function, (), [])


@dataclass(eq=False)
class NamedAxes:
    """The axes of one text, as the function `door` was given it for its value, or for the mask of one.

    `over` are the positions in the text that are reduced.
    """

    door: str
    hint: TensorHint
    label: str
    over: tuple[int, ...] = ()
    check: Callable[[tuple[Any, ...], Any], None] = field(init=False)
    _one_rank: bool = field(init=False)

    def __post_init__(self) -> None:
        self._one_rank = not any(is_variadic(axis) for axis in self.hint.axes)
        self.check = _generated(self)

    def parts(self, rank: int) -> list[tuple[str, int]]:
        """One entry for each axis of a tensor: its name, and the place under it for a `*name`."""
        several = rank - len(self.hint.axes) + 1
        return [
            (name_of(axis), place)
            for axis in self.hint.axes
            for place in range(several if is_variadic(axis) else 1)
        ]

    def positions(self, value: Tensor) -> tuple[int, ...]:
        """The positions to reduce in a value of any rank that the axes allow."""
        if self._one_rank:
            return self.over
        names = {name_of(self.hint.axes[index]) for index in self.over}
        return tuple(i for i, (name, _) in enumerate(self.parts(value.ndim)) if name in names)

    def facts(self, value: Tensor) -> tuple[str, ...]:
        """The line of facts for a value."""
        return facts([Held(Labelled(self.label, self.hint.axes, shape_of(value)), value)])

    def examine(self, scope: tuple[Any, ...], value: Any) -> None:
        """Raise what the value deserves, or bind its names."""
        if switch.is_off():
            return
        if not is_tensor(value):
            summary = f"{self.label} is not a tensor but {with_article(described(value))}"
            repair = f"pass a torch.Tensor to `{self.door}`"
            at = self._marked(None, "")
            raise DtypeError(Diagnostic("TE304", summary, at.place, at.marks, help=repair))
        here = Scope(*scope)
        bindings = bindings_of(here)
        held = Held(Labelled(self.label, self.hint.axes, shape_of(value)), value)
        conflicts = bind(held.tensor, bindings)
        if conflicts:
            raise shape_error(conflicts, [held], lambda *asked: self._located(here, *asked), bindings)
        rebind(here, bindings, lambda _, origin: self._origin(origin.position, origin.axis))

    def origin_of(self, name: str) -> Origin | None:
        """Where this text takes the size of a name from."""
        for position, axis in enumerate(self.hint.axes):
            if key(axis) == name and not isinstance(axis, Fixed):
                return self._origin(position, axis)
        return None

    def _origin(self, position: int | None, axis: Axis | None) -> Origin:
        return Origin(f"{self.door} `{self.hint.text}`", position, axis)

    def _located(self, scope: Scope, label: str, axis: Axis | None, said: str) -> Located:
        if label == self.label:
            return self._marked(axis, said)
        return scope.signature.locate(label, axis, said)

    def _marked(self, axis: Axis | None, said: str) -> Located:
        span = Span(0, len(self.hint.text)) if axis is None else axis.span
        return passed_text(self.hint.text, span, said)


def _generated(text: NamedAxes) -> Callable[[tuple[Any, ...], Any], None]:
    checks = ShapeChecks("_", {})
    leave = f"{checks.constant('surprised', text.examine)}(scope, tensor)"
    types = " and ".join(f"type(tensor) is not {checks.constant('type', kind)}" for kind in EXACT_TYPES)
    try:
        unpack, comparisons = checks.tensor("tensor", text.hint.axes)
    except NotStraight:
        return text.examine
    off = f"{checks.constant('switch', switch)}.anywhere_off"
    lines = [f"if {off} or ({types}):", f"    return {leave}"]
    lines += ["try:", f"    {unpack}", "except ValueError:", f"    return {leave}"]
    if comparisons:
        lines += [f"if {' or '.join(comparisons)}:", f"    return {leave}"]
    lines += sharing_lines(text, checks, leave)
    head = "def reduced(scope, tensor):"
    return build("reduced", [head, *(f"    {line}" for line in lines)], checks.namespace)[0]
