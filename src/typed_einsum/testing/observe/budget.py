"""The processor time that judging may take while a program runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import process_time


@dataclass
class Budget:
    """A share of the time of the program itself, and some seconds in any case."""

    share: float
    grace: float
    _taken: float = 0.0
    _since: float | None = None
    _besides: float = 0.0

    @property
    def spent(self) -> float:
        """Seconds that judging has taken."""
        return self._taken + (0.0 if self._since is None else self._now() - self._since)

    def _now(self) -> float:
        return process_time() - self._besides

    @property
    def allowed(self) -> float:
        """Seconds that judging may take altogether, as things are."""
        return self.grace + self.share * (self._now() - self.spent)

    @property
    def left(self) -> float:
        """Seconds that judging may still take."""
        return self.allowed - self.spent

    @contextmanager
    def uncounted(self) -> Iterator[None]:
        """Leave out what a block takes, once: it is neither the program's time nor that of judging."""
        begun = process_time()
        try:
            yield
        finally:
            self._besides += process_time() - begun

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count what a block takes; of a block inside another, the outer one counts."""
        if self._since is not None:
            yield
            return
        self._since = self._now()
        try:
            yield
        finally:
            self._taken, self._since = self.spent, None
