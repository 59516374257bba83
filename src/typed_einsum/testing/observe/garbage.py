"""Python's garbage collection while a call is looked at: what that makes is not to cost the program time."""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

RARELY = (100_000, 20, 100)
"""How many new objects there are between two collections of the young, and how many of those between others.

The usual 700 make Python go through all objects of the program again and again while modules are imported.
"""


@contextmanager
def collected_rarely() -> Iterator[None]:
    """For the length of a block, garbage is collected rarely; a program that collects none goes on so.

    What the program itself sets within the block stays, and so does what another thread's block has set.
    """
    usual = gc.get_threshold()
    if not usual[0] or usual >= RARELY:
        yield
        return
    gc.set_threshold(*RARELY)
    own = gc.get_threshold()
    try:
        yield
    finally:
        if gc.get_threshold() == own:
            gc.set_threshold(*usual)


def import_to_stay(name: str) -> None:
    """Import a module. What it holds stays, so Python need not look for garbage among it soon."""
    if name in sys.modules:
        return
    with collected_rarely():
        import_module(name)
        if gc.isenabled() and not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()  # now all objects are among the oldest, and none were looked at


class CollectedOnce:
    """Garbage is collected once where tests have ended, instead of the three times that pytest and Python do.

    With all the modules of torch, and of what judges, each takes long.
    """

    def __init__(self) -> None:
        self._is_frozen = False

    def now(self) -> None:
        """Collect what is garbage, with what it tells while it goes. What is left is not looked through."""
        gc.collect()
        if not gc.get_freeze_count():
            gc.freeze()
            self._is_frozen = True

    def over(self) -> None:
        """Let garbage be found as usual, in a process that goes on after pytest, until it ends."""
        if self._is_frozen:
            gc.unfreeze()
            atexit.register(gc.freeze)
