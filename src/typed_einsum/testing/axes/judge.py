"""Judges one call: what is wrong with it, and for which sizes that is known."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from typed_einsum.diagnostics import Place
from typed_einsum.locations import definition_place
from typed_einsum.testing.audit import Finding
from typed_einsum.testing.axes.blame import blamed, excuse, raised_at
from typed_einsum.testing.axes.chosen import numbers_chosen
from typed_einsum.testing.axes.conditions import conditions
from typed_einsum.testing.axes.fit import LONG, Fit, fitted
from typed_einsum.testing.axes.forced import forced, forced_by
from typed_einsum.testing.axes.needed import as_numbers, numbers_tried
from typed_einsum.testing.axes.numbers import numbers
from typed_einsum.testing.axes.points import broken
from typed_einsum.testing.axes.resized import first_that_runs, with_falling_numbers
from typed_einsum.testing.axes.sweep import swept
from typed_einsum.testing.axes.undecided import in_plain_words
from typed_einsum.testing.behaviour import behaviour
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.calls.variation import at, with_sizes
from typed_einsum.testing.contracts.promises import Promises
from typed_einsum.testing.inputs.recipe import CannotMake
from typed_einsum.testing.process.outcome import first_line
from typed_einsum.testing.running.attempts import Attempt, attempt, file_of, needs_numbers
from typed_einsum.testing.running.excuses import refused_by_library
from typed_einsum.testing.running.limits import optional_calls

Extent = Literal["all sizes", "these sizes", "not judged"]

NONE = Promises()

BY_VALUES = "its values do not fit other sizes, at which entries are repeated or left out"


@dataclass(frozen=True)
class Judgement:
    """What is found of a call, and how far it reaches.

    Attributes: `name`, `file` and `line` of the function. `extent` is `"all sizes"` where torch's symbolic
    shapes were followed: the annotations hold for every size that the `conditions` allow, on the path that
    the call took. It is `"these sizes"` where the call ran at `sizes` alone, and `"not judged"` where it did
    not; `reason` says why. `findings` are what is wrong.
    """

    name: str
    file: str
    line: int
    extent: Extent
    conditions: tuple[str, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    reason: str = ""


def judge(call: Call, promises: Promises = NONE, *, numbers_too: bool = True) -> Judgement:
    """Everything that is found of a call; without `numbers_too`, what shapes alone say of it."""
    place = place_of(call)
    call = call if call.maker is not None else with_sizes(call)
    fit = fitted(call)
    if fit.forced:
        return _forced(call, fit, place)
    if fit.runs:
        if call.origin == "given" and (failed := _fails_as_given(call, place)) is not None:
            return failed
        fit, ran = _least_mixed(call, fit)
        return _followed(call, fit, ran, promises, place, numbers_too)
    ran = _run(call, fit)
    if ran.error is None:
        reason = (
            f"torch cannot follow its shapes: {in_plain_words(fit.trace.error)}" if fit.trace.error else ""
        )
        rest = _rest(call, ran, promises, place, numbers_too)
        return _judged(place, "these sizes", ran, rest, reason=reason)
    if fit.gave_up and not ran.names_axes and not ran.findings:
        reason = f"no sizes at which it runs were found in {LONG:g} seconds: {first_line(ran.error)}"
        return _judged(place, "not judged", ran, [], reason=reason)
    return _failed(ran, place)


def place_of(call: Call) -> Place:
    """Where the function of a call is defined."""
    function = inspect.unwrap(call.function)
    return definition_place(function) or Place(inspect.getfile(function), 1)


def _fails_as_given(call: Call, place: Place) -> Judgement | None:
    """The judgement of a call that the user gave, where it fails at its own sizes; symbolic shapes say only
    that there are sizes at which it runs."""
    ran = _attempt(call, call.sizes)
    return None if ran.error is None else _failed(ran, place)


def _failed(ran: Attempt, place: Place, wrong: Sequence[Finding] = ()) -> Judgement:
    """The judgement of a call that failed; `wrong` is what is known to be wrong beside."""
    finding, reason = blamed(ran, place)
    findings = [*_once_a_line(ran.findings), *([finding] if finding is not None else []), *wrong]
    if _known(ran.call, findings):
        return _judged(place, "these sizes", ran, findings)
    return _judged(place, "not judged", ran, [], reason=reason or excuse(ran))


def _known(call: Call, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings that are known to be the function's: with what stands in for an argument, no error is."""
    found = dict.fromkeys(findings)
    return tuple(each for each in found if not (call.stand_ins and each.severity == "error"))


def _run(call: Call, fit: Fit) -> Attempt:
    """The call that symbolic shapes say fails: as it fails at the same sizes, or at others where it runs."""
    ran = _attempt(call, fit.trace.call.sizes)
    if ran.error is None or ran.names_axes:
        return ran
    is_refused = ran.refused or bool(refused_by_library(ran.error))
    if is_refused and not _is_large(call) and (found := with_falling_numbers(call)) is not None:
        return found
    if ran.refused or fit.is_about_sizes:
        return ran
    found = first_that_runs(call)
    return found if found.error is None or found.names_axes else ran


def _attempt(call: Call, sizes: Mapping[str, int]) -> Attempt:
    """An attempt on `meta`, or on real numbers where the function needs them."""
    tried = attempt(at(call, sizes, "meta"))
    if _is_large(call):
        return tried
    if tried.error is not None and (tried.refused or needs_numbers(tried.error)):
        try:
            tried = attempt(at(call, sizes, "cpu"))
        except CannotMake:
            return tried
    return tried


def _is_large(call: Call) -> bool:
    """Whether a call was made of an object that is too large to be run on numbers."""
    return call.maker is not None and call.maker.is_large


def _forced(call: Call, fit: Fit, place: Place) -> Judgement:
    """A call that runs where two axes have one size: what the audit sees where they differ, or else that."""
    ran = _attempt(call, call.sizes)
    if ran.findings:
        return _judged(place, "these sizes", ran, _once_a_line(ran.findings))
    if call.stand_ins and ran.error is not None:
        return _judged(place, "not judged", ran, [], reason=excuse(ran))
    if _lacks_axes(call):
        reason = (
            f"it runs where axes have one size, which may be that of what it is called without ({call.at})"
        )
        return _judged(place, "not judged", ran, [], reason=reason)
    at = None if ran.error is None else raised_at(file_of(call), ran.error)
    return _judged(
        place, "these sizes", ran, [forced(each, at or place, call, ran.failed) for each in fit.forced]
    )


def _lacks_axes(call: Call) -> bool:
    """Whether an argument is left out whose axes no other one has: where `context` takes the place of `x`, a
    mask has the axis of the one that is there, and no name says so."""
    return call.variant.passed != "all" and not call.recipe.axis_names <= call.sizes.keys()


def _least_mixed(call: Call, fit: Fit) -> tuple[Fit, Attempt]:
    """A fit with its attempt; where a reshape mixes axes, one of other axes, if it mixes less.

    `x.reshape(b, 2, -1)` needs one of the last axes to be even, and which one is not said.
    """
    ran = _attempt(call, fit.trace.call.sizes)
    if not any(finding.code == "TE703" for finding in ran.findings) or fit.trace.call.sizes == call.sizes:
        return fit, ran
    other = fitted(call, outer_first=True)
    if not other.runs:
        return fit, ran
    tried = _attempt(call, other.trace.call.sizes)
    return (other, tried) if len(tried.findings) < len(ran.findings) else (fit, ran)


def _followed(
    call: Call, fit: Fit, ran: Attempt, promises: Promises, place: Place, numbers_too: bool
) -> Judgement:
    """A call that symbolic shapes follow: for all sizes, unless the run at some says otherwise."""
    wrong = [] if call.stand_ins or _lacks_axes(call) else [*forced_by(fit.trace, place)]
    if ran.error is not None:
        ran = ran if ran.names_axes or _is_large(call) else attempt(at(call, fit.small.sizes, "cpu"))
    extent, reason = _extent(fit)
    if ran.error is not None and (own := _with_own_values(call, ran)) is not None:
        ran, extent, reason = own, "these sizes", BY_VALUES
    if ran.error is not None:
        return _failed(ran, place, wrong)
    once = {f"{name} == {size}" for name, sizes in fit.tried.items() for size in sizes}
    built = {} if call.maker is None else call.maker.own_shape
    fixed = [f"{name} == {size}" for name, size in built.items() if name not in fit.trace.symbols]
    known = tuple(each for each in [*fixed, *conditions(fit.trace)] if each not in once)
    known = (*numbers_chosen(fit.trace.call, known), *known, *numbers_tried(fit.tried))
    findings = [*wrong, *_rest(call, ran, promises, place, numbers_too, fit)]
    return _judged(place, extent, ran, findings, known, reason)


def _with_own_values(call: Call, failed: Attempt) -> Attempt | None:
    """A call that was not made by us, at its own sizes, where it runs. At others, entries of its tensors are
    repeated or left out: what a mask selects then is no longer what the rest of the arguments fits."""
    if call.maker is not None or failed.names_axes or failed.call.on != "cpu":
        return None
    ran = attempt(at(call, {}, "cpu"))
    return ran if ran.error is None else None


def _extent(fit: Fit) -> tuple[Extent, str]:
    """How far a call that ran reaches: an axis that Python needed as a number is known at the sizes tried."""
    unsure = [name for name in broken(fit.trace) if name not in fit.tried]
    if unsure or len(fit.tried) == len(fit.trace.names) > 0:
        names = [f"`{name}`" for name in unsure or fit.tried]
        return "these sizes", f"Python needs {' and '.join(names)} as {as_numbers(names)}"
    return "all sizes", ""


def _rest(
    call: Call, ran: Attempt, promises: Promises, place: Place, numbers_too: bool, fit: Fit | None = None
) -> list[Finding]:
    """What the audit has seen, what holds at 1 and at 0, and what numbers say, as far as time allows."""
    found = list(_once_a_line(ran.findings))
    if numbers_too:
        with optional_calls():
            found.extend(_tried(call, ran, promises, place, fit))
    return found


def _tried(call: Call, ran: Attempt, promises: Promises, place: Place, fit: Fit | None) -> Iterator[Finding]:
    yield from swept(ran, place, fit.trace if fit is not None else None)
    real = numbers(call, fit, place)
    if isinstance(real, Finding):
        yield real
    # Of a tensor without axes in its annotation it is not known which it has.
    elif real is not None and not call.recipe.assumed:
        yield from behaviour(real, promises, place)


def _judged(
    place: Place,
    extent: Extent,
    ran: Attempt,
    findings: Iterable[Finding],
    known: tuple[str, ...] = (),
    reason: str = "",
) -> Judgement:
    name = place.function or ""
    found = _known(ran.call, findings)
    return Judgement(name, place.file, place.line, extent, known, dict(ran.call.sizes), found, reason)


def _once_a_line(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The worst finding of a code in each line: others say the same of other sizes or another tensor."""
    worst: dict[tuple[str, str, int], Finding] = {}
    for finding in findings:
        place = (finding.code, finding.file, finding.line)
        if place not in worst or (finding.severity == "error" != worst[place].severity):
            worst[place] = finding
    yield from worst.values()
