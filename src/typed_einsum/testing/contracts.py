"""Contracts: what a function's annotations promise, and what it does not say but its readers assume."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from typed_einsum.annotations import TensorHint
from typed_einsum.checked import shape_checked
from typed_einsum.diagnostics import Place
from typed_einsum.equation.axes import Named
from typed_einsum.errors import TypedEinsumError
from typed_einsum.locations import definition_place
from typed_einsum.tensors import shape_of
from typed_einsum.testing import perturbation
from typed_einsum.testing.attempts import Attempt, Run
from typed_einsum.testing.audit import Finding, Severity
from typed_einsum.testing.discovery import is_checked
from typed_einsum.testing.findings import first_line
from typed_einsum.testing.inputs import CannotMake, Recipe
from typed_einsum.testing.perturbation import Call, NoSuchAxis
from typed_einsum.testing.report import Report
from typed_einsum.testing.sizes import Draw, Variant, is_prime, primes

Function = TypeVar("Function", bound=Callable[..., Any])

BATCH = ("b", "batch")
"""Names of an axis whose entries are taken to be independent samples."""

REFUSALS = {"TE207"}
"""Codes that say of a size what may be said of it: no maximum over nothing."""


@dataclass(frozen=True)
class Promises:
    """What a user says of a function beyond its annotations; None where nothing is said."""

    independent: tuple[str, ...] | None = None
    ordered: tuple[str, ...] | None = None
    couples: tuple[str, ...] | None = None
    reference: Callable[..., Any] | None = None
    sizes: Mapping[str, int] | None = None


def contract(
    *,
    independent: str | Sequence[str] | None = None,
    ordered: str | Sequence[str] | None = None,
    couples: str | Sequence[str] | None = None,
    reference: Callable[..., Any] | None = None,
    sizes: Mapping[str, int] | None = None,
) -> Callable[[Function], Function]:
    """Store promises on a function, for `check_contract` to hold it to."""
    promises = Promises(_names(independent), _names(ordered), _names(couples), reference, sizes)

    def store(function: Function) -> Function:
        function.__shape_contract__ = promises  # type: ignore[attr-defined]
        return function

    return store


def check_contract(
    fn_or_module: Callable[..., Any],
    *,
    independent: str | Sequence[str] | None = None,
    ordered: str | Sequence[str] | None = None,
    couples: str | Sequence[str] | None = None,
    reference: Callable[..., Any] | None = None,
    sizes: Mapping[str, int] | None = None,
) -> Report:
    """Run an annotated function, or a module's `forward`, and report what is wrong with its shapes.

    It runs at sizes that tell axes apart: its result and its locals are held to their annotations, every
    call of torch inside is watched, axes are set to 1 and to 0, and samples of a batch must not move each
    other. What is passed here is held in both directions: a promise that is not true is a finding.

    Args:
        fn_or_module: a function with jaxtyping annotations, a `@typed_einsum`, or an `nn.Module`.
        independent: axes whose entries do not affect each other's results.
        ordered: axes whose order matters; permuting any other axis must permute the result.
        couples: batch axes whose entries do affect each other.
        reference: a function of the same arguments that gives the right numbers.
        sizes: sizes for some axis names; the others are chosen.
    """
    stored = getattr(fn_or_module, "__shape_contract__", None) or Promises()
    said = Promises(_names(independent), _names(ordered), _names(couples), reference, sizes)
    given = {name: value for name, value in vars(said).items() if value is not None}
    return _Check.of(fn_or_module, replace(stored, **given)).report()


def assert_contract(fn_or_module: Callable[..., Any], **options: Any) -> None:
    """Raise `AssertionError` with the whole report, unless all that `check_contract` sees is right."""
    report = check_contract(fn_or_module, **options)
    if report.skipped:
        raise AssertionError(f"{report}\n(a contract that cannot be run does not hold)")
    if not report.ok:
        raise AssertionError(str(report))


def _names(names: str | Sequence[str] | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    return tuple(names.split()) if isinstance(names, str) else tuple(names)


@dataclass(frozen=True)
class _Check:
    """One function with its promises, ready to run."""

    name: str
    function: Callable[..., Any]
    owner: Callable[[str], Any] | None
    promises: Promises
    place: Place

    @classmethod
    def of(cls, fn_or_module: Callable[..., Any], promises: Promises) -> _Check:
        """A check of a function, or of a module's `forward`."""
        owner: Callable[[str], Any] | None = None
        function = fn_or_module
        if isinstance(fn_or_module, nn.Module):
            module = fn_or_module
            owner, function = (lambda device: _on(module, device)), type(module).forward
        elif inspect.ismethod(fn_or_module):
            owned = fn_or_module.__self__
            owner, function = (lambda device: owned), fn_or_module.__func__
        checked = function if is_checked(function) else shape_checked(function)
        resolve = inspect.getattr_static(checked, "resolve", None)
        checked = checked if resolve is None else resolve()
        name = getattr(fn_or_module, "__name__", type(fn_or_module).__name__)
        place = definition_place(function) or Place(inspect.getfile(inspect.unwrap(function)), 1)
        return cls(name, checked, owner, promises, place)

    def report(self) -> Report:
        """Everything that is found."""
        signature = self.function.shape_signature  # type: ignore[attr-defined]
        recipe = Recipe(inspect.signature(self.function), signature.hints, signature.result)
        run = Run(self.function, recipe, self.owner, self._file, self.promises.sizes or {})
        try:
            attempts = run.attempts()
        except CannotMake as error:
            return Report(self.name, skipped=str(error))
        findings = [finding for attempt in attempts for finding in attempt.findings]
        findings += self._written_twice(recipe)
        if attempts[-1].error is not None:
            findings += self._failure(attempts[-1])
        else:
            findings += self._swept(run, recipe, attempts[0])
            findings += self._moved(run, recipe)
        return Report(self.name, tuple(dict.fromkeys(findings)), str(attempts[0].draw))

    @property
    def _file(self) -> str:
        return str(inspect.unwrap(self.function).__code__.co_filename)

    def _found(self, code: str, message: str, severity: Severity = "error") -> Finding:
        return Finding(code, severity, message, self.place.file, self.place.line)

    def _failure(self, attempt: Attempt) -> Iterator[Finding]:
        error = attempt.error
        if isinstance(error, TypedEinsumError):
            at = error.diagnostic.place or self.place
            yield Finding(error.code, "error", error.diagnostic.summary, at.file, at.line)
        elif error is not None and not attempt.refused and not attempt.draw.guesses:
            text = f"fails at sizes that its annotations allow: {first_line(error)} (at {attempt.draw})"
            yield self._found("TE701", text)

    def _written_twice(self, recipe: Recipe) -> Iterator[Finding]:
        """`"n n"`: one name for two axes says that they are equal, not which is which."""
        for name, hint in recipe.hints.items():
            if not isinstance(hint, TensorHint):
                continue
            names = [axis.name for axis in hint.axes if isinstance(axis, Named)]
            for twice in dict.fromkeys(axis for axis in names if names.count(axis) > 1):
                text = f'`{name}` is "{hint.text}": name the two roles of `{twice}`, such as `{twice}_in` '
                yield self._found("TE711", f"{text}and `{twice}_out`, and they can be told apart", "advice")

    def _swept(self, run: Run, recipe: Recipe, attempt: Attempt) -> Iterator[Finding]:
        """Each axis at 1 and at 0: what the annotations say must hold there, too.

        An axis whose size is no prime had to fit another one, and is left as it is.
        """
        free = [name for name, size in attempt.draw.sizes.items() if is_prime(size)]
        for name in sorted(recipe.axis_names.intersection(free)):
            for size in (1, 0):
                known = {**attempt.draw.sizes, name: size}
                try:
                    tried = run.attempt(Variant.FULL, primes(11), attempt.draw.on, known)
                except CannotMake:
                    continue
                error = tried.error
                if isinstance(error, TypedEinsumError) and error.code not in REFUSALS:
                    at = error.diagnostic.place or self.place
                    text = f"where `{name}` is {size}: {error.diagnostic.summary}"
                    yield Finding(error.code, "error", text, at.file, at.line)

    def _moved(self, run: Run, recipe: Recipe) -> Iterator[Finding]:
        """Everything that needs numbers."""
        call = self._call(run, recipe)
        if call is None or call.outputs(call.arguments) is None:
            return
        random = call.is_random()
        yield from self._leaks(call, random)
        yield from self._declared(call, recipe)
        if not random:
            yield from self._alignment(call, recipe)
            yield from self._reference(call)

    def _call(self, run: Run, recipe: Recipe) -> Call | None:
        """A call on real numbers, if there are sizes at which it runs."""
        owner = None if self.owner is None else self.owner("cpu")
        if isinstance(owner, nn.Module):
            owner.eval()
        tried = run.real_attempt()
        if tried is None:
            return None
        given = {} if owner is None else {next(iter(recipe.signature.parameters)): owner}
        torch.manual_seed(0)
        arguments = recipe.make(Draw(on="cpu", known=tried.draw.sizes), given).arguments
        return Call(self.function, recipe, arguments)

    def _leaks(self, call: Call, random: bool) -> Iterator[Finding]:
        coupled = self.promises.couples or ()
        for name in BATCH:
            try:
                found = perturbation.moved(call, name)
            except NoSuchAxis:
                continue
            if name in coupled:
                if found is None and perturbation.alone(call, name, 1):
                    yield self._found("TE712", f"`{name}` is said to couple, but no sample moves another")
                continue
            if found is not None:
                text = f"samples leak: changing sample {found[0]} of `{name}` changes the result of sample "
                text += f'{found[1]}; if that is meant, say couples="{name}"'
                yield self._found("TE709", text)
            elif not random and not perturbation.alone(call, name, 1):
                text = f"sample 1 of `{name}`, passed alone, gives another result than in its batch: "
                yield self._found("TE709", text + "something depends on a sample's place in the batch")

    def _declared(self, call: Call, recipe: Recipe) -> Iterator[Finding]:
        for name in self.promises.independent or ():
            try:
                found = perturbation.moved(call, name)
            except NoSuchAxis:
                text = f"`{name}` is said to be independent, but inputs and result do not both have it"
                yield self._found("TE712", text)
                continue
            if found is not None:
                text = (
                    f"`{name}` is said to be independent, but changing entry {found[0]} changes the result "
                )
                yield self._found("TE712", f"{text}at entry {found[1]}")
        if self.promises.ordered is not None:
            yield from self._ordered(call, recipe, self.promises.ordered)

    def _ordered(self, call: Call, recipe: Recipe, ordered: Sequence[str]) -> Iterator[Finding]:
        for name in ordered:
            if name not in recipe.axis_names:
                yield self._found(
                    "TE712", f"`{name}` is said to be ordered, but no argument has such an axis"
                )
        for name in sorted(recipe.axis_names):
            found = perturbation.is_equivariant(call, name)
            if found is True and name in ordered:
                yield self._found("TE712", f"`{name}` is said to be ordered, but the order changes nothing")
            if found is False and name not in ordered:
                text = f'the result does not follow a permutation of `{name}`: say ordered="{name}" if its '
                yield self._found("TE712", f"{text}order matters")

    def _alignment(self, call: Call, recipe: Recipe) -> Iterator[Finding]:
        signed = replace(call, arguments=call.changed(perturbation.centred))
        for axis, holders in perturbation.shared_axes(recipe, call.arguments):
            for name in holders:
                if perturbation.ignores_order(call, axis, name) and perturbation.ignores_order(
                    signed, axis, name
                ):
                    text = (
                        f"permuting `{axis}` in `{name}` alone changes nothing: its entries are not matched "
                    )
                    yield self._found("TE710", f"{text}with those of the other arguments", "advice")

    def _reference(self, call: Call) -> Iterator[Finding]:
        reference = self.promises.reference
        results = call.outputs(call.arguments)
        if reference is None or results is None:
            return
        bound = inspect.BoundArguments(call.recipe.signature, OrderedDict(call.arguments))
        expected = reference(*bound.args, **bound.kwargs)
        for _, result in results[:1]:
            if not isinstance(expected, Tensor) or shape_of(expected) != shape_of(result):
                what = tuple(shape_of(expected)) if isinstance(expected, Tensor) else type(expected).__name__
                yield self._found("TE713", f"the reference gives {what}, not {tuple(shape_of(result))}")
            elif not perturbation.same(expected.to(result.dtype), result):
                most = (expected - result).abs().max().item()
                yield self._found("TE713", f"the numbers differ from the reference by up to {most:.3g}")


def _on(module: nn.Module, device: str) -> nn.Module:
    """A copy of a module on a device, so that the user's own stays as it is."""
    import copy

    if device == "meta":
        return copy.deepcopy(module).to("meta") if _is_small(module) else _as_meta(module)
    return copy.deepcopy(module)


def _is_small(module: nn.Module) -> bool:
    return sum(parameter.numel() for parameter in module.parameters()) < 10**7


def _as_meta(module: nn.Module) -> nn.Module:
    """A copy without numbers, made without ever copying them."""
    import copy

    memo: dict[int, Any] = {}
    for parameter in module.parameters():
        memo[id(parameter)] = nn.Parameter(
            torch.empty_like(parameter, device="meta"), parameter.requires_grad
        )
    for buffer in module.buffers():
        memo[id(buffer)] = torch.empty_like(buffer, device="meta")
    return copy.deepcopy(module, memo)
