"""Runs one call on symbolic shapes, or on the sizes that it has, and records it."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import sympy
from torch import nn
from torch._dispatch.python import enable_python_dispatcher

from typed_einsum.checked import shape_checked
from typed_einsum.decorate.definition import definition_of
from typed_einsum.errors import TypedEinsumError
from typed_einsum.testing.axes.conditions import conditions
from typed_einsum.testing.axes.quotients import simplified
from typed_einsum.testing.axes.symbols import Symbols
from typed_einsum.testing.axes.trace import Trace, is_untraceable, undisturbed
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.calls.copies import private_objects
from typed_einsum.testing.calls.variation import copied
from typed_einsum.testing.inputs.recipe import CannotMake, Recipe
from typed_einsum.testing.listing.einx_calls import einx_on_symbols
from typed_einsum.testing.listing.entries import EntryPairs
from typed_einsum.testing.listing.equal import paired, size_of_expression
from typed_einsum.testing.listing.project import sources_near
from typed_einsum.testing.listing.recorder import Recorder
from typed_einsum.testing.listing.values import Size
from typed_einsum.testing.names.gathering import sizes_held
from typed_einsum.testing.observe.values import copied as copied_argument
from typed_einsum.testing.process.outcome import first_line
from typed_einsum.testing.running.invoke import run


@dataclass(frozen=True)
class Ran:
    """A call that was recorded. `places` are the symbols with the axes of the arguments that they stand for.

    `final` says what a size is known to be in the end. `error` is what the call raised. Where torch could not
    use symbols for its sizes, `reason` says why. The shapes are known at the sizes of `fixed` alone. `seen`
    are the sizes of the call by place, and `again` runs another call of the same function on symbols.
    `on_values` says that the values of the call chose its path. Axes that an operation goes along `together`
    have one size in every run.
    """

    recorder: Recorder
    places: Mapping[sympy.Symbol, str]
    sizes: Mapping[sympy.Symbol, int]
    final: Callable[[Size], Size]
    error: Exception | None
    reason: str = ""
    trace: Trace | None = None
    fixed: tuple[sympy.Symbol, ...] = ()
    seen: Mapping[str, int] = field(default_factory=dict)
    call: Call | None = None
    again: Callable[[Call], Ran] | None = None
    on_values: bool = False
    together: tuple[tuple[str, str], ...] = ()

    def conditions(self, names: Mapping[sympy.Symbol, str]) -> tuple[str, ...]:
        """For which sizes the call is as it was recorded, in these names."""
        if self.trace is None:
            return ()
        fixed = tuple(f"{names[each]} == {self.sizes[each]}" for each in self.fixed)
        last = {symbol: self.final(symbol) for symbol in self.places}
        merged = {
            symbol: size for symbol, size in last.items() if size != symbol and not isinstance(size, int)
        }
        known = {symbol.name: names[symbol] for symbol in self.places if symbol not in merged}
        asked = [replace(each, asked=each.asked.xreplace(merged)) for each in self.trace.questions]
        questions = tuple(each for each in asked if each.asked.free_symbols)
        found = conditions(Trace(self.trace.call, known, self.trace.sizes, questions, None))
        return tuple(each for each in dict.fromkeys([*found, *fixed]) if not _is_of_a_number(each))


def _is_of_a_number(condition: str) -> bool:
    """Whether an axis that is shown as a number has to be that number, which the listing says."""
    left, _, right = condition.partition(" == ")
    return left == right


def recorded(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Ran:
    """Run a call. Raises `TypeError` where the arguments do not fit the function."""
    return recorded_call(*call_of(function, args, kwargs))


def recorded_call(call: Call, start: Callable[[inspect.BoundArguments], Any] | None = None) -> Ran:
    """Run a call that is bound already."""
    start = start or partial(_as_function, call.function)
    holds = sources_near(call.function)
    symbolic = _on_symbols(call, start, holds)
    if symbolic.error is None:
        return replace(symbolic, call=call, again=lambda other: _on_symbols(other, start, holds))
    real = _on_numbers(call, start, holds)
    if real.error is None or not _fail_alike(real, symbolic):
        return replace(_continued(symbolic, real), call=call)
    return replace(symbolic, error=real.error)


def recorded_on_values(ran: Ran) -> Ran:
    """The run of a call that torch could not follow, with the numbers of the call beside its symbols.

    It takes the path that these numbers lead to. Its shapes are symbols to the end; sizes that the numbers
    decide are symbols of their own, or the number that Python made of one. The run itself where that fails.
    """
    call, error = ran.call, None if ran.trace is None else ran.trace.error
    if call is None or error is None or not is_untraceable(error):
        return ran
    found = _on_symbols(call, partial(_as_function, call.function), sources_near(call.function), values=True)
    return ran if found.error is not None else replace(found, call=call, on_values=True)


def _continued(symbolic: Ran, real: Ran) -> Ran:
    """A run on symbols as far as torch could follow it, and then on the sizes of the call."""
    stopped = [call for call in symbolic.recorder.calls if call.failed]
    if stopped:
        at = f"after line {stopped[-1].failed} of {stopped[-1].source.name}"
        reason = f"at the sizes of this call {at}: torch cannot follow them as symbols there"
    else:
        why = "" if symbolic.error is None else f" ({first_line(symbolic.error)})"
        reason = f"at the sizes of this call: torch cannot follow them as symbols{why}"
    recorder = real.recorder
    recorder.held = [*sizes_held(recorder.calls)]
    for call in recorder.calls:
        call.is_symbolic = False
    for known, call in zip(symbolic.recorder.calls, recorder.calls, strict=False):
        if known.source != call.source:
            break
        call.arguments = known.arguments
        call.steps[: len(known.steps)] = known.steps
        if not known.failed:
            call.result, call.is_symbolic = known.result, True
    equations = symbolic.recorder.equations
    recorder.equations[: len(equations)] = equations
    return replace(symbolic, recorder=recorder, error=real.error, reason=reason)


def _fail_alike(one: Ran, other: Ran) -> bool:
    """Whether two runs end in the same line."""
    lines = [
        [(each.source, each.failed) for each in ran.recorder.calls if each.failed] for ran in (one, other)
    ]
    return lines[0] == lines[1] and bool(lines[0])


def call_of(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Call, Callable[[inspect.BoundArguments], Any]]:
    """A call as a function with arguments by name, and how it is started."""
    inner, owner = function, tuple[Any, ...]()
    start: Callable[[inspect.BoundArguments], Any]
    if isinstance(function, nn.Module):
        inner, owner = type(function).forward, (function,)
        start = _as_module
    elif inspect.ismethod(function):
        inner, owner = function.__func__, (function.__self__,)
        start = partial(_as_function, inner)
    else:
        if isinstance(function, partial):
            inner, args, kwargs = function.func, (*function.args, *args), {**function.keywords, **kwargs}
        start = partial(_as_function, inner)
    try:
        signature = inspect.signature(inner)
    except ValueError:  # a function of torch's own
        return call_of(_python_of(function), args, kwargs)
    bound = signature.bind(*owner, *args, **kwargs)
    recipe = _recipe(inner, signature)
    return Call(inner, recipe, dict(bound.arguments), {}, origin="given"), start


def _python_of(function: Callable[..., Any]) -> Callable[..., Any]:
    def called(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return called


def _as_module(bound: inspect.BoundArguments) -> Any:
    owner, *rest = bound.args
    return owner(*rest, **bound.kwargs)


def _as_function(function: Callable[..., Any], bound: inspect.BoundArguments) -> Any:
    return function(*bound.args, **bound.kwargs)


def _recipe(function: Callable[..., Any], signature: inspect.Signature) -> Recipe:
    """What the annotations of a function say; nothing where it has none that can be read."""
    try:
        definition = definition_of(shape_checked(inspect.unwrap(function)))
        if definition is not None:
            definition.resolve()
            return Recipe(signature, definition.signature.hints, definition.signature.result, assumes=False)
    except (TypedEinsumError, AttributeError, TypeError, ValueError):
        pass
    return Recipe(signature, {})


def _on_symbols(
    call: Call,
    start: Callable[[inspect.BoundArguments], Any],
    holds: Callable[[str], bool],
    *,
    values: bool = False,
) -> Ran:
    recorder = Recorder(holds)
    with undisturbed():
        try:
            symbols = Symbols(call, values=values)
            bound = inspect.BoundArguments(call.recipe.signature, OrderedDict(symbols.arguments()))
        except Exception as error:  # another version of torch, or an object that cannot be copied
            return Ran(recorder, {}, {}, lambda size: size, error)
        with enable_python_dispatcher(), EntryPairs() as entries:  # the first as in `trace`
            raised = _started(start, bound, recorder, symbols.mode)
    env = symbols.env
    sizes = {symbol: env.sizes[symbol.name] for symbol in symbols.made}
    by_entry = [
        (env.known(one), env.known(other))
        for one, other in entries.pairs
        if not isinstance(one, int) and not isinstance(other, int)
    ]
    equal = paired(env.settled, sizes, by_entry)

    def final(size: Size) -> Size:
        if isinstance(size, int):
            return size
        as_one = simplified(env.known(size)).xreplace(equal)
        return size_of_expression(simplified(env.known(as_one)))

    places = {symbol: symbols.names[symbol.name] for symbol in symbols.made}
    traced = Trace(call, dict(symbols.names), dict(env.sizes), env.settled, raised)
    seen = {place: sizes[symbol] for symbol, place in places.items()}
    together = tuple(
        (places[one], places[other])
        for one, other in by_entry
        if one in places and other in places and sizes[one] == sizes[other]
    )
    return Ran(recorder, places, sizes, final, raised, trace=traced, seen=seen, together=together)


def _on_numbers(
    call: Call, start: Callable[[inspect.BoundArguments], Any], holds: Callable[[str], bool]
) -> Ran:
    recorder = Recorder(holds)
    memo: dict[int, Any] = {}
    arguments = {name: copied_argument(value, memo) for name, value in call.arguments.items()}
    try:
        passed = {name: private_objects(value) for name, value in arguments.items() if name != call.owner}
    except CannotMake as refused:
        return Ran(recorder, {}, {}, lambda size: size, refused)
    arguments = {**arguments, **passed}
    if call.owner is not None:
        with suppress(CannotMake):  # an object that cannot be copied is used as it is
            arguments[call.owner] = copied(call.object, "cpu")
    bound = inspect.BoundArguments(call.recipe.signature, OrderedDict(arguments))
    with undisturbed():
        error = _started(start, bound, recorder, nullcontext())
    return Ran(recorder, {}, {}, lambda size: size, error)


def _started(
    start: Callable[[inspect.BoundArguments], Any],
    bound: inspect.BoundArguments,
    recorder: Recorder,
    mode: AbstractContextManager[Any],
) -> Exception | None:
    """Run it, and give what it raised."""
    whole = inspect.Signature([inspect.Parameter("bound", inspect.Parameter.POSITIONAL_ONLY)])
    try:
        with mode, einx_on_symbols(), recorder:
            run(start, inspect.BoundArguments(whole, OrderedDict(bound=bound)))
    except Exception as error:  # the user's code, or torch, which cannot follow it
        return error
    return None
