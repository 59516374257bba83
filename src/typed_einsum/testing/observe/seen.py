"""What was seen of a function so far, and its calls that are looked at."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from types import CodeType
from typing import TYPE_CHECKING, Any, Protocol

from typed_einsum.testing.observe.places import line_of_def
from typed_einsum.testing.observe.records import BARE, ENOUGH, NO_TIME, Json, Pattern

if TYPE_CHECKING:
    from typed_einsum.testing.calls.call import Call

Place = tuple[str, int]
"""The file of a function, and the line of its `def`."""

LOOKS = 24
"""Calls without a new pattern after which a function is known."""


FEW = LOOKS // 4
"""The same where an earlier run has seen what is called, by the same callers, and at the next test."""

MOST_JUDGED = 3
"""How many patterns of a function are judged."""

MOST_FOLLOWED = 2
"""How many patterns of a function without annotations are followed."""


@dataclass
class Seen:
    """What was seen of one function so far. `function` is None where it was not found.

    `owed` are patterns that there was no time to judge; a later call may be judged instead. `looks` are
    the calls that are still looked at before it is known; it was so `quiet` times in a row. It
    `needs_objects` where a call could not be run again on objects as it has left them: the next call of its
    pattern keeps copies of them.
    """

    code: CodeType
    module: str
    looks: int = LOOKS
    quiet: int = 0
    is_searched: bool = False
    function: Callable[..., Any] | None = None
    annotated: bool = False
    judged: int = 0
    followed: int = 0
    waiting: int = 0
    patterns: dict[Hashable, Pattern | None] = field(default_factory=dict)
    owed: set[Hashable] = field(default_factory=set)
    needs_objects: bool = False
    reason: str = ""

    def look_again(self) -> None:
        """Look at a few calls of a function that was known: at fewer, the more often none of them was new."""
        self.quiet += self.looks <= 0
        self.looks = max(self.looks, FEW >> min(self.quiet, 2))

    @property
    def name(self) -> str:
        """The function as a reader names it."""
        return self.code.co_qualname.replace("<locals>.", "")

    @property
    def is_new(self) -> bool:
        """Whether no call of it was judged or followed."""
        return not (self.judged or self.followed)

    @property
    def is_enough(self) -> bool:
        """Whether enough calls of it were judged or followed."""
        return self.judged >= MOST_JUDGED if self.annotated else self.followed >= MOST_FOLLOWED

    @property
    def place(self) -> Place:
        """The file of the function, and the line of its `def`."""
        return self.code.co_filename, line_of_def(self.code.co_filename, self.code.co_firstlineno)

    def why_not_judged(self, *, is_fork: bool) -> str:
        """Why a call that has returned is not judged, where it is not; `is_fork` says that a fork made it."""
        if self.function is None:
            return "its annotations were not found: no name leads to the function"
        if not self.annotated:
            return BARE
        if is_fork:
            return "it was called in a forked process"
        if not is_main():
            return "it was called outside the main thread"
        return ENOUGH if self.is_enough else NO_TIME


class Listener(Protocol):
    """Is told when a call that is looked at returns."""

    def ended(self, begun: Begun, result: Any) -> None:
        """Take the result of a call."""


@dataclass
class Begun:
    """A call that is looked at: `arguments` are copies where it may be judged, else None.

    `known` is what an earlier run has said of such calls. It `is_same` as the call that was seen then, as far
    as can be told.
    """

    listener: Listener
    seen: Seen
    pattern: Hashable
    told: dict[str, Json]
    has_tensors: bool
    arguments: dict[str, Any] | None
    known: Pattern | None = None
    is_same: bool = False

    def returned(self, value: Any) -> Any:
        """Take what the call returns, and give it back."""
        self.listener.ended(self, value)
        return value


@dataclass(frozen=True)
class Ended:
    """A call that has returned, with copies of its arguments; without annotations, it has no `call`."""

    seen: Seen
    pattern: Hashable
    arguments: dict[str, Any]
    call: Call | None

    @property
    def is_judged(self) -> bool:
        """Whether it was judged, and waits to be followed."""
        return self.seen.annotated and self.call is None


def is_main() -> bool:
    """Whether this is the main thread: no other can be stopped where a call takes too long."""
    return threading.current_thread() is threading.main_thread()
