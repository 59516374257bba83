"""For Python 3.12 and later: `sys.monitoring` reports functions, and no longer does once they are known."""

from __future__ import annotations

import sys
import threading
from inspect import CO_ASYNC_GENERATOR, CO_GENERATOR
from types import CodeType, FrameType
from typing import Any

from typed_einsum.testing.observe.probes import OFF, Listener, Started
from typed_einsum.testing.observe.sources import Sources

NAME = "typed-einsum"
FREE_TOOLS = (4, 3)
"""The numbers that Python reserves for no kind of tool."""


class _Running(threading.local):
    """The calls of a thread that have begun, innermost last, with the frame that each has."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, Started]] = []


class Monitoring:
    """Reports functions by events of the interpreter."""

    def __init__(self, sources: Sources, listener: Listener) -> None:
        self._sources = sources
        self._listener = listener
        self._running = _Running()
        self._off: dict[int, CodeType] = {}  # by identity: to compare code takes long
        self._tool: int | None = None

    def install(self) -> None:
        """Begin to report. Raises `RuntimeError` where other tools have taken all numbers."""
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]
        self._tool = next((tool for tool in FREE_TOOLS if monitoring.get_tool(tool) is None), None)
        if self._tool is None:
            raise RuntimeError("other tools use sys.monitoring, and leave it no number")
        events = monitoring.events
        monitoring.use_tool_id(self._tool, NAME)
        monitoring.register_callback(self._tool, events.PY_START, self._begun)
        monitoring.register_callback(self._tool, events.PY_RETURN, self._returned)
        monitoring.register_callback(self._tool, events.PY_UNWIND, self._unwound)
        monitoring.set_events(self._tool, events.PY_START | events.PY_RETURN | events.PY_UNWIND)
        self._disable = monitoring.DISABLE

    def remove(self) -> None:
        """Report nothing more."""
        if self._tool is not None:
            monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]
            monitoring.set_events(self._tool, 0)
            monitoring.free_tool_id(self._tool)
            self._tool = None

    def set_anew(self) -> None:
        """Report the functions again that were switched off."""
        self._off.clear()
        sys.monitoring.restart_events()  # type: ignore[attr-defined, unused-ignore]

    def _begun(self, code: CodeType, offset: int) -> object:
        if not self._sources.holds(code):
            return self._disable
        frame = sys._getframe(1)
        answer = self._listener.begun(code, frame)
        if answer is OFF:
            self._off[id(code)] = code
            return self._disable
        if answer is not None and not code.co_flags & (CO_GENERATOR | CO_ASYNC_GENERATOR):
            self._running.calls.append((id(frame), answer))
        return None

    def _returned(self, code: CodeType, offset: int, value: object) -> object:
        if not self._sources.holds(code):
            return self._disable
        started = self._ended(sys._getframe(1))
        if started is not None:
            # What judges the call has to be seen: without this, Python reports nothing inside a callback.
            sys.call_tracing(started.returned, (value,))
            return None
        return self._disable if id(code) in self._off else None

    def _unwound(self, code: CodeType, offset: int, error: BaseException) -> None:
        if self._running.calls and self._sources.holds(code):
            self._ended(sys._getframe(1))

    def _ended(self, frame: FrameType) -> Started | None:
        """The call that a frame has run; coroutines need not end in the order in which they began."""
        calls = self._running.calls
        for position in range(len(calls) - 1, -1, -1):
            if calls[position][0] == id(frame):
                return calls.pop(position)[1]
        return None
