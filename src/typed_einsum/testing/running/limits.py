"""How long calls of the user's functions may take: each of them, and all that one check makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from time import monotonic, process_time

from typed_einsum.testing.running.alarm import alarm

SEARCH = 5
"""How many times the limit of one call all calls together may take, until sizes are found that run."""

OPTIONAL = 10.0
"""Seconds from which on nothing is begun that a check can do without."""

TOLD_EVERY = 0.5
"""Seconds between two messages that calls go on."""


HARDLY = 0.25
"""The share of the time that a call took, below which it was hardly run."""


class OutOfTime(BaseException):
    """Calls took longer than they may; `of_one_call` says that a single one did.

    `used` are the seconds for which the processor ran it. It is no `Exception`: neither user code that
    catches those nor ours is to take it for a failed call.
    """

    used: float | None = None

    def __init__(self, seconds: float, of_one_call: bool) -> None:
        what = "the call ran" if of_one_call else "all calls together ran"
        super().__init__(f"{what} for more than {seconds:g} second{'' if seconds == 1 else 's'}")
        self.of_one_call = of_one_call
        self.seconds = seconds

    @property
    def waited(self) -> bool:
        """Whether the call was hardly run meanwhile: it waited, or other programs kept the processor busy."""
        return self.used is not None and self.used < self.seconds * HARDLY


@dataclass
class Limits:
    """What one check may take: `seconds` for each call, and for all together that it can do without.

    All calls together may take `most` seconds of the processor. `tell` is called while calls go on, with
    whether the check can do without them. `note` says, afterwards, that it had to.
    """

    seconds: float
    tell: Callable[[bool], None]
    began: float
    told: float = 0.0
    optional: bool = False
    note: str = ""
    patience: float = 1.0
    most: float = inf
    used: float = field(default_factory=process_time)

    @property
    def left(self) -> float:
        """Seconds of the processor that calls may still take."""
        return self.most - (process_time() - self.used)

    def begin_call(self) -> None:
        """Say that a call begins. Raises `OutOfTime` where those before took all the time."""
        now = monotonic()
        allowed = min(self.seconds, OPTIONAL) if self.optional else SEARCH * self.seconds
        allowed *= self.patience
        if now - self.began > allowed:
            raise OutOfTime(allowed, of_one_call=False)
        if self.left <= 0:
            raise OutOfTime(self.most, of_one_call=False)
        if now - self.told > TOLD_EVERY:
            self.told = now
            self.tell(self.optional)


_current: list[Limits] = []


@contextmanager
def limited(
    seconds: float,
    tell: Callable[[bool], None] = lambda optional: None,
    patience: float = 1.0,
    most: float = inf,
) -> Iterator[Limits]:
    """For the length of a block, calls have limits, `patience` times as long on a busy machine."""
    limits = Limits(seconds, tell, monotonic(), patience=patience, most=most)
    _current.append(limits)
    try:
        yield limits
    finally:
        _current.pop()


@contextmanager
def one_call() -> Iterator[None]:
    """Run a block that calls the user's code once. Raises `OutOfTime`."""
    if not _current:
        yield
        return
    limits = _current[-1]
    limits.begin_call()
    begun = process_time()
    is_last = limits.left < limits.seconds
    seconds = limits.left if is_last else limits.seconds
    error = OutOfTime(limits.most if is_last else seconds, of_one_call=not is_last)
    try:
        with alarm(seconds, error, limits.patience):
            yield
    except OutOfTime as error:
        error.used = process_time() - begun
        raise


@contextmanager
def optional_calls() -> Iterator[None]:
    """Run calls without which a check says less: where time runs out, it ends with what it has found."""
    if not _current:
        yield
        return
    limits = _current[-1]
    before, limits.optional = limits.optional, True
    try:
        yield
    except OutOfTime as error:
        limits.note = f"not all was tried: {error}"
    finally:
        limits.optional = before
