"""Generators: every item that one yields is checked, and its body knows the names of the call."""

from __future__ import annotations

import inspect
from collections import abc
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin

from torch.compiler import is_compiling

from typed_einsum.annotations import AnyHint, Hint, ListHint, describe
from typed_einsum.checked.signature import CheckedSignature
from typed_einsum.checked.values import ValueLines
from typed_einsum.decorate.callers import with_caller
from typed_einsum.errors import TypedEinsumError
from typed_einsum.generated.checks import NotStraight, ShapeChecks
from typed_einsum.generated.compile import build
from typed_einsum.generated.guards import indent
from typed_einsum.messages import Held
from typed_einsum.scopes.scope import Scope, bindings_of, resumed, running_async
from typed_einsum.solver.labels import RETURN
from typed_einsum.switch import switch

YIELDING = (
    abc.Iterator,
    abc.Iterable,
    abc.Generator,
    abc.AsyncIterator,
    abc.AsyncIterable,
    abc.AsyncGenerator,
)
"""What annotates the result of a generator function; the first argument is the type of an item."""


def is_generator(function: Callable[..., Any]) -> bool:
    """Whether a call makes a generator, of either kind."""
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def yielded_hint(annotation: Any) -> Hint:
    """The result of a generator function, as a list of its items."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in YIELDING and arguments:
        return ListHint(origin, describe(arguments[0]))
    return describe(annotation)


@dataclass(eq=False)
class Yields:
    """What a generator function yields. `check` says whether an item is sure to fit some names."""

    checked: CheckedSignature
    check: Callable[[Any, dict[str, Any]], bool] = field(init=False)

    def __post_init__(self) -> None:
        self.check = self._compiled()

    @property
    def item(self) -> Hint:
        """The hint of an item."""
        result = self.checked.result
        return result.item if isinstance(result, ListHint) and result.kind in YIELDING else AnyHint()

    def over(self, generator: Any, scope: tuple[Any, ...], unfinished: Sequence[Held] = ()) -> Any:
        """The items of a generator of either kind, checked. In a trace they are not."""
        if is_compiling() or switch.is_off():
            return generator
        if not isinstance(self.checked.result, ListHint | AnyHint):  # such as `Iterator`, or a mistake
            here = Scope(*scope)
            arguments = self.checked.named(here.arguments)
            self.checked.examine_result(generator, bindings_of(here), arguments, unfinished)
        see = _Seen(self, Scope(*scope), unfinished).see
        if isinstance(generator, AsyncGenerator):
            return _over_async(generator, scope, see)
        return _over(generator, scope, see)

    def _compiled(self) -> Callable[[Any, dict[str, Any]], bool]:
        checks = ShapeChecks("_", {})
        try:
            lines = ValueLines(checks, "names", solves=False).lines("item", self.item, "return False")
        except NotStraight:
            return lambda _item, _names: False
        head = "def check(item, names):"
        return build("check", [head, *indent([*lines, "return True"])], checks.namespace)[0]


@dataclass
class _Seen:
    """The items of one call. Names that neither the arguments nor the body have bound may differ by item."""

    yields: Yields
    scope: Scope
    unfinished: Sequence[Held]
    count: int = 0

    def see(self, item: Any) -> None:
        """Check one more item. Raises what is wrong with it."""
        if self.unfinished or not self.yields.check(item, dict(self.scope.names)):
            checked, arguments = self.yields.checked, self.yields.checked.named(self.scope.arguments)
            label, bindings = f"{RETURN}[{self.count}]", bindings_of(self.scope)
            try:
                checked.examine_part(label, self.yields.item, item, bindings, arguments, self.unfinished)
            except TypedEinsumError as error:
                raise with_caller(error) from None
        self.count += 1


def _over(
    generator: Generator[Any, Any, Any], scope: tuple[Any, ...], see: Callable[[Any], None]
) -> Generator[Any, Any, Any]:
    return (yield from resumed(scope, generator, see))


async def _over_async(
    generator: AsyncGenerator[Any, Any], scope: tuple[Any, ...], see: Callable[[Any], None]
) -> AsyncGenerator[Any, Any]:
    resume: Callable[[Any], Any] = generator.asend
    value: Any = None
    while True:
        try:
            item = await running_async(scope, resume(value))
        except StopAsyncIteration:
            return
        try:
            see(item)
        except TypedEinsumError:
            await running_async(scope, generator.aclose())
            raise
        try:
            value = yield item
            resume = generator.asend
        except BaseException as error:
            value, resume = error, generator.athrow
