"""A constructor of the user's is called without a network, and not for ever."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from typed_einsum.testing.running.alarm import alarm

LONG = 20.0
"""After so many seconds a constructor is stopped."""


class Stopped(BaseException):
    """The constructor took too long; nothing that catches an `Exception` keeps it going."""


@contextmanager
def isolated(seconds: float | None = None) -> Iterator[None]:
    """For the length of a block, connections are refused, and it ends after some seconds.

    The time is limited where signals can do that: in the main thread.
    """
    connect = socket.socket.connect
    socket.socket.connect = _refused  # type: ignore[method-assign, assignment]
    try:
        limit = LONG if seconds is None else seconds
        with alarm(limit, Stopped(f"it took more than {limit:g} seconds")):
            yield
    finally:
        socket.socket.connect = connect  # type: ignore[method-assign]


def _refused(self: socket.socket, address: Any) -> None:
    raise ConnectionRefusedError("a constructor gets no network while code is checked")
