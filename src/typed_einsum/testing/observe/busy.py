"""Which calls are looked at: what a look at a call runs is not counted as the program's."""

from __future__ import annotations

import threading
from types import CodeType, FrameType


class Busy(threading.local):
    """Whether a thread is looking at a call: what it calls meanwhile is not counted as the program's.

    `open` are the calls that are looked at and have not returned, by their frame and code.
    """

    now = False

    def __init__(self) -> None:
        self.open: list[tuple[int, int]] = []

    def enter(self, frame: FrameType) -> None:
        """Take a call; those that have ended with an exception are no longer below it."""
        running = set()
        outer = frame.f_back
        while outer is not None:
            running.add((id(outer), id(outer.f_code)))
            outer = outer.f_back
        self.open = [*(each for each in self.open if each in running), (id(frame), id(frame.f_code))]

    def leave(self, code: CodeType) -> bool:
        """Take the end of a call, and say whether no other goes on around it."""
        while self.open and self.open.pop()[1] != id(code):
            pass
        return not self.open
