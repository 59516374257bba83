"""The annotations of a checked function, held against one call by the solver.

This is the slow and sure path: it decides what generated checks cannot, and says what is wrong.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import BoundArguments, Parameter, Signature
from typing import Any

from typed_einsum.annotations import (
    AnyHint,
    BeartypeHint,
    DictHint,
    Hint,
    ListHint,
    OptionalHint,
    PlainHint,
    TensorHint,
    TupleHint,
    UnionHint,
    shown,
)
from typed_einsum.checked.judge import ask
from typed_einsum.checked.owner import axis_sizes_of, prebind
from typed_einsum.decorate.functions import locator
from typed_einsum.diagnostics import Diagnostic
from typed_einsum.equation.axes import Anonymous, Axis, Expression, key
from typed_einsum.equation.expressions import NotArithmetic
from typed_einsum.errors import ArgumentError, DtypeError, TypedEinsumError
from typed_einsum.locations import RETURN
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
    type_repair,
    with_article,
)
from typed_einsum.solver import Bindings, Conflict, Labelled, NotComputable, Origin, bind
from typed_einsum.tensors import described, dtype_of, is_tensor, shape_of, short


@dataclass(eq=False)
class CheckedSignature:
    """A function with a hint for each parameter that has one, and for its result.

    `owner` is the parameter that is the object of a method; its `axis_sizes` are known names. Where not
    every annotation is described (`complete` is False), jaxtyping and beartype decide after the solver.
    """

    function: Callable[..., Any]
    signature: Signature
    annotations: Mapping[str, Any]
    hints: Mapping[str, Hint]
    result: Hint
    owner: str | None
    complete: bool = True
    locate: Locate = field(init=False)

    def __post_init__(self) -> None:
        tensors = dict(self._tensor_hints())
        texts = {label: hint.text for label, hint in tensors.items()}
        self.locate = locator(self.function, texts, {label: str(hint) for label, hint in tensors.items()})

    def examine(self, bound: BoundArguments) -> Bindings:
        """Raise what the arguments of a call deserve, or bind their names. Defaults are not checked."""
        return self.examine_arguments(bound)[0]

    def examine_arguments(self, bound: BoundArguments) -> tuple[Bindings, list[Held]]:
        """As `examine`; also the tensors with an expression whose names have no size yet."""
        arguments = dict(bound.arguments)
        bindings = Bindings(arguments={**self._defaults(), **arguments})
        if self.owner is not None and self.owner in arguments:
            prebind(axis_sizes_of(arguments[self.owner]), bindings)
        held: list[Held] = []
        for label, hint, value in self._given(arguments):
            held += self._tensors(label, hint, value)
        known = bindings.copy()
        try:
            conflicts, waiting = _bind_waiting(held, bindings)
        except NotArithmetic:
            ask(self.function, self.annotations, self.bound(arguments))
            bindings, waiting = known, []
            conflicts = _bind_all([_without_expressions(item) for item in held], bindings)
        if conflicts:
            raise shape_error(conflicts, held, self.locate, bindings)
        return bindings, waiting

    def examine_result(
        self, value: Any, bindings: Bindings, arguments: Mapping[str, Any], waiting: Sequence[Held] = ()
    ) -> None:
        """Raise the error of the result, or of an argument whose expressions still have unbound names."""
        held = self._tensors(RETURN, self.result, value)
        try:
            if self.complete:
                conflicts = _bind_all([*held, *waiting], bindings)
            else:  # jaxtyping has found names where the solver sees none, and computed with them
                conflicts, _ = _bind_waiting(held, bindings)
        except NotArithmetic:
            defaults = self._defaults()
            given = {n: v for n, v in arguments.items() if n not in defaults or v is not defaults[n]}
            ask(self.function, self.annotations, self.bound(given), value)
            return
        if conflicts:
            raise shape_error(conflicts, [*self._held(arguments), *held], self.locate, bindings)

    def origin_of(self, name: str) -> Origin | None:
        """Where the signature takes the size of a name from."""
        for label, hint in self._tensor_hints():
            for position, axis in enumerate(hint.axes):
                if key(axis) == name and label != RETURN:
                    return Origin(label, position, axis)
        return None

    def bound(self, given: Mapping[str, Any]) -> BoundArguments:
        """The arguments of a call as `inspect` has them: without `*args` and `**kwargs` that hold nothing."""
        stars = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
        kinds = {name: parameter.kind for name, parameter in self.signature.parameters.items()}
        arguments = {name: value for name, value in given.items() if kinds[name] not in stars or value}
        return BoundArguments(self.signature, OrderedDict(arguments))

    def named(self, arguments: tuple[Any, ...]) -> dict[str, Any]:
        """The arguments of a call under the names of their parameters."""
        return dict(zip(self.signature.parameters, arguments, strict=True))

    def sizes_of_owner(self, arguments: tuple[Any, ...]) -> Mapping[str, int]:
        """The names that the object of a method knows by itself."""
        return {} if self.owner is None else axis_sizes_of(self.named(arguments)[self.owner]) or {}

    def _held(self, arguments: Mapping[str, Any]) -> list[Held]:
        """The tensors among the arguments, to be shown beside the result."""
        return [
            _held(label, hint, argument)
            for label, hint, argument in self._given(arguments)
            if isinstance(hint, TensorHint) and is_tensor(argument)
        ]

    def _defaults(self) -> dict[str, Any]:
        parameters = self.signature.parameters.values()
        return {p.name: p.default for p in parameters if p.default is not Parameter.empty}

    def _tensor_hints(self) -> Iterator[tuple[str, TensorHint]]:
        for label, hint in (*self.hints.items(), (RETURN, self.result)):
            yield from _inner_tensors(label, hint)

    def _given(self, arguments: Mapping[str, Any]) -> Iterator[tuple[str, Hint, Any]]:
        """Each argument that has a hint; every item of `*args` and `**kwargs` on its own."""
        for name, hint in self.hints.items():
            if name not in arguments:
                continue
            match self.signature.parameters[name].kind:
                case Parameter.VAR_POSITIONAL:
                    yield from ((f"{name}[{i}]", hint, value) for i, value in enumerate(arguments[name]))
                case Parameter.VAR_KEYWORD:
                    yield from ((f"{name}[{k}]", hint, value) for k, value in arguments[name].items())
                case _:
                    yield name, hint, arguments[name]

    def _tensors(self, label: str, hint: Hint, value: Any) -> list[Held]:
        """The tensors in a value whose shapes are to be bound; raises where its type or dtype is wrong."""
        match hint:
            case AnyHint() | ListHint() | DictHint() | UnionHint():
                return []
            case PlainHint(kind):
                if isinstance(value, kind):
                    return []
                raise self._wrong_type(label, value, kind.__qualname__ if kind is not type(None) else "None")
            case BeartypeHint(annotation):
                if hint.accepts(value):
                    return []
                raise self._wrong_type(label, value, shown(annotation))
            case OptionalHint(inner, others):
                if any(other.accepts(value) for other in others):
                    return []
                return self._tensors(label, inner, value)
            case TupleHint(items):
                if not isinstance(value, tuple):
                    raise self._wrong_type(label, value, f"a tuple of {len(items)}")
                if len(value) != len(items):
                    raise self._wrong_type(
                        label, value, f"a tuple of {len(items)}", f"a tuple of {len(value)}"
                    )
                pairs = zip(items, value, strict=True)
                return [
                    t
                    for i, (item, part) in enumerate(pairs)
                    for t in self._tensors(f"{label}[{i}]", item, part)
                ]
            case TensorHint():
                return [self._checked_tensor(label, hint, value)]

    def _checked_tensor(self, label: str, hint: TensorHint, value: Any) -> Held:
        if not isinstance(value, hint.kind):
            raise self._not_a_tensor(label, hint, value)
        item = _held(label, hint, value)
        if hint.dtypes is None or dtype_of(value) in hint.dtypes:
            return item
        at = self.locate(label, None, f"{short(dtype_of(value))} here")
        if label.partition("[")[0] == RETURN:
            repair = dtype_repair(label, hint.dtypes, dtype_of(value))
            summary = dtype_summary(label, value, hint.dtype_name)
            raise DtypeError(Diagnostic("TE305", summary, at.place, at.marks, facts([item]), repair))
        repair = dtype_repair(label, hint.dtypes, dtype_of(value))
        summary = dtype_summary(label, value, hint.dtype_name)
        raise DtypeError(Diagnostic("TE301", summary, at.place, at.marks, facts([item]), repair))

    def _not_a_tensor(self, label: str, hint: TensorHint, value: Any) -> TypedEinsumError:
        if label.partition("[")[0] == RETURN or is_tensor(value):
            return self._wrong_type(label, value, str(hint))
        at = self.locate(label, None, f"{kind_of(value)} here")
        summary = f"{title(label)} is not a tensor but {with_article(described(value))}"
        repair = f"pass a torch.Tensor: torch.as_tensor({code_for(label)}) makes one"
        if value is None:
            repair = f"pass a tensor, or allow None in the annotation: `{hint} | None`"
        return DtypeError(Diagnostic("TE304", summary, at.place, at.marks, help=repair))

    def _wrong_type(self, label: str, value: Any, wanted: str, found: str | None = None) -> ArgumentError:
        is_result = label.partition("[")[0] == RETURN
        place = self.locate(label, None, "").place
        asked = wanted if wanted.startswith("a tuple") else f"`{wanted}`"
        summary = (
            f"{title(label)} is {found or with_article(described(value))}, but its annotation is {asked}"
        )
        repair = type_repair(label, wanted, value)
        return ArgumentError(Diagnostic("TE407" if is_result else "TE406", summary, place, help=repair))


def _bind_all(held: Sequence[Held], bindings: Bindings) -> list[Conflict]:
    return [conflict for item in held for conflict in bind(item.tensor, bindings)]


def _bind_waiting(held: Sequence[Held], bindings: Bindings) -> tuple[list[Conflict], list[Held]]:
    """Bind tensors whose expressions may wait for each other's names; returns those that still wait."""
    conflicts, waiting = _bind_once(held, bindings)
    conflicts += _bind_all([_without_expressions(item) for item in waiting], bindings)
    if conflicts or not waiting:
        return conflicts, []
    return _bind_once(waiting, bindings)


def _bind_once(held: Sequence[Held], bindings: Bindings) -> tuple[list[Conflict], list[Held]]:
    conflicts: list[Conflict] = []
    waiting: list[Held] = []
    for item in held:
        found = bind(item.tensor, bindings)
        if any(isinstance(conflict, NotComputable) and conflict.waits for conflict in found):
            waiting.append(item)
        else:
            conflicts += found
    return conflicts, waiting


def _held(label: str, hint: TensorHint, value: Any) -> Held:
    return Held(Labelled(label, hint.axes, shape_of(value)), value)


def _inner_tensors(label: str, hint: Hint) -> Iterator[tuple[str, TensorHint]]:
    match hint:
        case TensorHint():
            yield label, hint
        case OptionalHint(inner):
            yield from _inner_tensors(label, inner)
        case TupleHint(items):
            for index, item in enumerate(items):
                yield from _inner_tensors(f"{label}[{index}]", item)


def _without_expressions(item: Held) -> Held:
    tensor = item.tensor
    axes: tuple[Axis, ...] = tuple(
        Anonymous(word=axis.text, span=axis.span) if isinstance(axis, Expression) else axis
        for axis in tensor.axes
    )
    return Held(Labelled(tensor.label, axes, tensor.sizes), item.value)
