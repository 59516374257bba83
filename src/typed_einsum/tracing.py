"""Functions that Dynamo takes for constants, and errors that may leave a trace.

A refusal ends the trace. Dynamo turns exceptions that it does not know into internal errors, so an error that
is raised in a trace is also torch's `UserError`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn, ParamSpec, TypeVar

from torch.compiler import is_dynamo_compiling

from typed_einsum.errors import TypedEinsumError

P = ParamSpec("P")
R = TypeVar("R")


def constant_while_tracing(function: Callable[P, R]) -> Callable[P, R]:
    """Let Dynamo call a function while it traces, and take what it returns as a constant.

    An error of ours leaves the trace as one that Dynamo lets through, see `passing_error`.
    """

    @wraps(function)
    def constant(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except TypedEinsumError as error:
            raise passing_error(error) from None

    # `torch.compiler.assume_constant_result` sets the same mark, but imports Dynamo, which takes a second.
    constant._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return constant


def passing_error(error: TypedEinsumError) -> TypedEinsumError:
    """The error as one that Dynamo lets through: of its own class, and of torch's `UserError`.

    With `fullgraph=True` it reaches the user as it is. Otherwise Dynamo runs the frame without a graph, and
    the call is refused there.
    """
    from torch._dynamo.exc import UserError, UserErrorType

    kind = type(error)

    def begin(self: Any) -> None:
        UserError.__init__(self, UserErrorType.INVALID_INPUT, error.diagnostic.summary)
        self.diagnostic = error.diagnostic

    def reduced(self: Any) -> tuple[Any, ...]:  # a copy, in another process say, is the ordinary error
        return kind, (self.diagnostic,)

    body = {"__init__": begin, "__reduce__": reduced, "__module__": kind.__module__, "__doc__": kind.__doc__}
    made: Any = type(kind.__name__, (kind, UserError), body)
    passing: TypedEinsumError = made()
    return passing


def ends_a_trace(function: Callable[P, R]) -> Callable[P, R]:
    """For source look-ups: while Dynamo traces, calling such a function ends the trace.

    Without `fullgraph=True`, Dynamo then runs the call without a graph, and the message comes from there.
    """

    @wraps(function)
    def asked(*args: P.args, **kwargs: P.kwargs) -> R:
        if is_dynamo_compiling():
            end_the_trace()
        return function(*args, **kwargs)

    return asked


@constant_while_tracing
def end_the_trace(why: str = "") -> NoReturn:
    """End the trace of Dynamo's, with one sentence about what is wrong."""
    from torch._dynamo.exc import UserError, UserErrorType

    said = (
        f"typed-einsum refuses a call in this function, which ends the trace{why and f': {why}'}.\n"
        "help: call the function once without torch.compile, or without fullgraph=True, to read what is wrong"
    )
    raise UserError(UserErrorType.INVALID_INPUT, said)
