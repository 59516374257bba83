"""The annotations of a checked function, as hints: what its generated checks and the solver start from."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from inspect import BoundArguments, Parameter, Signature
from itertools import chain
from types import CodeType, MappingProxyType
from typing import Any

from typed_einsum.annotations import (
    Hint,
    JudgedHint,
    PlainHint,
    TensorHint,
    tensors_in,
)
from typed_einsum.annotations.judging import Judge
from typed_einsum.checked.attributes import ATTRIBUTES, AttributeChecks, attributes_of
from typed_einsum.checked.examination import Examination
from typed_einsum.checked.owner import axis_sizes_of, prebind
from typed_einsum.checked.parts import Found, found_at
from typed_einsum.decorate.functions import field_located, locator
from typed_einsum.diagnostics import Located
from typed_einsum.equation.axes import Axis, key
from typed_einsum.errors import TypedEinsumError
from typed_einsum.messages import Held, Locate
from typed_einsum.scopes.body import code_of, identities
from typed_einsum.solver import Bindings, Origin
from typed_einsum.solver.labels import RETURN, root_of
from typed_einsum.tensors import is_tensor

STARS = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


@dataclass(eq=False)
class CheckedSignature:
    """A function with a hint for each parameter that has one, and for its result.

    `owner` is the parameter that is the object of a method: it knows names by its `axis_sizes` and by its
    annotated attributes. `_owned` has the attributes of the object that was looked at last.
    """

    function: Callable[..., Any]
    signature: Signature
    annotations: Mapping[str, Any]
    hints: Mapping[str, Hint]
    result: Hint
    owner: str | None
    locate: Locate = field(init=False)
    code: CodeType | None = field(init=False)
    codes: frozenset[int] = field(init=False)
    _judges: dict[tuple[str, ...], Judge] = field(default_factory=dict)
    _owned: AttributeChecks | None = None

    def __post_init__(self) -> None:
        in_function = locator(self.function, self.tensor_at)
        self.locate = lambda label, axis, said: self._located(in_function, label, axis, said)
        self._find_code()

    def _located(self, in_function: Locate, label: str, axis: Axis | None, said: str) -> Located:
        found, tensor = self._found(label), self.tensor_at(label, axis)
        if found is None or found.field is None or tensor is None:
            return in_function(label, axis, said)
        at = field_located(*found.field, tensor, axis, said)
        return at if at.place is not None else replace(at, place=in_function(label, None, "").place)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("code", "codes", "_owned")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Code has another identity in another process."""
        vars(self).update(state, _owned=None)
        self._find_code()

    def _find_code(self) -> None:
        written = code_of(self.function)
        self.code = written[0] if written else None
        self.codes = frozenset[int]().union(*(identities(code, whole=True) for code in written))

    @property
    def judged(self) -> tuple[str, ...]:
        """The parameters that only jaxtyping and beartype can judge."""
        return tuple(name for name, hint in self.hints.items() if isinstance(hint, JudgedHint))

    def judge_of(self, names: tuple[str, ...], fields: Mapping[str, Any] = MappingProxyType({})) -> Judge:
        """jaxtyping and beartype for the annotations of these parameters, or of the result, and of fields."""
        if fields:
            return Judge(self.function, {**{name: self.annotations[name] for name in names}, **fields})
        if names not in self._judges:
            self._judges[names] = Judge(self.function, {name: self.annotations[name] for name in names})
        return self._judges[names]

    def examine(self, bound: BoundArguments) -> Bindings:
        """The names that the arguments of a call bind. Raises what is wrong. Defaults are not checked."""
        try:
            return self.examine_arguments(bound)[0]
        except TypedEinsumError:  # the call has given an attribute another shape, say that of a cache
            return self.examine_arguments(bound, with_attributes=False)[0]

    def examine_arguments(
        self, bound: BoundArguments, *, with_attributes: bool = True
    ) -> tuple[Bindings, list[Held]]:
        """As `examine`; also the tensors with an expression whose names have no size yet."""
        arguments = dict(bound.arguments)
        bindings = Bindings(arguments={**self._defaults(), **arguments})
        if self.owner is not None and self.owner in arguments:
            prebind(axis_sizes_of(arguments[self.owner]), bindings)
        examination = Examination(self, bindings)
        given = self.given(arguments)
        if self.owner is not None and self.owner in arguments and with_attributes:
            owner = arguments[self.owner]
            self._owned = ATTRIBUTES.find(type(owner))
            given = chain(attributes_of(owner, self.owner), given)
        for label, hint, value in given:
            examination.collect(label, hint, value)
        return bindings, examination.bind(self._integers(bindings.arguments))

    def examine_result(
        self, value: Any, bindings: Bindings, arguments: Mapping[str, Any], unfinished: Sequence[Held] = ()
    ) -> None:
        """Raise what is wrong with the result, and with arguments whose expressions still lack names."""
        self.examine_part(RETURN, self.result, value, bindings, arguments, unfinished)

    def examine_part(
        self,
        label: str,
        expected: Hint,
        value: Any,
        bindings: Bindings,
        arguments: Mapping[str, Any],
        unfinished: Sequence[Held],
    ) -> None:
        """As `examine_result`, for one item that a generator yields."""
        examination = Examination(self, bindings)
        if isinstance(expected, JudgedHint):
            for name, hint, argument in self.given(arguments):
                if isinstance(hint, JudgedHint):
                    examination.collect(name, hint, argument)
        examination.collect(label, expected, value)
        examination.finish(unfinished, self._shown(arguments))

    def origin_of(self, name: str) -> Origin | None:
        """Where the signature takes the size of a name from."""
        for label, hint in self.hints.items():
            for tensor in tensors_in(hint):
                for position, axis in enumerate(tensor.axes):
                    if key(axis) == name:
                        return Origin(label, position, axis)
        return None

    def tensor_at(self, label: str, axis: Axis | None) -> TensorHint | None:
        """The tensor hint of an argument or result, or of an item in it: the one that holds the axis."""
        found = self._found(label)
        return None if found is None else found.tensor(axis)

    def _found(self, label: str) -> Found | None:
        name = root_of(label)
        hint = self.result if name == RETURN else self.hints.get(name)
        if name == self.owner and self._owned is not None:
            hint = self._owned.hint
        return None if hint is None else found_at(hint, label)

    def bound(self, given: Mapping[str, Any]) -> BoundArguments:
        """The arguments of a call as `inspect` has them: without `*args` and `**kwargs` that hold nothing."""
        kinds = {name: parameter.kind for name, parameter in self.signature.parameters.items()}
        arguments = {name: value for name, value in given.items() if kinds[name] not in STARS or value}
        return BoundArguments(self.signature, OrderedDict(arguments))

    def named(self, arguments: tuple[Any, ...]) -> dict[str, Any]:
        """The arguments of a call under the names of their parameters."""
        return dict(zip(self.signature.parameters, arguments, strict=True))

    def not_defaults(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments that are not the defaults of their parameters: those are not checked."""
        defaults = self._defaults()
        return {n: v for n, v in arguments.items() if n not in defaults or v is not defaults[n]}

    def given(self, arguments: Mapping[str, Any]) -> Iterator[tuple[str, Hint, Any]]:
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

    def is_size(self, name: str) -> bool:
        """Whether an argument of this name may be the size of the axis of this name."""
        return self.hints.get(name) == PlainHint(int)

    def _integers(self, arguments: Mapping[str, Any]) -> dict[str, int]:
        return {n: v for n, v in arguments.items() if self.is_size(n) and type(v) is int and v >= 0}

    def _shown(self, arguments: Mapping[str, Any]) -> list[Held]:
        """The tensors among the arguments, to be shown beside the result."""
        return [
            Held.of(label, hint.axes, argument)
            for label, hint, argument in self.given(arguments)
            if isinstance(hint, TensorHint) and is_tensor(argument)
        ]

    def _defaults(self) -> dict[str, Any]:
        parameters = self.signature.parameters.values()
        return {p.name: p.default for p in parameters if p.default is not Parameter.empty}
