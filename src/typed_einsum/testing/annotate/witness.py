"""Holds every call of a function to its annotations, and writes down which did not keep them.

The program is not disturbed: a call that breaks an annotation goes on as it would. Fields of records, and
attributes of the object, were annotated before: a call that breaks these alone has kept what is to be proved.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from typed_einsum.annotations import AnyHint, holds_record
from typed_einsum.checked import shape_checked
from typed_einsum.decorate.definition import definition_of
from typed_einsum.errors import TypedEinsumError
from typed_einsum.testing.observe.values import is_transformed, told
from typed_einsum.testing.process.outcome import first_line

NAME = f"{__name__}.witnessed"
FOLDER = "TYPED_EINSUM_WITNESSED"
"""The variable of the environment that says where calls are written down."""

MOST = 12
"""Calls of one function that are written down."""

F = TypeVar("F", bound=Callable[..., Any])


def witnessed(function: F) -> F:
    """The function; calls that break its annotations are written down."""
    try:
        definition = definition_of(shape_checked(function))
    except Exception as error:  # the program goes on without an annotation that cannot be judged
        _write(function, {"reason": _reason(error)})
        return function
    signature = inspect.signature(function)
    count = [0, 0]

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        if definition is None or count[1] >= MOST or is_transformed():
            return function(*args, **kwargs)
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError:  # the call says so itself
            return function(*args, **kwargs)
        passed = {name: told(value) for name, value in bound.arguments.items()}
        finish = _examined(definition, bound)
        result = function(*args, **kwargs)  # where it raises, nothing is known of its annotations
        reason = finish(result)
        count[0] += 1
        if count[0] == 1:
            _write(function, {})
        if reason:
            count[1] += 1
            _write(function, {"arguments": passed, "result": told(result), "reason": reason})
        return result

    return called  # type: ignore[return-value]


def _examined(definition: Any, bound: inspect.BoundArguments) -> Callable[[Any], str]:
    """Examine the arguments of a call; what comes back takes its result, and says what is wrong with it all.

    Records and attributes that break what they say themselves are passed over.
    """
    try:
        definition.resolve()
        signature = definition.signature
    except Exception as error:  # of ours, or of an annotation that cannot be evaluated
        reason = _reason(error)
        return lambda _: reason
    whole = _examination(signature, bound)
    before = _examination(_of_records(signature, keep=True), bound)
    new = _examination(_of_records(signature, keep=False), bound, with_attributes=False)

    def finish(result: Any) -> str:
        found = whole(result)
        return new(result) if found and before(result) else found

    return finish


def _of_records(signature: Any, *, keep: bool) -> Any:
    """A signature with the records alone, or without any."""
    hints = {name: hint for name, hint in signature.hints.items() if holds_record(hint) is keep}
    result = signature.result if holds_record(signature.result) is keep else AnyHint()
    return replace(signature, hints=hints, result=result)


def _examination(
    signature: Any, bound: inspect.BoundArguments, *, with_attributes: bool = True
) -> Callable[[Any], str]:
    """What a signature says of a call, once its result is there."""
    try:
        held = signature.bound(dict(bound.arguments))
        bindings, waiting = signature.examine_arguments(held, with_attributes=with_attributes)
    except Exception as error:
        reason = _reason(error)
        return lambda _: reason

    def finish(result: Any) -> str:
        try:
            signature.examine_result(result, bindings, held.arguments, waiting)
        except Exception as error:
            return _reason(error)
        return ""

    return finish


def _reason(error: Exception) -> str:
    match error:
        case TypedEinsumError():
            return f"{error.code} {error.diagnostic.summary}"
        case _:
            return first_line(error)


def _write(function: Callable[..., Any], data: dict[str, Any]) -> None:
    folder = os.environ.get(FOLDER)
    if folder is None:
        return
    code = function.__code__
    name = code.co_qualname.replace("<locals>.", "")
    line = {"file": os.path.realpath(code.co_filename), "name": name, **data}
    # A process that outlives the command finds the folder no more, and has nothing to prove.
    with suppress(OSError), open(Path(folder) / f"{os.getpid()}.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
