"""Checks on or off: the environment at import, a context manager at run time.

Off means that contractions still run and that no call is checked. Definitions are: an equation that is wrong
whatever the tensors are stays an error.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from typed_einsum.tracing import constant_while_tracing

_OFF_WORDS = {"off", "0", "false", "no"}
_ON_WORDS = {"", "on", "1", "true", "yes"}

_off_here: ContextVar[bool] = ContextVar("typed_einsum_checks_off", default=False)


@constant_while_tracing
def _is_off_here() -> bool:
    """What the running context says. Dynamo cannot trace a context variable, so a graph keeps the answer."""
    return _off_here.get()


class Switch:
    """`anywhere_off` is what a generated check reads first: it is false in almost every program.

    Only when it is true is the thread's own context asked, which costs more.
    """

    __slots__ = ("_depth", "_lock", "anywhere_off", "off_for_good")

    def __init__(self, off_for_good: bool) -> None:
        self.off_for_good = off_for_good
        self.anywhere_off = off_for_good
        self._depth = 0
        self._lock = threading.Lock()

    def __reduce__(self) -> str:
        """By name: a function that travels as code takes its checks along, and asks the switch over there."""
        return "switch"

    def is_off(self) -> bool:
        """Whether checks are off for the caller."""
        return self.anywhere_off and (self.off_for_good or _is_off_here())

    def enter(self) -> None:
        """One more context somewhere has switched checks off."""
        with self._lock:
            self._depth += 1
            self.anywhere_off = True

    def leave(self) -> None:
        """One such context has ended."""
        with self._lock:
            self._depth -= 1
            self.anywhere_off = self.off_for_good or self._depth > 0


def _read_environment() -> bool:
    word = os.environ.get("TYPED_EINSUM_CHECKS", "").strip().lower()
    if word not in _OFF_WORDS | _ON_WORDS:
        raise ValueError(f"TYPED_EINSUM_CHECKS is {word!r}; it is read as `on` (the default) or `off`")
    return word in _OFF_WORDS or os.environ.get("JAXTYPING_DISABLE", "0").strip().lower() in {"1", "true"}


switch = Switch(_read_environment())


@contextmanager
def checks_off() -> Iterator[None]:
    """Switch the checks of this thread (or asyncio task) off for a block, or for a function it decorates.

    Contractions still run, and follow torch's own rules: a size-1 axis broadcasts. Equations and signatures
    are read as ever, so one that is wrong in itself is still refused. A coroutine function cannot be
    decorated so, since it runs when the block has ended: write the block inside. To switch checks off for a
    whole process, set `TYPED_EINSUM_CHECKS=off` before the first import; jaxtyping's own
    `JAXTYPING_DISABLE=1` does the same.

    Raises: nothing of its own; within it, torch's errors where shapes do not fit.

    Cost: entering and leaving the block. Within it, no shape is compared.

    Examples:
        >>> import torch
        >>> from typed_einsum import checks_off, einsum
        >>> with checks_off():
        ...     einsum("b c, b c -> b", torch.ones(2, 3), torch.ones(1, 3)).shape
        torch.Size([2])
    """
    token = _off_here.set(True)
    switch.enter()
    try:
        yield
    finally:
        switch.leave()
        _off_here.reset(token)
