"""What is said of the calls that were seen, as far as time allows: judged, followed, or passed through."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typed_einsum.testing.axes.below import Below, Entered, collected
from typed_einsum.testing.calls.copies import with_objects
from typed_einsum.testing.observe import judging, unannotated
from typed_einsum.testing.observe.budget import Budget
from typed_einsum.testing.observe.garbage import collected_rarely
from typed_einsum.testing.observe.observation import AUDITS
from typed_einsum.testing.observe.records import DROPPED, ENOUGH, LATE, NO_TIME, TOO_LONG
from typed_einsum.testing.observe.restoring import restored, used_up
from typed_einsum.testing.observe.seen import Ended, Place, Seen
from typed_einsum.testing.observe.waiting import Waiting
from typed_einsum.testing.process.outcome import first_line

if TYPE_CHECKING:
    from typed_einsum.testing.calls.call import Call

AT_MOST = 3.0
"""Seconds for one call that a judgement makes."""

AT_MOST_FOLLOWED = 10.0
"""Seconds for following one call; a quarter of the grace, where that is more."""

KEPT, KEPT_FROM_FOLLOWING = 0.5, 0.75
"""These shares of the time are kept while the program runs: for functions that are yet to be called the first
time, and from following another call of a function that was followed."""

AT_ONCE = 0.1
"""The share of what is left that one call may take, with all that judging it calls. One that needs more waits
until the program ends."""

LEAST = 0.25
"""Seconds that a judgement which has begun may take in any case."""

FOR_NUMBERS = 0.3
"""Seconds for each function that waits, beyond which a call is judged by its numbers, too."""


ByPlace = dict[Place, Any]


class Verdicts:
    """Judges calls that have returned. What is known of functions is added to `listings` and `signatures`."""

    def __init__(self, root: Path, budget: Budget, listings: ByPlace, signatures: ByPlace) -> None:
        self._root = root
        self.budget = budget
        self._followed = unannotated.Followed(listings, signatures)
        self._waiting = Waiting()
        self._below: Below | None = None
        self._on_following = 0.0
        self._is_last = False
        self._long: list[Ended] = []

    with_objects = staticmethod(with_objects)

    def take(self, seen: Seen, pattern: Hashable, arguments: dict[str, Any], call: Call | None) -> None:
        """Take a call that has returned; the arguments are copies. Without annotations, it has no `call`."""
        self._waiting.add(Ended(seen, pattern, arguments, call))

    def entered(self, seen: Seen, pattern: Callable[[], Hashable], arguments: Mapping[str, Any]) -> Any:
        """Take the beginning of a call that a judgement makes: it may tell of one that waits."""
        if self._below is None or not self._below.is_following or not seen.annotated:
            return None
        waits = self._waiting.of(id(seen.code), key := pattern())
        if waits is None or waits.call is None:
            return None
        entered: Entered | None = self._below.begun((id(seen.code), key), waits.call, arguments)
        return entered

    def settle(self, *, is_last: bool = False) -> None:
        """Judge what waits, as long as there is time; what is too much to wait is left to a later call.

        Until it `is_last`, time is kept for functions that are yet to come: see `KEPT`.
        """
        self._is_last = is_last
        with collected_rarely():
            self._settle(is_last)

    def _settle(self, is_last: bool) -> None:
        while (ended := self._next(is_last)) is not None:
            self._waiting.remove(ended)
            self._look_at(ended)
            for each in self._waiting.enough():
                self._let_go(each, ENOUGH)
        while is_last and self._long and self.budget.left_for(is_new=True) > 0:
            self._look_at(self._long.pop(0), share=1.0)
        for each in self._waiting.too_many(self._followed.signatures):
            if not each.is_judged:
                each.seen.owed.add(each.pattern)
            self._let_go(each, NO_TIME if each.seen.annotated else DROPPED)
        for each in self._waiting.calls.values() if is_last else ():
            if not each.seen.annotated:
                self._say(each, LATE)

    def _look_at(self, ended: Ended, share: float = AT_ONCE) -> None:
        if (name := used_up(ended.arguments)) is not None:
            self._say(ended, f"`{name}` is an iterator, which another run would use up")
            return
        try:
            with restored(ended.seen.function, ended.arguments):
                if ended.call is None:
                    self._follow(ended)
                else:
                    self._judge(ended, share)
        except Exception as error:  # ours: the program goes on
            self._say(ended, f"looking at it raised {first_line(error)}")

    def _next(self, is_last: bool) -> Ended | None:
        """The call to look at now; None where the others may wait."""
        seconds = self.budget.left
        left = 1.0 if is_last else seconds / max(self.budget.allowed, LEAST)
        if left < KEPT or seconds <= 0:
            return self._next_new(is_last)
        follows = self._left_to_follow > 0
        again = follows and left >= KEPT_FROM_FOLLOWING
        return self._waiting.next(self._followed.signatures, follows=follows, again=again)

    def _next_new(self, is_last: bool) -> Ended | None:
        """The call to look at where the rest of the time is for functions of which nothing is known."""
        if self.budget.left_for(is_new=True) <= 0:
            return None
        fresh = self._waiting.fresh()
        return self._waiting.bare(self._followed.signatures) if fresh is None and is_last else fresh

    @property
    def _left_to_follow(self) -> float:
        """Seconds for following calls, for which half of the time is meant at most until the program ends."""
        half = self.budget.allowed / 2 - self._on_following
        return self.budget.left if self._is_last else min(self.budget.left, half)

    def _let_go(self, ended: Ended, reason: str) -> None:
        self._waiting.remove(ended)
        if ended.seen.annotated or reason == DROPPED:
            self._say(ended, reason)

    def _say(self, ended: Ended, reason: str) -> None:
        """Say why a call is not judged, unless it was, and would only be followed."""
        told = ended.seen.patterns[ended.pattern]
        if told is not None and not ended.is_judged:
            ended.seen.patterns[ended.pattern] = replace(told, text=reason)

    def _judge(self, ended: Ended, share: float = AT_ONCE) -> None:
        seen, told = ended.seen, ended.seen.patterns[ended.pattern]
        assert ended.call is not None
        assert told is not None
        left = self.budget.left_for(is_new=seen.judged == 0 or share == 1.0)
        seen.judged += 1
        limit, most = min(AT_MOST, max(left, LEAST)), max(left * share, LEAST)
        numbers_too = left > FOR_NUMBERS * len(self._waiting.calls)
        try:
            with collected() as self._below:
                found = judging.judged_call(
                    ended.call, told, self._root, limit, most, numbers_too=numbers_too
                )
            seen.patterns[ended.pattern] = found
            is_stopped = found.extent == "not judged" and TOO_LONG in found.text
            if found.extent == "not judged" and not is_stopped and not seen.needs_objects:
                seen.needs_objects = True
                seen.judged -= 1
                seen.owed.add(ended.pattern)
            if is_stopped and share < 1.0 and self._waiting.has_room_beside([*self._long, ended]):
                self._long.append(ended)
            self._take_those_below(self._below)
        finally:
            self._below = None
        if seen.place not in self._followed.listings:
            self._waiting.add(replace(ended, call=None))

    def _take_those_below(self, below: Below) -> None:
        for (code, pattern), passed in below.found.items():
            ended = self._waiting.of(code, pattern)
            told = None if ended is None else ended.seen.patterns[pattern]
            if ended is None or ended.call is None or told is None:
                continue
            found = judging.judged_below(ended.call, passed, told)
            if found is not None:
                ended.seen.judged += 1
                ended.seen.patterns[pattern] = found
                self._waiting.remove(ended)

    def _follow(self, ended: Ended) -> None:
        """Follow a call line by line, and audit it where no annotation says what it is to do."""
        seen, told = ended.seen, ended.seen.patterns[ended.pattern]
        assert seen.function is not None
        seen.followed += 1
        begun = self.budget.left
        is_new = not seen.annotated and seen.place not in self._followed.signatures
        left = max(self._left_to_follow, self.budget.left_for(is_new=is_new) / 4, LEAST)
        limit = min(max(AT_MOST_FOLLOWED, self.budget.grace / 4), left)
        audit = not seen.annotated and os.environ.get(AUDITS) != "off"
        looked = unannotated.looked_at(seen.function, ended.arguments, self._root, limit, audit=audit)
        self._followed.add(looked)
        if told is not None and (looked.findings or looked.reason):
            text = told.text if seen.annotated else looked.reason or told.text
            found = (*told.findings, *looked.findings)
            seen.patterns[ended.pattern] = replace(told, text=text, findings=found)
        self._on_following += max(0.0, begun - self.budget.left)
