"""A constructor of the user's is called without a network, and not for ever."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LONG = 20.0
"""After so many seconds a constructor is stopped."""


class Stopped(BaseException):
    """The constructor took too long; nothing that catches an `Exception` keeps it going."""


@contextmanager
def isolated(seconds: float | None = None) -> Iterator[None]:
    """For the length of a block, connections are refused, and it ends after some seconds.

    The time is limited where signals can do that: in the main thread, with no other timer running.
    """
    connect = socket.socket.connect
    socket.socket.connect = _refused  # type: ignore[method-assign, assignment]
    try:
        with _limited(LONG if seconds is None else seconds):
            yield
    finally:
        socket.socket.connect = connect  # type: ignore[method-assign]


def _refused(self: socket.socket, address: Any) -> None:
    raise ConnectionRefusedError("a constructor gets no network while code is checked")


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    can = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not can or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield
        return
    before = signal.signal(signal.SIGALRM, _too_long)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _too_long(number: int, frame: Any) -> None:
    raise Stopped(f"it took more than {LONG:g} seconds")
