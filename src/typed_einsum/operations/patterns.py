"""The pattern of a view, read once and compiled to a function that checks a tensor and hands it to einops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import einops
import torch
from torch import Tensor

from typed_einsum.annotations import TensorHint
from typed_einsum.diagnostics import Diagnostic, Located, Span
from typed_einsum.equation.axes import Axis, Fixed, Named, Variadic, key
from typed_einsum.equation.equation import Flaw, FlawError
from typed_einsum.equation.patterns import Part, Pattern, linted_pattern, named_axes
from typed_einsum.equation.reading import not_a_text
from typed_einsum.errors import ArgumentError, EquationError, ShapeError
from typed_einsum.generated.checks import NotStraight, ShapeChecks
from typed_einsum.generated.compile import build
from typed_einsum.generated.guards import indent, other_type, unless
from typed_einsum.locations import caller_place, passed_text
from typed_einsum.messages import given_label, is_given, with_article
from typed_einsum.scopes.cache import Cache
from typed_einsum.scopes.scope import Scope, names_source, take_argument
from typed_einsum.scopes.sharing import text_lines
from typed_einsum.scopes.text import AxesText
from typed_einsum.solver import Labelled, Origin
from typed_einsum.switch import switch
from typed_einsum.tensors import described, exact_types

COMPUTE: dict[str, Callable[..., Tensor]] = {"rearrange": einops.rearrange, "repeat": einops.repeat}


@dataclass(eq=False)
class View(AxesText):
    """The pattern of one view. `given` are the names whose sizes a call passes, in that order.

    `check` takes a scope, a tensor and those sizes. It returns the view, and binds names.
    """

    pattern: Pattern = field(kw_only=True)
    given: tuple[str, ...] = field(kw_only=True)

    def __post_init__(self) -> None:
        self._axes = {**named_axes(self.pattern.after), **named_axes(self.pattern.before)}
        letters = {name: f"x{index}" for index, name in enumerate(self._axes)}  # einops refuses some names
        self._letters = {
            name: "..." if isinstance(self._axes[name], Variadic) else letter
            for name, letter in letters.items()
        }
        sides = (self.pattern.before, self.pattern.after)
        self._translated = " -> ".join(" ".join(self._part(part) for part in side) for side in sides)
        self._needed = tuple(dict.fromkeys(self._names_of_sizes()))
        super().__post_init__()

    def view(self, scope: tuple[Any, ...], value: Any, *sizes: Any) -> Tensor:
        """As `check`, by the solver."""
        passed = {**self.pattern.written_sizes, **dict(zip(self.given, sizes, strict=True))}
        for name in self._needed:
            if name not in passed:
                take_argument(scope, name)
        if not switch.is_off():
            beside = [self._passed(name, size) for name, size in passed.items()]
            self.bind(scope, value, beside)
        known = {**Scope(*scope).names, **passed}
        if not switch.is_off():
            self._require_new_sizes(known)
        letters = {self._letters[name]: known[name] for name in self._needed if name in known}
        return COMPUTE[self.function](value, self._translated, **letters)

    def origin_of(self, name: str) -> Origin | None:
        """Where the pattern takes the size of a name from: an axis, or a factor of one."""
        return super().origin_of(name) or (self._origin(None, None) if name in self._axes else None)

    def _names_of_sizes(self) -> list[str]:
        """The names whose sizes einops must be told: of groups that it splits, and of new axes."""
        before = named_axes(self.pattern.before)
        split = [key(axis) for part in self.pattern.before if len(part.axes) > 1 for axis in part.axes]
        new = [name for name in named_axes(self.pattern.after) if name not in before]
        return [name for name in (*split, *new) if name is not None]

    def _part(self, part: Part) -> str:
        letters = " ".join(self._letters[name] if (name := key(axis)) else "1" for axis in part.axes)
        return f"({letters})" if part.grouped else letters

    def _passed(self, name: str, size: Any) -> Labelled:
        if isinstance(size, bool) or not isinstance(size, (int, torch.SymInt)) or size < 0:
            raise _no_size(name, size)
        axis = self._axes[name]
        sizes: Any = (size,)  # one of a trace is a `SymInt`
        return Labelled(given_label(name, size), (Named(name, span=axis.span),), sizes)

    def _require_new_sizes(self, known: dict[str, Any]) -> None:
        for name in self._needed:
            if name not in known:
                summary = f"the new axis `{name}` cannot be computed: `{name}` has no size here"
                at = self._marked(self._axes[name], f"`{name}`?")
                raise ShapeError(
                    Diagnostic("TE206", summary, at.place, at.marks, help=f"pass its size: {name}=…")
                )

    def _located(self, scope: Scope, label: str, axis: Axis | None, said: str) -> Located:
        if is_given(label):
            return self._marked(axis, said)
        return super()._located(scope, label, axis, said)

    def _compiled(self) -> Callable[..., Any]:
        checks = ShapeChecks("_", {})
        sizes = [checks.local() for _ in self.given]
        passed = "".join(f", {size}" for size in sizes)
        leave = f"return {checks.constant('view', self.view)}(scope, tensor{passed})"
        guards = [f"{checks.constant('switch', switch)}.anywhere_off"]
        guards.append(other_type(checks, "tensor", exact_types(self.hint.kind)))
        guards += [f"type({size}) is not int or {size} < 0" for size in sizes]
        for name, number in self.pattern.written_sizes.items():
            checks.known[name] = checks.constant("fixed", number)
        checks.known.update(zip(self.given, sizes, strict=True))
        names, take = names_source("scope"), checks.constant("take_argument", take_argument)
        taken = []
        for name in self._needed:
            if name not in checks.known:
                word = checks.constant("key", name)
                taken += [f"if {word} not in {names}:", f"    {take}(scope, {word})"]
        try:
            lines = text_lines(self, checks, "tensor", self.hint.axes, leave)
        except NotStraight:
            return self.view
        new = [
            f"{checks.constant('key', name)} not in {names}"
            for name in self._needed
            if name not in checks.known
        ]
        held = {name: f"{names}[{checks.constant('key', name)}]" for name in self._needed} | checks.known
        told = "".join(f", {self._letters[name]}={held[name]}" for name in self._needed)
        compute = checks.constant("compute", COMPUTE[self.function])
        result = f"return {compute}(tensor, {checks.constant('pattern', self._translated)}{told})"
        body = [*unless(guards, leave), *taken, *lines, *unless(new, leave), result]
        head = f"def {self.function}(scope, tensor{passed}):"
        return build(self.function, [head, *indent(body)], checks.namespace)[0]


def _no_size(name: str, size: Any) -> ArgumentError:
    summary = f"`{name}` is {with_article(described(size))}, but the size of an axis is an integer"
    repair = f"pass an integer, such as {name}=2"
    if isinstance(size, int) and not isinstance(size, bool):
        summary = f"`{name}` is {size}, but the size of an axis is not negative"
        repair = f"drop `{name}={size}`: a size that follows from the others is not passed"
    return ArgumentError(Diagnostic("TE406", summary, caller_place(), help=repair))


def _view(function: str, pattern: Any, *given: str) -> Callable[..., Tensor]:
    if not isinstance(pattern, str):
        repair = f'write {function}(x, "b t (h d) -> b h t d", h=4)'
        raise not_a_text(function, "pattern", with_article(described(pattern)), caller_place(), repair)
    try:
        read = linted_pattern(pattern, function)
    except FlawError as error:
        raise _refusal(pattern, error.flaw) from None
    known = {**named_axes(read.before), **named_axes(read.after)}
    for name in given:
        if name not in known or name in read.written_sizes:
            summary = f"`{name}=` is the size of an axis that the pattern does not have"
            at = passed_text(pattern, Span(0, len(pattern)), f"no `{name}`")
            if name in known:
                summary = f"`{name}=` is a size that the pattern gives already"
                at = passed_text(pattern, known[name].span, "given here")
            raise ArgumentError(Diagnostic("TE402", summary, at.place, at.marks, help=f"drop `{name}=`"))
    axes = tuple(_plain(part.axis) for part in read.before)
    hint = TensorHint(Tensor, None, "Shaped", pattern, axes)
    return View(function, hint, pattern, pattern=read, given=given).check


VIEWS: Cache[Callable[..., Tensor]] = Cache(_view)


def _plain(axis: Axis) -> Axis:
    """An axis without its written size, which counts as given beside the tensor."""
    return Named(axis.name, span=axis.span) if isinstance(axis, Fixed) and axis.name is not None else axis


def _refusal(pattern: str, flaw: Flaw) -> EquationError:
    span = Span(0, len(pattern)) if flaw.site is None else flaw.site.span
    at = passed_text(pattern, span, flaw.label)
    return EquationError(Diagnostic(flaw.code, flaw.summary, at.place, at.marks, help=flaw.help))
