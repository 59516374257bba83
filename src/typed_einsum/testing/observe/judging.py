"""What is said of an observed call, once it has returned. It leaves the program as it was."""

from __future__ import annotations

import inspect
import io
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from typed_einsum.checked import shape_checked
from typed_einsum.decorate.definition import Definition, definition_of
from typed_einsum.diagnostics import Place
from typed_einsum.errors import TypedEinsumError
from typed_einsum.locations import definition_place
from typed_einsum.testing.audit import Finding
from typed_einsum.testing.axes.below import Passed
from typed_einsum.testing.axes.judge import Judgement, judge
from typed_einsum.testing.axes.passed import conditions_below
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.contracts.promises import stored_on
from typed_einsum.testing.inputs.recipe import Recipe
from typed_einsum.testing.observe.places import below
from typed_einsum.testing.observe.records import Found, Pattern
from typed_einsum.testing.process.outcome import first_line
from typed_einsum.testing.running.invoke import random_numbers_kept
from typed_einsum.testing.running.limits import OutOfTime, limited

SHAPES = ("TE1", "TE2", "TE3")
"""The codes of what annotations say wrongly. What others say of a call is no matter of shapes."""


PATIENCE = 10.0
"""How many times the limit a call may take where other programs keep the processor busy."""


def judged(
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    result: Any,
    seen: Pattern,
    root: Path,
    limit: float,
) -> Pattern:
    """A pattern with what is said of its first call. `arguments` are copies, `result` is the program's.

    `limit` is in seconds, for each call that is made.
    """
    call = held(function, arguments, result, seen, root)
    return call if isinstance(call, Pattern) else judged_call(call, seen, root, limit)


def held(
    function: Callable[..., Any], arguments: Mapping[str, Any], result: Any, seen: Pattern, root: Path
) -> Call | Pattern:
    """The call, if what the program has passed and got is as annotated; else what is wrong with it."""
    try:
        with undisturbed():
            try:
                return _held_to_annotations(function, arguments, result)
            except TypedEinsumError as error:
                return _told(seen, _of_error(error, _place_of(function)), root)
    except (Exception, SystemExit) as error:  # ours or the project's: never one more in the program
        return _with(seen, "not judged", f"judging it raised {first_line(error)}")


def judged_call(call: Call, seen: Pattern, root: Path, limit: float, *, numbers_too: bool = True) -> Pattern:
    """A pattern with what is said of a call that is as annotated; without `numbers_too`, by shapes alone."""
    try:
        with undisturbed(), limited(limit, patience=PATIENCE):
            said = judge(call, stored_on(call.function), numbers_too=numbers_too)
    except OutOfTime as error:
        return _with(seen, "not judged", str(error))
    except (Exception, SystemExit) as error:  # ours or the project's: never one more in the program
        return _with(seen, "not judged", f"judging it raised {first_line(error)}")
    return _told(seen, said, root)


def judged_below(call: Call, passed: Passed, seen: Pattern) -> Pattern | None:
    """A pattern with what a call above it says of it; None where it has to be judged on its own."""
    try:
        with undisturbed():
            conditions = conditions_below(passed, call, _place_of(call.function))
    except Exception:  # ours: its own run may say more
        return None
    return None if conditions is None else _with(seen, "all sizes", _for_all_sizes(conditions))


def _place_of(function: Callable[..., Any]) -> Place:
    plain = inspect.unwrap(function)
    return definition_place(plain) or Place(inspect.getfile(plain), 1)


def _held_to_annotations(function: Callable[..., Any], arguments: Mapping[str, Any], result: Any) -> Call:
    """The call, if what the program has passed and got is as annotated. Raises what is not."""
    definition = _definition_of(function)
    checked = definition.resolve()
    signature: Any = definition.signature
    bound = signature.bound(_without_defaults_of_none(signature, arguments))
    bindings, waiting = signature.examine_arguments(bound)
    if not inspect.isgeneratorfunction(function) and not inspect.isasyncgenfunction(function):
        signature.examine_result(result, bindings, bound.arguments, waiting)
    recipe = Recipe(signature.signature, signature.hints, signature.result, signature.annotations)
    return Call(checked, recipe, bound.arguments, dict(bindings.sizes), origin="observed")


@lru_cache(maxsize=1024)
def _definition_of(function: Callable[..., Any]) -> Definition:
    """The definition of a function that is not decorated: its annotations are read once."""
    definition = definition_of(shape_checked(function))
    assert definition is not None
    return definition


def _without_defaults_of_none(signature: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments without those that are None by default, whatever their type is: `alpha: float = None`."""
    given = signature.not_defaults(arguments)
    return {name: value for name, value in arguments.items() if value is not None or name in given}


def _of_error(error: TypedEinsumError, place: Place) -> Judgement:
    """The annotations do not say what the program does, or cannot be read."""
    at = error.diagnostic.place or place
    name = place.function or ""
    if not error.code.startswith(SHAPES):
        return Judgement(name, place.file, place.line, "not judged", reason=error.diagnostic.summary)
    text = f"{error.diagnostic.summary}, in a call that the program makes"
    finding = Finding(error.code, "error", text, at.file, at.line, at.column or 1, str(error))
    return Judgement(name, place.file, place.line, "these sizes", findings=(finding,))


def _told(seen: Pattern, said: Judgement, root: Path) -> Pattern:
    sizes = " ".join(f"{name}={size}" for name, size in said.sizes.items())
    match said.extent:
        case "all sizes":
            text = _for_all_sizes(said.conditions)
        case "these sizes":
            text = " ".join(filter(None, (f"at {sizes}" if sizes else "at the sizes seen", said.reason)))
        case "not judged":
            text = said.reason
    found = tuple(found_of(finding, root) for finding in said.findings)
    return _with(seen, said.extent, text, found)


def _for_all_sizes(conditions: Sequence[str]) -> str:
    return f"for all sizes with {', '.join(conditions)}" if conditions else "for all sizes"


def _with(seen: Pattern, extent: Any, text: str, findings: tuple[Found, ...] = ()) -> Pattern:
    return replace(seen, extent=extent, text=text, findings=findings)


def found_of(finding: Finding, root: Path) -> Found:
    """A finding with its place below the root: the program may run in any working directory."""
    file = below(root, finding.file)
    text, message = finding.message, finding.details
    return Found(finding.code, finding.severity, text, file, finding.line, finding.column, message)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Whatever runs here leaves the program's random numbers, streams and warnings as they were."""
    uses_gpus = bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]
    on_gpus = torch.cuda.get_rng_state_all() if uses_gpus else []
    nowhere = io.StringIO()
    try:
        with (
            random_numbers_kept(),
            warnings.catch_warnings(),
            redirect_stdout(nowhere),
            redirect_stderr(nowhere),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        if on_gpus:
            torch.cuda.set_rng_state_all(on_gpus)
