"""Each axis at 1 and at 0: what the annotations say must hold there, too."""

from __future__ import annotations

from collections.abc import Iterator

from typed_einsum.diagnostics import Place
from typed_einsum.equation.axes import Expression
from typed_einsum.equation.expressions import (
    NotArithmetic,
    Unknown,
    compute,
    expression_of,
    names_in,
    read_expression,
)
from typed_einsum.errors import TypedEinsumError
from typed_einsum.locations import shown_path
from typed_einsum.testing.audit import Finding
from typed_einsum.testing.audit.watch import EmptyConvolutions
from typed_einsum.testing.axes.blame import told
from typed_einsum.testing.axes.trace import Trace
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.calls.variation import at, movable
from typed_einsum.testing.inputs.draw import is_prime
from typed_einsum.testing.inputs.leaves import declared_tensors
from typed_einsum.testing.inputs.recipe import CannotMake
from typed_einsum.testing.process.outcome import first_line
from typed_einsum.testing.running.attempts import Attempt, sizes_of_attempt

LEGITIMATE_ON_EMPTY = {"TE201", "TE207"}
"""Errors that are legitimate on an empty axis: `x[:-1]` of nothing is nothing, and has no maximum."""


def swept(ran: Attempt, place: Place, trace: Trace | None) -> Iterator[Finding]:
    """What is wrong at 1 and at 0.

    An axis whose size is no prime had to fit another one, and is left as it is.
    """
    call = ran.call
    computed = {name for axis in _expressions(call) for name in _names_in(axis)}  # `d+1`: there is a `d`
    for name in sorted(call.recipe.axis_names & movable(call)):
        if not is_prime(call.sizes[name]):
            continue
        for size in (1, 0):
            sizes = {**call.sizes, name: size}
            if (
                (size == 0 and name in computed)
                or not _is_allowed(call, sizes)
                or (trace is not None and _is_refused(trace, sizes))
            ):
                continue
            try:
                with EmptyConvolutions() as emptied:
                    tried = sizes_of_attempt(at(call, sizes, call.on))
            except CannotMake:
                continue
            if emptied.seen:  # torch returns no channels where a convolution takes none
                continue
            error = tried.error
            if (
                isinstance(error, TypedEinsumError)
                and not tried.refused
                and error.code not in LEGITIMATE_ON_EMPTY
            ):
                yield told(error, place, f"where `{name}` is {size}: ")
            elif error is not None and not tried.refused:
                yield from _squeezed_away(name, ran, tried)


def _is_allowed(call: Call, sizes: dict[str, int]) -> bool:
    """Whether no annotation would be of a negative size: `frame-1` says that there is a frame."""
    for axis in _expressions(call):
        try:
            if compute(expression_of(axis.text, call.arguments), sizes) < 0:
                return False
        except (AttributeError, NotArithmetic, Unknown, ZeroDivisionError):
            continue
    return True


def _expressions(call: Call) -> list[Expression]:
    hints = (*call.recipe.tensors, *declared_tensors(call.recipe.result))
    return [axis for hint in hints for axis in hint.axes if isinstance(axis, Expression)]


def _names_in(axis: Expression) -> tuple[str, ...]:
    try:
        return names_in(read_expression(axis.text))
    except NotArithmetic:
        return ()


def _is_refused(trace: Trace, sizes: dict[str, int]) -> bool:
    """Whether the code has asked for another size: as one that must be equal, or divisible."""
    point = trace.point(sizes)
    return any(not each.holds_at(point) for each in trace.conditions if each.is_equality)


def _squeezed_away(name: str, ran: Attempt, tried: Attempt) -> Iterator[Finding]:
    """A `squeeze()` after which a call fails where an axis has one entry: it took that axis, too."""
    for place, dropped in tried.squeezed.items():
        if dropped > ran.squeezed.get(place, dropped):
            assert tried.error is not None
            text = f"where `{name}` is 1, `squeeze()` drops it as well: say which to drop, as in squeeze(1). "
            text += f"It ends with {first_line(tried.error)}"
            yield Finding("TE718", "error", text, shown_path(place[0]), place[1])
