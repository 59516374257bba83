"""Runs a function in every way that a contract asks for, and collects what is found."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from typed_einsum.checked import shape_checked
from typed_einsum.decorate.definition import definition_of
from typed_einsum.diagnostics import Place
from typed_einsum.errors import TypedEinsumError
from typed_einsum.locations import definition_place
from typed_einsum.testing.audit import Finding, Severity
from typed_einsum.testing.audit.watch import EmptyConvolutions
from typed_einsum.testing.behaviour import behaviour
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.contracts.promises import Promises
from typed_einsum.testing.contracts.report import Report
from typed_einsum.testing.inputs.contents import INTEGERS
from typed_einsum.testing.inputs.draw import Draw, is_prime, primes
from typed_einsum.testing.inputs.numbers import Telling
from typed_einsum.testing.inputs.recipe import CannotMake, Recipe
from typed_einsum.testing.running.attempts import Attempt, Run
from typed_einsum.testing.running.excuses import excuse_of
from typed_einsum.testing.running.failures import excuse, raised_at, squeezed_away, why
from typed_einsum.testing.running.invoke import reseed
from typed_einsum.testing.running.limits import optional_calls
from typed_einsum.testing.running.weights import count_parameters
from typed_einsum.testing.targets.given import subject
from typed_einsum.testing.targets.target import is_checked

MOST_PARAMETERS = 10**8
"""A module with more is run on `meta` alone."""


REFUSALS = {"TE207"}
"""Errors that are legitimate on an empty axis: a maximum over it is undefined."""


@dataclass(frozen=True)
class Check:
    """One checked function with its promises, ready to run. `owner` makes its object on a device."""

    name: str
    function: Callable[..., Any]
    owner: Callable[[str], Any] | None
    place: Place
    promises: Promises

    @classmethod
    def of(cls, fn_or_module: Callable[..., Any], promises: Promises) -> Check:
        """A check of a function, or of the `forward` of a module or of a class of modules, which is built."""
        given = subject(fn_or_module)
        function = given.function
        checked = function if is_checked(function) else shape_checked(function)
        definition = definition_of(checked)
        checked = checked if definition is None else definition.resolve()
        place = definition_place(function) or Place(inspect.getfile(inspect.unwrap(function)), 1)
        return cls(given.name, checked, given.owner, place, promises)

    def run(self) -> Run:
        """How the function is called."""
        recipe = Recipe.of(self.function)
        return Run(self.function, recipe, self.owner, self._file, self.promises.sizes or {})

    def report(self) -> Report:
        """Everything that is found."""
        run = self.run()
        recipe = run.recipe
        try:
            attempts = run.attempts()
        except CannotMake as error:
            return Report(self.name, skipped=str(error))
        findings = list(_once_a_line(finding for attempt in attempts for finding in attempt.findings))
        last = attempts[-1]
        if isinstance(last.error, TypedEinsumError) and not last.refused and not last.draw.stand_ins:
            if reason := excuse_of(last.error, self.function):
                return Report(self.name, skipped=reason)
            findings.append(self._told(last.error))
        elif last.error is not None and not last.findings:  # what was seen says why it failed
            if reason := excuse(last, self.function):
                return Report(self.name, tuple(dict.fromkeys(findings)), skipped=reason)
            text = f"fails at sizes that its annotations allow: {why(last)} (at {last.draw})"
            at = raised_at(self._file, last.error) or self.place
            findings.append(Finding("TE701", "error", text, at.file, at.line, at.column or 1))
        elif last.error is None:
            with optional_calls():
                findings.extend(self._swept(run, recipe, attempts[0]))
                findings.extend(self._moved(run, recipe, attempts[0]))
        return Report(self.name, tuple(dict.fromkeys(findings)), str(attempts[0].draw))

    @property
    def _file(self) -> str:
        return str(inspect.unwrap(self.function).__code__.co_filename)

    def _found(self, code: str, message: str, severity: Severity = "error") -> Finding:
        place = self.place
        return Finding(code, severity, message, place.file, place.line, place.column or 1)

    def _told(self, error: TypedEinsumError, where: str = "") -> Finding:
        """An error of this library as a finding, at the place that it names."""
        at = error.diagnostic.place or self.place
        text = where + error.diagnostic.summary
        # Where nothing binds a name of an expression, the annotation says too little, but nothing wrong.
        severity: Severity = "advice" if error.code == "TE206" else "error"
        return Finding(error.code, severity, text, at.file, at.line, at.column or 1, str(error))

    def _swept(self, run: Run, recipe: Recipe, attempt: Attempt) -> Iterator[Finding]:
        """Each axis at 1 and at 0: what the annotations say must hold there, too.

        An axis whose size is no prime had to fit another one, and is left as it is.
        """
        free = [name for name, size in attempt.draw.sizes.items() if is_prime(size)]
        for name in sorted(recipe.axis_names.intersection(free) - attempt.fitted):
            for size in (1, 0):
                known = {**attempt.draw.sizes, name: size}
                try:
                    with EmptyConvolutions() as emptied:
                        tried = run.attempt(attempt.variant, primes(11), attempt.draw.on, known)
                except CannotMake:
                    continue
                error = tried.error
                if emptied.seen:  # torch returns no channels where a convolution takes none
                    continue
                if isinstance(error, TypedEinsumError) and not tried.refused and error.code not in REFUSALS:
                    yield self._told(error, f"where `{name}` is {size}: ")
                elif error is not None and not tried.refused:
                    yield from squeezed_away(name, attempt, tried)

    def _moved(self, run: Run, recipe: Recipe, first: Attempt) -> Iterator[Finding]:
        """Everything that needs numbers."""
        call = self._call(run, recipe, first)
        if isinstance(call, Finding):
            yield call
        # Of a tensor without axes in its annotation it is not known which it has.
        elif call is not None and not recipe.assumed:
            yield from behaviour(call, self.promises, self.place)

    def _call(self, run: Run, recipe: Recipe, first: Attempt) -> Call | Finding | None:
        """A call on real numbers, if there are sizes at which it runs; or what is wrong if there are none."""
        if self.owner is not None and _is_large(self.owner("meta")):
            return None
        if any(parameter.is_meta for parameter in _parameters(self._object())):
            return None  # torch multiplies such a parameter by real numbers, and returns anything
        tried = run.real_attempt(first.variant)
        if tried is None:
            return self._index_error(run, recipe, first)
        reseed(0)
        draw = Draw(on="cpu", variant=first.variant, known=tried.draw.sizes)
        arguments = recipe.make(draw, self._given(recipe)).arguments
        call = Call(self.function, recipe, arguments, tried.draw.sizes)
        telling = Telling(recipe.hints, call.outputs, call.sizes, dict(arguments)).exchanged()
        return replace(call, arguments={**telling, **self._given(recipe)})

    def _object(self) -> Any:
        """A new object to call, as it is used after training; None for a function."""
        found = None if self.owner is None else self.owner("cpu")
        return found.eval() if isinstance(found, nn.Module) else found

    def _given(self, recipe: Recipe) -> dict[str, Any]:
        if self.owner is None:
            return {}
        return {next(iter(recipe.signature.parameters)): self._object()}

    def _index_error(self, run: Run, recipe: Recipe, first: Attempt) -> Finding | None:
        """An index out of bounds at the sizes that ran on `meta`, which has no contents to look at.

        Where an argument holds indices, they may be ours.
        """
        if any(hint.dtypes is None or not hint.dtypes.isdisjoint(INTEGERS) for hint in recipe.tensors):
            return None
        try:
            tried = run.attempt(first.variant, primes(11), "cpu", first.draw.sizes)
        except CannotMake:
            return None
        if not isinstance(tried.error, IndexError) or tried.refused:
            return None
        at = raised_at(self._file, tried.error) or self.place
        text = f"fails at sizes that its annotations allow: {why(tried)} (at {tried.draw})"
        return Finding("TE701", "error", text, at.file, at.line, at.column or 1)


def _once_a_line(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The worst finding of a code in each line: others say the same of other sizes or another tensor."""
    worst: dict[tuple[str, str, int], Finding] = {}
    for finding in findings:
        place = (finding.code, finding.file, finding.line)
        if place not in worst or (finding.severity == "error" != worst[place].severity):
            worst[place] = finding
    yield from worst.values()


def _is_large(owner: Any) -> bool:
    """Whether a module is too large to be copied and run."""
    return isinstance(owner, nn.Module) and count_parameters(owner) > MOST_PARAMETERS


def _parameters(value: Any) -> Iterator[nn.Parameter]:
    return value.parameters() if isinstance(value, nn.Module) else iter(())
