"""The calls of a checked function that its generated checks leave to the solver."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from typed_einsum.annotations.judging import called_with_names
from typed_einsum.checked.signature import CheckedSignature
from typed_einsum.checked.unchecked import uses_views
from typed_einsum.checked.yields import Yields, is_generator
from typed_einsum.decorate.callers import with_caller
from typed_einsum.decorate.functions import MISSING
from typed_einsum.equation.expressions import NotArithmetic
from typed_einsum.errors import TypedEinsumError
from typed_einsum.messages import Held
from typed_einsum.scopes.scope import Scope, bindings_of, names_of, running, running_async
from typed_einsum.solver import Bindings
from typed_einsum.switch import switch


@dataclass(eq=False)
class Solved:
    """One function whose calls the solver checks. `asks`: its body may ask jaxtyping for names.

    `yields` is there where a call makes a generator, and `outside` is the function that its users know.
    """

    checked: CheckedSignature
    asks: bool
    yields: Yields | None = field(init=False)
    outside: Callable[..., Any] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.yields = Yields(self.checked) if is_generator(self.checked.function) else None

    def _is_off(self) -> bool:
        """Whether checks are off here, or for this function by a `@no_type_check` above."""
        return switch.is_off() or getattr(self.outside, "__no_type_check__", False)

    @cached_property
    def _uses_views(self) -> bool:
        return uses_views(self.checked.function)

    def call(self, values: tuple[Any, ...]) -> Any:
        """The whole call; the values are as the wrapper got them, one for each parameter."""
        bound = self._bound(values)
        run: Callable[[], Any] = lambda: self.checked.function(*bound.args, **bound.kwargs)  # noqa: E731
        if self._is_off():
            if not self._uses_views:
                return run()
            with running(self._scope_of_any(bound)):
                return run()
        scope, unfinished = self._scope(bound)
        if self.yields is not None:
            return self.yields.over(run(), scope, unfinished)
        with running(scope):
            result = self._asking(scope, run) if self.asks else run()
        self._examine(result, scope, unfinished)
        return result

    async def call_async(self, values: tuple[Any, ...]) -> Any:
        """The same for a coroutine function; what it awaits to is its result."""
        bound = self._bound(values)
        if self._is_off():
            coroutine = self.checked.function(*bound.args, **bound.kwargs)
            if not self._uses_views:
                return await coroutine
            return await running_async(self._scope_of_any(bound), coroutine)
        scope, unfinished = self._scope(bound)
        result = await running_async(scope, self.checked.function(*bound.args, **bound.kwargs))
        self._examine(result, scope, unfinished)
        return result

    def check_result(self, result: Any, scope: tuple[Any, ...]) -> Any:
        """The result, of a call whose arguments were right. Raises what is wrong with it."""
        if self._is_off():
            return result
        here = Scope(*scope)
        given = self.checked.not_defaults(self.checked.named(here.arguments))
        # An attribute may have got another shape meanwhile, and its names are in the scope already.
        _, unfinished = self.checked.examine_arguments(self.checked.bound(given), with_attributes=False)
        self._examine(result, here, unfinished)
        return result

    def _bound(self, values: tuple[Any, ...]) -> inspect.BoundArguments:
        named = self.checked.named(values)
        return self.checked.bound({name: value for name, value in named.items() if value is not MISSING})

    def _scope(self, bound: inspect.BoundArguments) -> tuple[Scope, list[Held]]:
        """The scope of a call whose arguments have been examined, and those whose expressions lack names."""
        try:
            bindings, unfinished = self.checked.examine_arguments(bound)
        except TypedEinsumError as error:
            raise with_caller(error) from None
        return self._scope_with(bindings, bound), unfinished

    def _scope_of_any(self, bound: inspect.BoundArguments) -> Scope:
        """The scope of a call that is not checked. Arguments that are wrong bind no names."""
        try:
            return self._scope(bound)[0]
        except (TypedEinsumError, NotArithmetic):
            return self._scope_with(Bindings(), bound)

    def _scope_with(self, bindings: Bindings, bound: inspect.BoundArguments) -> Scope:
        full = inspect.BoundArguments(bound.signature, OrderedDict(bound.arguments))
        full.apply_defaults()
        return Scope(names_of(bindings), self.checked, tuple(full.arguments.values()), [])

    def _asking(self, scope: Scope, run: Callable[[], Any]) -> Any:
        return called_with_names(scope.names, self.checked.named(scope.arguments), run)

    def _examine(self, result: Any, scope: Scope, unfinished: list[Held]) -> None:
        arguments = self.checked.named(scope.arguments)
        try:
            self.checked.examine_result(result, bindings_of(scope), arguments, unfinished)
        except TypedEinsumError as error:
            raise with_caller(error) from None
