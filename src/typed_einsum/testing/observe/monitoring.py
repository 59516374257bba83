"""For Python 3.12 and later: `sys.monitoring` reports functions, and no longer does once they are known."""

from __future__ import annotations

import sys
import threading
import weakref
from inspect import CO_ASYNC_GENERATOR, CO_GENERATOR
from types import CodeType, FrameType
from typing import Any

from typed_einsum.testing.observe.probes import OFF, Listener, Started
from typed_einsum.testing.observe.sources import Sources

NAME = "typed-einsum"
FREE_TOOLS = (4, 3, 5)
"""The numbers that no usual tool takes: Python reserves 5 for an optimizer, the first two for nothing."""


class _Running(threading.local):
    """The calls of a thread that have begun, innermost last, with the frame that each has."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, Started]] = []


class Monitoring:
    """Reports functions by events of the interpreter.

    One tool is told once of each code that runs, and finds that of the project; another one is told of the
    calls of this code alone. So all other code is left as it is when functions are to be reported again.
    """

    def __init__(self, sources: Sources, listener: Listener) -> None:
        self._sources = sources
        self._listener = listener
        self._running = _Running()
        self._found: list[weakref.ref[CodeType]] = []
        self._off: dict[int, CodeType] = {}  # by identity: to compare code takes long
        self._tools: tuple[int, ...] = ()

    def install(self) -> None:
        """Begin to report. Raises `RuntimeError` where other tools have taken all numbers."""
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]
        free = [tool for tool in FREE_TOOLS if monitoring.get_tool(tool) is None]
        if len(free) < 2:
            raise RuntimeError("other tools use sys.monitoring, and leave it fewer than two numbers")
        finder, watcher = self._tools = (free[0], free[1])
        events = monitoring.events
        for tool in self._tools:
            monitoring.use_tool_id(tool, NAME)
        monitoring.register_callback(finder, events.PY_START, self._met)
        monitoring.register_callback(finder, events.PY_UNWIND, self._unwound)
        monitoring.register_callback(watcher, events.PY_START, self._begun)
        monitoring.register_callback(watcher, events.PY_RETURN, self._returned)
        self._disable = monitoring.DISABLE
        self._calls = events.PY_START | events.PY_RETURN
        monitoring.set_events(finder, events.PY_START | events.PY_UNWIND)

    def remove(self) -> None:
        """Report nothing more."""
        if self._tools:
            monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]
            monitoring.set_events(self._tools[0], 0)
            for code in filter(None, (each() for each in self._found)):
                monitoring.set_local_events(self._tools[1], code, 0)
            for tool in self._tools:
                monitoring.free_tool_id(tool)
            self._tools = ()

    def set_anew(self) -> None:
        """Report the functions again that were switched off."""
        if self._tools:
            for code in self._off.values():
                self._watch(code)
        self._off.clear()

    def _watch(self, code: CodeType) -> None:
        """Report the calls of code, also where they were switched off: only a change switches them on."""
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]
        monitoring.set_local_events(self._tools[1], code, 0)
        monitoring.set_local_events(self._tools[1], code, self._calls)

    def _met(self, code: CodeType, offset: int) -> object:
        """Take the first call of code; of the next ones, the second tool is told."""
        if self._sources.holds(code):
            self._found.append(weakref.ref(code))
            self._watch(code)
            self._took(code, sys._getframe(1))
        return self._disable

    def _begun(self, code: CodeType, offset: int) -> object:
        return self._took(code, sys._getframe(1))

    def _took(self, code: CodeType, frame: FrameType) -> object:
        if self._running.calls:  # one whose end was not told, as another thread has switched it off
            self._ended(frame)
        answer = self._listener.begun(code, frame)
        if answer is OFF:
            self._off[id(code)] = code
            return self._disable
        if answer is not None and not code.co_flags & (CO_GENERATOR | CO_ASYNC_GENERATOR):
            self._running.calls.append((id(frame), answer))
        return None

    def _returned(self, code: CodeType, offset: int, value: object) -> object:
        started = self._ended(sys._getframe(1)) if self._running.calls else None
        if started is not None:
            # What judges the call has to be seen: Python reports nothing inside a callback but for this.
            sys.call_tracing(started.returned, (value,))
            return None
        # Of a recursive function, the outermost call may be of interest, and end at this place, too.
        return self._disable if id(code) in self._off and not self._running.calls else None

    def _unwound(self, code: CodeType, offset: int, error: BaseException) -> None:
        if self._running.calls:
            self._ended(sys._getframe(1))

    def _ended(self, frame: FrameType) -> Started | None:
        """The call that a frame has run; coroutines need not end in the order in which they began."""
        calls = self._running.calls
        for position in range(len(calls) - 1, -1, -1):
            if calls[position][0] == id(frame):
                return calls.pop(position)[1]
        return None
