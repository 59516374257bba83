"""Runs a function in every way that a contract asks for, and collects what is found."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from typed_einsum.checked import shape_checked
from typed_einsum.checked.signature import CheckedSignature
from typed_einsum.decorate.definition import definition_of
from typed_einsum.diagnostics import Diagnostic, Place
from typed_einsum.errors import ArgumentError, TypedEinsumError
from typed_einsum.locations import definition_place
from typed_einsum.testing.annotate.overlay import passed_to
from typed_einsum.testing.audit import Finding
from typed_einsum.testing.axes.blame import told
from typed_einsum.testing.axes.judge import Judgement, judge
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.calls.making import Maker
from typed_einsum.testing.contracts.promises import Promises
from typed_einsum.testing.contracts.report import Report
from typed_einsum.testing.inputs.draw import Draw, Variant
from typed_einsum.testing.inputs.recipe import CannotMake, Recipe
from typed_einsum.testing.running.excuses import excuse_of
from typed_einsum.testing.running.limits import optional_calls
from typed_einsum.testing.targets.given import subject
from typed_einsum.testing.targets.target import is_checked

_OF_KINDS = re.compile(
    r"dtype|scalar type|not implemented for|\b(index|indices|integer|integral|bool|int|long)\b", re.IGNORECASE
)
"""What is said where the numbers in a tensor are of a kind that an operation does not take."""

_SAME_AXES = re.compile(r"\*\w+\[\d+\] == \*\w+\[\d+\]")


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

    @cached_property
    def maker(self) -> Maker:
        """How the function is called. Raises `ArgumentError` (TE409) where it has no axis of a given size."""
        recipe, sizes = Recipe.of(self.function), self.promises.sizes or {}
        known = recipe.axis_names | recipe.result_names | recipe.signature.parameters.keys()
        if unknown := [name for name in sizes if name not in known]:
            raise _no_such_axis(unknown[0], recipe.axis_names | recipe.result_names)
        code = inspect.unwrap(self.function).__code__
        return Maker(self.function, recipe, self.owner, sizes, passed_to(code))

    def report(self) -> Report:
        """Everything that is found of calls that are made from the annotations."""
        try:
            return self._reported(self._judgements())
        except CannotMake as error:
            return Report(self.name, skipped=str(error))

    def report_of(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Report:
        """Everything that is found of one call. Raises `TypeError` where its arguments do not fit."""
        recipe = self.maker.recipe
        recipe.signature.bind_partial(**kwargs)  # a misspelled option is named before a missing argument
        owned = () if self.owner is None else (self.owner("cpu"),)
        bound = recipe.signature.bind(*owned, *args, **kwargs)
        call = Call(self.function, recipe.of_passed, dict(bound.arguments), {}, origin="given")
        if (error := self._refusal(call)) is not None:
            return Report(self.name, (told(error, self.place),))
        return self._reported([judge(call, self.promises)])

    def _reported(self, judgements: Sequence[Judgement]) -> Report:
        judged = [each for each in judgements if each.extent != "not judged"]
        if not judged:
            return Report(self.name, skipped=judgements[0].reason)
        findings, sizes = tuple(_once_a_line(judged)), str(Draw(known=judged[0].sizes))
        if any(each.extent != "all sizes" for each in judged):
            return Report(self.name, findings, sizes)
        conditions = dict.fromkeys(condition for each in judged for condition in each.conditions)
        return Report(self.name, findings, sizes, conditions=tuple(conditions))

    def _judgements(self) -> list[Judgement]:
        """One judgement for each variant of the inputs; where none comes through, one of an alternative."""
        found: list[Judgement] = []
        refused: CannotMake | None = None
        try:
            found.extend(self._of_variants())
        except CannotMake as error:
            refused = error
        for variant in self.maker.recipe.alternatives():
            if not _may_help(variant, found):
                continue
            try:
                other = self._judgement(variant, numbers_too=True)
            except CannotMake:
                continue
            if other.extent != "not judged" and not _has_errors(other):
                rest = (each for each in other.conditions if not _SAME_AXES.fullmatch(each))
                return [replace(other, conditions=(*self._said(variant), *rest))]
            if variant == Variant.TOGETHER and found and not _has_errors(other):
                return [other]  # it fails for another reason than these axes
            if found and not _is_judged(found) and variant == Variant.SINGLE:
                found.insert(0, other)
        if refused is not None and not found:
            raise refused
        return found

    def _of_variants(self) -> Iterator[Judgement]:
        """What is judged of the variants that a function must all take, up to the first that has an error.

        Where two are not judged for one reason, no other is tried.
        """
        is_first, reasons = True, set[str]()
        waiting = list(self.maker.recipe.variants())
        while waiting:
            variant = waiting.pop(0)
            judgement: Judgement | None = None
            with nullcontext() if is_first else optional_calls():
                judgement = self._judgement(variant, numbers_too=is_first)
            if judgement is None:
                return
            if variant.member and not is_first and _only_fails(judgement):
                continue  # which members of unions go together, no annotation says
            is_first = is_first and judgement.extent == "not judged"
            yield judgement
            if _has_errors(judgement) or (is_first and judgement.reason in reasons):
                return
            if is_first:
                reasons.add(judgement.reason)
                waiting.sort(key=lambda each: each != Variant.SPARSE)  # the one that differs most

    def _said(self, variant: Variant) -> Iterator[str]:
        """What a judgement of an alternative is restricted to."""
        names = " and ".join(sorted(self.maker.recipe.spread_labels))
        if variant == Variant.SINGLE:
            yield f"one axis under {names}"
        elif variant == Variant.TOGETHER:
            yield f"the same axes under {names}"

    def _judgement(self, variant: Variant, *, numbers_too: bool) -> Judgement:
        # What is run is made anew from this one, whose object is only looked at.
        call = self.maker.call({}, variant=variant, owner=self.maker.without_numbers)
        if reason := self._does_not_fit(call):
            return Judgement(self.name, self.place.file, self.place.line, "not judged", reason=reason)
        return judge(call, self.promises, numbers_too=numbers_too)

    def _does_not_fit(self, call: Call) -> str:
        """Why arguments that were made are not what the annotations ask for; empty where they are."""
        error = self._refusal(call)
        if error is None:
            return ""
        reason = f"what was made up for it does not fit: {error.diagnostic.summary}"
        return excuse_of(error, self.function) or reason

    def _refusal(self, call: Call) -> TypedEinsumError | None:
        """What the arguments of a call deserve by their annotations."""
        definition = definition_of(self.function)
        if definition is None or not isinstance(definition.signature, CheckedSignature):
            return None
        try:
            definition.signature.examine(call.bound)
        except TypedEinsumError as error:
            return error
        return None


def _no_such_axis(name: str, axes: Iterable[str]) -> ArgumentError:
    named = ", ".join(f"`{each}`" for each in sorted(axes)) or "none"
    summary = f"`sizes` names `{name}`, which no annotation has: the axes are {named}"
    return ArgumentError(Diagnostic("TE409", summary, help="give sizes for these axes only"))


def _has_errors(judgement: Judgement) -> bool:
    return any(finding.severity == "error" for finding in judgement.findings)


def _only_fails(judgement: Judgement) -> bool:
    """Whether all that is wrong is that torch refused the call."""
    errors = {finding.code for finding in judgement.findings if finding.severity == "error"}
    return errors == {"TE701"}


def _may_help(variant: Variant, found: Sequence[Judgement]) -> bool:
    """Whether a call in another variant may say more than those in the usual ones."""
    if not _is_judged(found):
        return variant != Variant.INTEGERS or not found or any(_OF_KINDS.search(e.reason) for e in found)
    if variant == Variant.SINGLE:
        return _has_errors(found[-1])
    return variant == Variant.TOGETHER and _only_fails(found[-1])


def _is_judged(found: Iterable[Judgement]) -> bool:
    return any(each.extent != "not judged" for each in found)


def _once_a_line(judgements: Iterable[Judgement]) -> Iterator[Finding]:
    """The findings; of those of a code in one line, what the first judgement has to say."""
    seen: set[tuple[str, str, int]] = set()
    for judgement in judgements:
        places = {finding: (finding.code, finding.file, finding.line) for finding in judgement.findings}
        yield from (finding for finding, place in places.items() if place not in seen)
        seen.update(places.values())
