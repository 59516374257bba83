"""Holds an observed call to its annotations, with the values that the program has passed and got."""

from __future__ import annotations

import inspect
import io
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from typed_einsum.annotations import AnyHint, tensors_in
from typed_einsum.checked import shape_checked
from typed_einsum.checked.decorator import checked_as
from typed_einsum.checked.signature import CheckedSignature
from typed_einsum.decorate.definition import Definition, definition_of
from typed_einsum.diagnostics import Place
from typed_einsum.errors import TypedEinsumError
from typed_einsum.locations import definition_place
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.inputs.recipe import Recipe
from typed_einsum.testing.observe.owners import held_apart
from typed_einsum.testing.observe.places import below
from typed_einsum.testing.observe.records import Extent, Found, Pattern
from typed_einsum.testing.process.outcome import first_line
from typed_einsum.testing.running.invoke import random_numbers_kept

if TYPE_CHECKING:
    from typed_einsum.testing.audit.findings import Finding


class NamesOfSeveral(Exception):
    """A call is as annotated, if each of several objects has names of its own."""


SHAPES = ("TE1", "TE2", "TE3")
"""The codes of what annotations say wrongly. What others say of a call is no matter of shapes."""


def held(
    function: Callable[..., Any], arguments: Mapping[str, Any], result: Any, seen: Pattern, root: Path
) -> Call | Pattern:
    """The call, if what the program has passed and got is as annotated; else what is wrong with it."""
    try:
        with undisturbed():
            try:
                return _held_to_annotations(function, arguments, result)
            except NamesOfSeveral as error:
                return with_verdict(seen, "these sizes", f"at the sizes seen, where {error}")
            except TypedEinsumError as error:
                return _wrong(seen, error, place_of(function), root)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # ours or the project's, such as `pytest.skip`: never one in the program
        return with_verdict(seen, "not judged", f"judging it raised {first_line(error)}")


def place_of(function: Callable[..., Any]) -> Place:
    """Where a function is defined."""
    plain = inspect.unwrap(function)
    return definition_place(plain) or Place(inspect.getfile(plain), 1)


def _held_to_annotations(function: Callable[..., Any], arguments: Mapping[str, Any], result: Any) -> Call:
    """The call, if what the program has passed and got is as annotated. Raises what is not."""
    definition = _definition_of(function)
    checked = definition.resolve()
    signature: Any = definition.signature
    bound = signature.bound(_without_defaults_of_none(signature, arguments))
    makes = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    looked_at = replace(signature, result=AnyHint()) if makes else signature
    apart: frozenset[str] = frozenset()
    try:
        bindings, waiting = looked_at.examine_arguments(bound)
        looked_at.examine_result(result, bindings, bound.arguments, waiting)
    except TypedEinsumError as error:
        apart = held_apart(looked_at, bound, result, error)
        definition = _without_those(signature, apart)
        checked, signature = definition.resolve(), definition.signature
        rest = (*signature.hints.values(), signature.result)
        if signature.owner in apart or not any(True for hint in rest for _ in tensors_in(hint)):
            raise NamesOfSeveral(f"several objects have one name: {error.diagnostic.summary}") from None
        bindings, _ = signature.examine_arguments(bound)
    recipe = Recipe(signature.signature, signature.hints, signature.result, signature.annotations)
    sizes = dict(bindings.sizes)
    return Call(checked, recipe.of_passed, bound.arguments, sizes, origin="observed", apart=apart)


def _without_those(signature: CheckedSignature, apart: Collection[str]) -> Definition:
    """The definition of a function without the annotations of some arguments, or of the result."""
    annotations = {
        name: Any if name in apart else annotation for name, annotation in signature.annotations.items()
    }
    definition = definition_of(checked_as(signature.function, annotations))
    assert definition is not None
    return definition


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


def _wrong(seen: Pattern, error: TypedEinsumError, place: Place, root: Path) -> Pattern:
    """The annotations do not say what the program does, or cannot be read."""
    at = error.diagnostic.place or place
    if not error.code.startswith(SHAPES):
        return with_verdict(seen, "not judged", error.diagnostic.summary)
    from typed_einsum.testing.audit.findings import Finding  # with all rules, which few runs need

    text = f"{error.diagnostic.summary}, in a call that the program makes"
    finding = Finding(error.code, "error", text, at.file, at.line, at.column or 1, str(error))
    return with_verdict(seen, "these sizes", "at the sizes seen", (found_of(finding, root),))


def with_verdict(seen: Pattern, extent: Extent, text: str, findings: tuple[Found, ...] = ()) -> Pattern:
    """A pattern with what is said of it."""
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
