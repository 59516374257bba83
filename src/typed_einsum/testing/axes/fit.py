"""Sizes at which a call runs, all axes with sizes of their own: solved from what a symbolic run asks.

A run at some sizes fails, or it does not. Where it fails, one of the last conditions that it asked had the
wrong outcome: a size is chosen that gives it the other one, and the call runs again. Two axes that have
names of their own never get one size this way. Where nothing else helps, that pair is what the code forces.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

import sympy

from typed_einsum.testing.axes.forced import Forced
from typed_einsum.testing.axes.needed import told_apart
from typed_einsum.testing.axes.points import apart, apart_first, at_other_sizes, candidates
from typed_einsum.testing.axes.shape_env import Question
from typed_einsum.testing.axes.trace import Trace, breaks_annotations, is_untraceable, trace
from typed_einsum.testing.axes.widths import learn, widths_for
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.calls.variation import movable, without_numbers
from typed_einsum.testing.inputs.draw import Falling, is_prime, multiples, primes, rising
from typed_einsum.testing.inputs.recipe import CannotMake
from typed_einsum.testing.running.attempts import file_of, is_refusal
from typed_einsum.testing.running.excuses import ENOUGH_REFUSALS, excuse_of, refused_by_library

Sizes = Mapping[str, int]

MOST_TRACES, LONG = 16, 20.0
"""A call is traced no more often than this, and for so many seconds, before it is said to fail."""

MOST_PAIRS = 4  # of names are tried as one size
MOST_DIVISIBLE = 3  # axes are tried at sizes that what divides them by chance does not divide

LAST = 8  # conditions before a failure that are looked at


@dataclass(frozen=True)
class Fit:
    """The last trace of a call, which ran through unless it has an error, and what the code forces.

    The axes in `tried` are known at these sizes alone. Where the search `gave_up`, there was no time to look
    further.
    """

    trace: Trace
    forced: tuple[Forced, ...] = ()
    tried: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    gave_up: bool = False

    @property
    def runs(self) -> bool:
        """Whether there are sizes at which the call runs, of which no two were made equal."""
        return self.trace.error is None and not self.forced

    @property
    def is_about_sizes(self) -> bool:
        """Whether it failed as it would on real tensors: torch itself could follow the shapes."""
        return self.trace.error is None or not is_untraceable(self.trace.error)

    @property
    def small(self) -> Call:
        """The call at small sizes, where it takes the same path."""
        sizes = apart(self.trace, movable(self.trace.call), 3)
        return without_numbers(self.trace.call, sizes)


def fitted(call: Call, *, outer_first: bool = False) -> Fit:
    """A call at sizes of their own for all axes at which it runs, or as it fails.

    Where several axes could be the one that must be divisible, it is the last; with `outer_first` the first.
    """
    return _Fitting(call, movable(call), outer_first).fit()


def _coincide(ran: Trace, movable: frozenset[str]) -> bool:
    """Whether two axes have one size, of which at least one may have another."""
    sizes = ran.call.sizes
    return any(sizes[name] == size for name in movable for other, size in sizes.items() if other != name)


STARTS: tuple[Callable[[], Iterator[int]], ...] = (
    lambda: multiples(24, 5),
    lambda: Falling(8),
    rising,
)
"""Sizes to go on with: multiples of what often divides an axis, sizes that divide each other."""


@dataclass
class _Fitting:
    """The search for sizes at which one call runs. `movable` are the names whose sizes may be chosen.

    `pairs` are names that a condition would be met by with one size, and `told` is the first failure that
    breaks an annotation: it says more than one of torch. The first failure for a value that the code refuses
    is `beyond` those of sizes; `refused` counts those of libraries. From `stuck` on torch follows no shapes.
    """

    call: Call
    movable: frozenset[str]
    outer_first: bool
    begun: float = field(default_factory=time.process_time)
    traces: int = 0
    pairs: dict[Forced, Sizes] = field(default_factory=dict)
    told: Trace | None = None
    beyond: Trace | None = None
    stuck: Trace | None = None
    refused: Counter[str] = field(default_factory=Counter)
    most: int = MOST_TRACES

    def fit(self) -> Fit:
        """The call at sizes where it runs, or how it fails at the first of them."""
        first = trace(without_numbers(self.call, {**self.call.sizes, **widths_for(self.call)}))
        ran = self._repaired(first)
        for start in STARTS:
            if ran is not None or not _is_about_sizes(first) or self._is_over:
                break
            ran = self._repaired_from(start())
        learn(self.call, ran or self.beyond or self.stuck)
        if ran is not None:
            ran = self._with_sizes_apart(ran)
            told, tried = told_apart(ran)
            found = self._sharper(told)
            if self.call.maker is None:
                found = self._less_divisible(found)
            if found is not told:
                told, tried = told_apart(found)
            return Fit(told, (), tried)
        if (failed := self.told or self.stuck) is not None:
            return Fit(failed)
        for forced, equal in list(self.pairs.items())[:MOST_PAIRS]:
            self.most = self.traces + MOST_TRACES // MOST_PAIRS
            ran = self._repaired(self._trace(equal))
            if ran is not None:
                return Fit(ran, (forced,))
        return Fit(self.beyond or first, gave_up=self._is_late)

    def _with_sizes_apart(self, ran: Trace) -> Trace:
        """A trace of a program's own call in which axes share a size by chance; at others, if it runs there.

        Where torch asks whether two such axes are equal, it takes the path on which they are.
        """
        if self.call.maker is not None or not _coincide(ran, self.movable):
            return ran
        for start in STARTS:
            apart = None if self._is_over else self._repaired_from(start())
            if apart is not None and not _coincide(apart, self.movable):
                return apart
        return ran

    @property
    def _is_over(self) -> bool:
        is_refused = any(count >= ENOUGH_REFUSALS for count in self.refused.values())
        return self.traces >= self.most or self.stuck is not None or is_refused or self._is_late

    @property
    def _is_late(self) -> bool:
        return time.process_time() - self.begun > LONG

    def _trace(self, sizes: Sizes) -> Trace:
        self.traces += 1
        return trace(without_numbers(self.call, sizes))

    def _repaired_from(self, others: Iterator[int]) -> Trace | None:
        """A trace that runs through, from these sizes on; None where a tensor of many axes is too large."""
        self.traces += 1
        sizes = {name: size for name, size in self.call.sizes.items() if name not in self.movable}
        if self.call.maker is None:
            sizes = {**dict(zip(self.call.sizes, others, strict=False)), **sizes}
        try:
            return self._repaired(trace(without_numbers(self.call, sizes, others)))
        except CannotMake:
            return None

    def _repaired(self, first: Trace) -> Trace | None:
        """A trace that runs through, found by changing one size after another; the furthest goes on first."""
        if first.error is None:
            return first
        if self._is_beyond(first.error):
            self.refused.update(refused_by_library(first.error))
        seen = {tuple(first.call.sizes.items())}
        frontier = [first]
        while frontier and _is_about_sizes(first):
            frontier.sort(key=lambda each: len(each.needs))
            for sizes in self._flips(frontier.pop()):
                if tuple(sizes.items()) in seen:
                    continue
                if self._is_over:
                    return None
                seen.add(tuple(sizes.items()))
                try:
                    found = self._trace(sizes)
                except CannotMake:
                    continue
                if found.error is None:
                    return found
                if breaks_annotations(found.error):
                    self.told = self.told or found
                elif is_untraceable(found.error):
                    self.stuck = found
                    return None
                elif self._is_beyond(found.error):
                    self.beyond = self.beyond or found
                    self.refused.update(refused_by_library(found.error))
                else:
                    frontier.append(found)
        return None

    def _is_beyond(self, error: Exception) -> bool:
        """Whether the sizes are right, and the code refuses something else."""
        return bool(excuse_of(error, self.call.function) or is_refusal(error, file_of(self.call)))

    def _flips(self, failed: Trace) -> Iterator[Sizes]:
        """Sizes that give one of the last conditions its other outcome."""
        for question in islice((each for each in reversed(failed.needs) if _is_demand(each)), LAST):
            axes = failed.ordered(question.symbols)
            for symbol in reversed(axes) if self.outer_first else axes:
                if failed.names[symbol] in self.movable:
                    yield from self._flip(failed, question, symbol)

    def _flip(self, failed: Trace, question: Question, symbol: str) -> Iterator[Sizes]:
        name, sizes = failed.names[symbol], dict(failed.call.sizes)
        taken = {size: other for other, size in sizes.items() if other != name and other in failed.symbols}
        earlier = [
            each
            for each in failed.needs
            if each is not question and symbol in each.symbols and each.is_equality
        ]
        for size in candidates(failed.sizes, question, symbol):
            point = {**failed.sizes, symbol: size}
            if question.at(point) in (None, question.outcome):
                continue
            is_built = self.call.object is not None and question.is_of_number
            if size in taken and not (is_built and taken[size] in failed.numbers):
                if name.isidentifier() and taken[size].isidentifier():
                    self.pairs.setdefault(Forced(name, taken[size], question.place), {**sizes, name: size})
            elif all(each.holds_at(point) for each in earlier):
                yield {**sizes, name: size}
                return

    def _sharper(self, ran: Trace) -> Trace:
        """The same call with primes for all axes that take one: multiples of one number divide each other
        by chance, and a reshape that mixes them may pass for a split."""
        sizes = ran.call.sizes
        counts = Counter(sizes.values())
        names = [name for name in sizes if name in self.movable]
        loose = [
            name for name in names if not is_prime(sizes[name]) or counts[sizes[name]] > 1 or sizes[name] < 5
        ]
        if len(loose) < 1 + (self.call.maker is not None):
            return ran
        fresh = apart(ran, frozenset(loose), 11)
        if fresh == dict(sizes):
            return ran
        moved = at_other_sizes(ran, fresh)
        if moved is not None:
            return moved
        found = self._trace(fresh)
        return found if found.error is None else ran

    def _less_divisible(self, ran: Trace) -> Trace:
        """The same call with primes for axes that the program happened to make multiples of something.

        A reshape that mixes axes asks torch whether it divides one of them. Where it does by chance, the
        reshape passes for a split.
        """
        needs = [need for need in ran.needs if _divides(need.asked) and not need.written]
        asked = {ran.names[symbol] for need in needs for symbol in need.symbols} & self.movable
        for name in sorted(name for name in asked if not is_prime(ran.call.sizes[name]))[:MOST_DIVISIBLE]:
            others = [size for other, size in ran.call.sizes.items() if other != name]
            prime = apart_first(list(islice(primes(11), 12)), others)[0]
            with suppress(CannotMake):
                found = self._trace({**ran.call.sizes, name: prime})
                ran = found if found.error is None else ran
        return ran


def _is_about_sizes(failed: Trace) -> bool:
    """Whether other sizes could make a failed call run: not where annotations were broken."""
    error = failed.error
    return error is not None and not breaks_annotations(error) and not is_untraceable(error)


def _is_demand(question: Question) -> bool:
    """Whether another outcome may be what the code needs: not whether an axis is 1 or 0."""
    if question.is_number:
        return not question.asked.is_Symbol
    if question.is_of_memory:
        return False
    few = [each for each in question.asked.args if each.is_Integer and int(each) in (0, 1)]
    return not (isinstance(question.asked, sympy.Eq | sympy.Ne) and few) or _divides(question.asked)


def _divides(asked: sympy.Basic) -> bool:
    return any("Mod" in type(each).__name__ for each in sympy.preorder_traversal(asked))
