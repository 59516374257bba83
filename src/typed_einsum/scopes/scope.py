"""The axis names of the checked function that is running, shared by `einsum` and `shaped` inside it.

A scope is a plain tuple, since one is made on every checked call. Each thread has its own stack of them;
a nested checked call pushes its own, so its names are its own.
"""

from __future__ import annotations

import inspect
import threading
import types
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping
from contextlib import contextmanager
from types import CodeType
from typing import Any, NamedTuple, Protocol

from typed_einsum.diagnostics import Located
from typed_einsum.equation.axes import Axis
from typed_einsum.equation.expressions import NotArithmetic
from typed_einsum.errors import TypedEinsumError
from typed_einsum.messages import AXIS_SIZES, Locate
from typed_einsum.solver import Bindings, Origin

ISINSTANCE = "isinstance"
"""The label of names that `isinstance(x, Float[Tensor, "b"])` has bound in the body."""

Names = dict[str, Any]
"""Sizes by name; under `*name` the list of sizes, under `*#name` the same where size 1 may still grow."""


class Source(Protocol):
    """What can say where it bound a name: a signature, an inline equation, a `shaped` text."""

    def origin_of(self, name: str) -> Origin | None:
        """The origin of a name that this source binds."""


class Enclosing(Source, Protocol):
    """What a scope needs to know of the checked function that runs in it."""

    signature: inspect.Signature

    @property
    def code(self) -> CodeType | None:
        """The code of the function itself."""

    @property
    def codes(self) -> frozenset[int]:
        """The identities of all code in which the names are known."""

    @property
    def locate(self) -> Locate:
        """Finds axes in the annotations of the function."""

    def named(self, arguments: tuple[Any, ...]) -> dict[str, Any]:
        """The arguments of a call under the names of their parameters."""

    def is_size(self, name: str) -> bool:
        """Whether an argument of this name may be the size of the axis of this name."""

    def examine(self, bound: inspect.BoundArguments) -> Bindings:
        """The names that the arguments of a call bind. Raises where the arguments are wrong."""


class Scope(NamedTuple):
    """One running call.

    Generated code builds and reads it as a bare tuple, since that is fastest: this module alone knows the
    order, and writes the source for it.
    """

    names: Names
    signature: Enclosing
    arguments: tuple[Any, ...]
    later: list[Source]


SIGNATURE = Scope._fields.index("signature")
"""Where a bare tuple has the signature, for what runs at every `einsum` and `shaped` in a scope."""


def scope_source(names: str, signature: str, arguments: list[str]) -> str:
    """The source of a new scope; the arguments are those of the call, in the order of the parameters."""
    listed = "".join(f"{argument}, " for argument in arguments)
    return f"({names}, {signature}, ({listed}), [])"


def names_source(scope: str) -> str:
    """The source of the names of the scope in a variable."""
    return f"{scope}[{Scope._fields.index('names')}]"


def later_source(scope: str, source: str) -> str:
    """The source that adds what binds names while the function runs."""
    return f"{scope}[{Scope._fields.index('later')}].append({source})"


def signatures(stack: list[tuple[Any, ...]]) -> list[tuple[tuple[Any, ...], Enclosing]]:
    """The scopes of a stack, innermost first, each with its checked function."""
    return [(scope, scope[SIGNATURE]) for scope in reversed(stack)]


class NoFunction:
    """Stands for the checked function where there is none."""

    signature = inspect.Signature()

    def __init__(self, code: CodeType | None = None, codes: frozenset[int] = frozenset()) -> None:
        self.code, self.codes = code, codes

    def locate(self, _label: str, _axis: Axis | None, _said: str) -> Located:
        return Located()

    def named(self, _arguments: tuple[Any, ...]) -> dict[str, Any]:
        return {}

    def is_size(self, _name: str) -> bool:
        return False

    def examine(self, _bound: inspect.BoundArguments) -> Bindings:
        return Bindings()

    def origin_of(self, _name: str) -> Origin | None:
        return None


_no_function = NoFunction()


class _Stacks(threading.local):
    def __init__(self) -> None:
        self.stack: list[tuple[Any, ...]] = []

    def __reduce__(self) -> str:
        """By name, as the switch."""
        return "scopes"


scopes = _Stacks()


@contextmanager
def running(scope: tuple[Any, ...]) -> Iterator[None]:
    """The scope is the innermost one for the length of a block."""
    stack = scopes.stack
    stack.append(scope)
    try:
        yield
    finally:
        stack.pop()


@types.coroutine
def running_async(scope: tuple[Any, ...], coroutine: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Await a coroutine so that the scope is the innermost one whenever it runs, and only then."""
    return (yield from resumed(scope, coroutine))


def resumed(
    scope: tuple[Any, ...],
    inner: Coroutine[Any, Any, Any] | Generator[Any, Any, Any],
    see: Callable[[Any], None] | None = None,
) -> Generator[Any, Any, Any]:
    """Run a coroutine or generator with the scope as the innermost one; `see` is told all that it yields."""
    resume: Callable[[Any], Any] = inner.send
    value: Any = None
    while True:
        try:
            with running(scope):
                item = resume(value)
        except StopIteration as stop:
            return stop.value
        if see is not None:
            try:
                see(item)
            except TypedEinsumError:
                with running(scope):
                    inner.close()
                raise
        try:
            value = yield item
            resume = inner.send
        except BaseException as error:
            value, resume = error, inner.throw


def current() -> Scope | None:
    """The scope of the innermost checked function that is running in this thread."""
    stack = scopes.stack
    return Scope(*stack[-1]) if stack else None


def empty_scope() -> tuple[Any, ...]:
    """A scope without names, for one call alone."""
    return ({}, _no_function, (), [])


def names_of(bindings: Bindings) -> Names:
    """Bindings as the names of a scope."""
    names: Names = dict(bindings.sizes)
    for name, (broadcast, shape) in bindings.variadics.items():
        names[f"*#{name[1:]}" if broadcast else name] = list(shape)
    return names


def take_names(bindings: Bindings, names: Names, label: str) -> None:
    """Add to bindings the names that jaxtyping has bound in an argument with this label."""
    for name, value in names.items():
        plain = name.replace("#", "")
        if name.startswith("*"):
            bindings.variadics[plain] = ("#" in name, tuple(value))
        else:
            bindings.sizes[plain] = value
        bindings.origins.setdefault(plain, Origin(label))


def bindings_of(scope: Scope) -> Bindings:
    """The names of a scope as bindings, each with its origin."""
    arguments = scope.signature.named(scope.arguments)
    bindings = Bindings(arguments=arguments)
    given = _origins_of_arguments(scope, arguments)
    for name, value in scope.names.items():
        plain = name.replace("#", "")
        if name.startswith("*"):
            bindings.variadics[plain] = ("#" in name, tuple(value))
        else:
            bindings.sizes[plain] = value
        bindings.origins[plain] = given.get(plain) or _later_origin(scope, plain) or Origin(ISINSTANCE)
    return bindings


class Later(NamedTuple):
    """Names that the solver bound while the function ran."""

    origins: Mapping[str, Origin]

    def origin_of(self, name: str) -> Origin | None:
        """The origin of a name that was bound here."""
        return self.origins.get(name)


def rebind(scope: Scope, bindings: Bindings, told: Callable[[str, Origin], Origin]) -> None:
    """Write names back to a scope; `told` gives the origin that later messages name for a new one."""
    before = {name.replace("#", "") for name in scope.names}
    scope.names.clear()
    scope.names.update(names_of(bindings))
    new = {name: told(name, origin) for name, origin in bindings.origins.items() if name not in before}
    if new:
        scope.later.append(Later(new))


def take_argument(scope: tuple[Any, ...], name: str) -> None:
    """Give a name that has no size the integer that an argument of this name holds, if there is one."""
    here = Scope(*scope)
    if name in here.names or not here.signature.is_size(name):
        return
    size = here.signature.named(here.arguments)[name]
    if type(size) is int and size >= 0:
        here.names[name] = size
        here.later.append(Later({name: Origin(name)}))


def _origins_of_arguments(scope: Scope, arguments: Mapping[str, Any]) -> Mapping[str, Origin]:
    """The origins of the names that the arguments bound.

    The arguments are examined again: an optional one may be absent, and a `#b` of size 1 binds nothing.
    """
    signature = scope.signature.signature
    given = {
        name: value for name, value in arguments.items() if value is not signature.parameters[name].default
    }
    try:
        return scope.signature.examine(inspect.BoundArguments(signature, OrderedDict(given))).origins
    except (TypedEinsumError, NotArithmetic):  # an argument has changed in place: use its annotation
        return {name: scope.signature.origin_of(name) or Origin(AXIS_SIZES) for name in scope.names}


def _later_origin(scope: Scope, name: str) -> Origin | None:
    for source in scope.later:
        origin = source.origin_of(name)
        if origin is not None:
            return origin
    return None
