"""Stops a block of the user's code that takes too long."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, process_time
from types import FrameType
from typing import Any

AGAIN = 0.5
"""Seconds to wait for an import that must not be stopped, or for the processor."""


@contextmanager
def alarm(seconds: float, error: BaseException, patience: float = 1.0) -> Iterator[None]:
    """Raise an error inside a block that takes longer: in the main thread, and where there are signals.

    With more `patience`, so many times as long where the processor has been busy with something else.
    A signal interrupts Python, not a product of two large matrices: that is finished first.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        if is_over:  # the signal was noted just before the block ended
            return
        is_waiting = process_time() - used < seconds and monotonic() - began < patience * seconds
        if not (is_waiting or _imports(frame)):
            raise error
        signal.setitimer(signal.ITIMER_REAL, AGAIN)

    is_over = False
    began, used = monotonic(), process_time()
    handler: Any = signal.signal(signal.SIGALRM, ring)
    left, interval = signal.setitimer(signal.ITIMER_REAL, min(seconds, threading.TIMEOUT_MAX))
    try:
        yield
    finally:
        is_over = True
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:  # someone else's alarm, such as that of pytest-timeout
            signal.setitimer(signal.ITIMER_REAL, max(left - (monotonic() - began), 1e-3), interval)


def _imports(frame: FrameType | None) -> bool:
    """Whether an import goes on: a module that is imported by half is of no use to anyone afterwards."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
