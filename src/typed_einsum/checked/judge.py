"""Calls that jaxtyping and beartype themselves decide, and how their verdict is told."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Mapping
from inspect import Signature
from typing import Any

from typed_einsum.annotations import VERDICTS, by_jaxtyping
from typed_einsum.diagnostics import Diagnostic
from typed_einsum.errors import ArgumentError
from typed_einsum.locations import definition_place


def ask(
    function: Callable[..., Any],
    annotations: Mapping[str, Any],
    bound: inspect.BoundArguments,
    *returned: Any,
) -> None:
    """Have jaxtyping and beartype decide on one call: on its arguments, or on what it returned as well.

    Raises TE406 or TE407.
    """
    signature = bound.signature

    def answer(*_args: Any, **_kwargs: Any) -> Any:
        return returned[0] if returned else None

    if not returned:
        annotations = {name: hint for name, hint in annotations.items() if name in signature.parameters}
        signature = signature.replace(return_annotation=Signature.empty)
    try:
        by_jaxtyping(function, signature, annotations, answer)(*bound.args, **bound.kwargs)
    except VERDICTS as error:
        raise verdict(function, error) from None


def passed_through(function: Callable[..., Any], error: BaseException) -> bool:
    """Whether the error came out of the function's own body, so that it is not about its signature."""
    code = getattr(function, "__code__", None)
    return any(frame.f_code is code for frame, _ in traceback.walk_tb(error.__traceback__))


def verdict(function: Callable[..., Any], error: Exception) -> ArgumentError:
    """What jaxtyping and beartype say, as an error of ours (TE406, TE407)."""
    of_result = "return value" in str(error)
    what = "the result is" if of_result else "the arguments are"
    summary = f"{what} not what the annotations of `{function.__name__}` say"
    notes = tuple(line for line in str(error).splitlines() if line.strip() and not set(line) <= {"-"})
    repair = "this is the verdict of jaxtyping and beartype; compare the values with the annotations above"
    place = definition_place(function)
    return ArgumentError(
        Diagnostic("TE407" if of_result else "TE406", summary, place, notes=notes, help=repair)
    )
