"""One call, run and watched: what it raised, and what was seen."""

from __future__ import annotations

import dis
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from typed_einsum.errors import TypedEinsumError
from typed_einsum.testing.audit import Finding, Watch
from typed_einsum.testing.audit.annotated import annotated_dimensions
from typed_einsum.testing.audit.dimensions import TrackedAxes
from typed_einsum.testing.audit.repairs import Repair, told_by
from typed_einsum.testing.audit.watch import Sizes
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.inputs.leaves import passed_tensors
from typed_einsum.testing.running.invoke import reseed, run
from typed_einsum.testing.targets.installed import INSTALLED


@dataclass(frozen=True)
class Attempt:
    """A call that was run: what it raised, if anything, and what was seen while it ran.

    `refused` is an exception that the user's own `raise` or `assert` made: the function does not take such
    input. `calls` of torch came through before an error, and `failed` shows the one that did not; each
    `squeeze()` dropped as many axes as `squeezed` says; all results together have so many `entries`.
    """

    call: Call
    error: Exception | None
    refused: bool = False
    findings: tuple[Finding, ...] = ()
    repairs: tuple[Repair, ...] = ()
    calls: int = 0
    failed: str = ""
    squeezed: Mapping[tuple[str, int], int] = field(default_factory=dict)
    entries: int = 0

    @property
    def names_axes(self) -> bool:
        """Whether the message is one of this library."""
        return isinstance(self.error, TypedEinsumError)


def attempt(call: Call) -> Attempt:
    """Run a call, watched. Its object is not to be needed again: the call may change it."""
    reseed(0)
    watch = Watch(TrackedAxes(call.sizes))
    for hint, value in passed_tensors(call.recipe.hints, call.arguments):
        watch.tracked.remember(value, annotated_dimensions(hint.axes, value, watch.tracked))
    error: Exception | None = None
    try:
        with torch.device(call.on), watch:
            run(call.function, call.bound)
    except Exception as raised:  # whatever the user's function raises is what we are here to see
        error = raised
    repairs = (*watch.repairs, *(told_by(error, call.sizes) if error is not None else ()))
    refused = error is not None and is_refusal(error, file_of(call))
    seen = tuple(watch.findings), repairs, watch.calls, watch.failed, watch.squeezed, watch.entries
    return Attempt(call, error, refused, *seen)


def sizes_of_attempt(call: Call) -> Attempt:
    """Run a call, and see its sizes alone: neither findings nor repairs. Its object may be changed, too."""
    reseed(0)
    watch, error = Sizes(), None
    try:
        with torch.device(call.on), watch:
            run(call.function, call.bound)
    except Exception as raised:  # whatever the user's function raises is what we are here to see
        error = raised
    refused = error is not None and is_refusal(error, file_of(call))
    return Attempt(call, error, refused, calls=watch.calls, squeezed=watch.squeezed, entries=watch.entries)


def file_of(call: Call) -> str:
    """The file in which the function of a call is defined."""
    return str(inspect.unwrap(call.function).__code__.co_filename)


def needs_numbers(error: Exception) -> bool:
    """Whether the function asked a meta tensor for its contents, or mixed it with a tensor that has some."""
    return re.search(r"\bmeta\b|register_meta", str(error), re.IGNORECASE) is not None


def is_refusal(error: Exception, file: str) -> bool:
    """Whether the last step was a `raise` or an `assert` in the user's own code, in the folder of the
    file that is checked or below it."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None:
        return False
    code = last.tb_frame.f_code
    is_raise = code.co_code[last.tb_lasti] == dis.opmap["RAISE_VARARGS"]
    return is_raise and _is_of_project(Path(code.co_filename), Path(file).parent)


def _is_of_project(file: Path, folder: Path) -> bool:
    """Whether a file is below a folder, but of no package installed there, and of no other repository."""
    if not file.is_relative_to(folder):
        return False
    between = [each for each in file.parents if each != folder and each.is_relative_to(folder)]
    return not any(each.name in INSTALLED or (each / ".git").exists() for each in between)
