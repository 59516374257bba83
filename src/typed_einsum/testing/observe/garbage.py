"""Python's garbage collection while a call is looked at: what that makes is not to cost the program time."""

from __future__ import annotations

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


def collected_once_at_exit() -> None:
    """Collect garbage once when the process ends, instead of the three times that Python does.

    With all the modules of torch, and of what judges, each takes long.
    """
    gc.collect()
    gc.freeze()
