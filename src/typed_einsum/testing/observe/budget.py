"""The processor time that judging may take while a program runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import process_time

BEGINNING = 2.0
"""Seconds without which nothing is judged of functions that are known: to import what judges takes most."""

SHARE_AT_FIRST = 0.4
"""With the time for noting calls, a program takes one and a half times as long at most."""


@dataclass
class Budget:
    """A share of the time of the program itself, and some seconds in any case: the `grace`.

    Functions of which nothing is known yet get the seconds `at_first` where the rest is less, and then a
    larger share, `SHARE_AT_FIRST`: they are judged once.
    """

    share: float
    grace: float
    at_first: float = 0.0
    _taken: float = 0.0
    _since: float | None = None

    @property
    def spent(self) -> float:
        """Seconds that judging has taken."""
        return self._taken + (0.0 if self._since is None else process_time() - self._since)

    @property
    def allowed(self) -> float:
        """Seconds that judging may take altogether, as things are."""
        return self.grace + self.share * (process_time() - self.spent)

    @property
    def left(self) -> float:
        """Seconds that judging may still take."""
        return self.allowed - self.spent

    def left_for(self, *, is_new: bool) -> float:
        """Seconds that one function may still take; it `is_new` where nothing is known of it yet."""
        own = process_time() - self.spent
        first = max(self.at_first, SHARE_AT_FIRST * own) if is_new and self.at_first else 0.0
        return max(self.allowed, first) - self.spent

    def allows(self, *, is_new: bool, has_begun: bool) -> bool:
        """Whether a call may be judged; to begin with it, for a function that is known, takes long."""
        return self.left_for(is_new=is_new) > (0.0 if is_new or has_begun else BEGINNING)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count what a block takes; of a block inside another, the outer one counts."""
        if self._since is not None:
            yield
            return
        self._since = process_time()
        try:
            yield
        finally:
            self._taken, self._since = self.spent, None
