"""Looks at the calls of a project's functions: what was seen of each, and which are examined."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from inspect import CO_ASYNC_GENERATOR, CO_GENERATOR
from pathlib import Path
from time import process_time
from types import CodeType, FrameType
from typing import Any

from torch import nn

from typed_einsum.testing.observe import judging, unannotated
from typed_einsum.testing.observe.frames import arguments_of, builds, given
from typed_einsum.testing.observe.functions import function_of, is_annotated
from typed_einsum.testing.observe.places import below, line_of_def
from typed_einsum.testing.observe.probes import OFF, Answer
from typed_einsum.testing.observe.records import Function, Json, Pattern
from typed_einsum.testing.observe.values import (
    copied,
    holds_tensor,
    is_transformed,
    pattern_of,
    told,
)
from typed_einsum.testing.process.outcome import first_line

MOST_PATTERNS = 8
"""How many patterns of one function are kept."""

MOST_JUDGED = 3
"""How many of them are judged."""

MOST_FOLLOWED = 2
"""How many patterns of a function without annotations are followed."""

LOOKS = 24
"""Calls without a new pattern after which a function is known."""

MOST_OBJECTS = 3
"""How many arguments of a constructor are kept."""

NO_END = "the call raised an exception"
"""What is said of a call as long as it has not returned. What it was passed may be wrong on purpose."""

SHARE, GRACE = 0.4, 20.0
"""Judging may take this share of the processor time, and these seconds of it in any case."""

LONGER = "TYPED_EINSUM_GRACE"
"""The variable of the environment that gives other seconds."""

AT_MOST = 3.0
"""Seconds for one call that a judgement makes."""

AT_MOST_FOLLOWED = 10.0
"""Seconds for following one call."""

NO_TIME = "judging took too long"


@dataclass
class Seen:
    """What was seen of one function so far. `function` is None where it was not found.

    `owed` are patterns for which there was no time; a later call may be judged instead.
    """

    code: CodeType
    module: str
    looks: int = LOOKS
    is_searched: bool = False
    function: Callable[..., Any] | None = None
    annotated: bool = False
    judged: int = 0
    patterns: dict[Hashable, Pattern | None] = field(default_factory=dict)
    owed: set[Hashable] = field(default_factory=set)
    reason: str = ""

    @property
    def name(self) -> str:
        """The function as a reader names it."""
        return self.code.co_qualname.replace("<locals>.", "")


@dataclass
class Begun:
    """A call that is examined: `arguments` are copies where it will be judged, else None."""

    observer: Observer
    seen: Seen
    pattern: Hashable
    told: dict[str, Json]
    has_tensors: bool
    arguments: dict[str, Any] | None

    def returned(self, value: Any) -> Any:
        """Take what the call returns, and give it back."""
        self.observer.ended(self, value)
        return value


class _Busy(threading.local):
    """Whether a thread is looking at a call: what it calls meanwhile is not counted as the program's."""

    now = False


class Observer:
    """Is told when functions of the project begin, and keeps what it has seen of them."""

    def __init__(self, root: Path, keeps_objects: bool) -> None:
        self.root = root
        self.kept: dict[type, Any] = {}
        self._keeps_objects = keeps_objects
        self.objects: dict[str, list[dict[str, Json]]] = {}
        self._seen: dict[int, Seen] = {}
        self._busy = _Busy()
        self._started = process_time()
        self._spent, self._grace = 0.0, float(os.environ.get(LONGER, GRACE))
        self._followed = unannotated.Followed()
        self._is_fork = False

    def begun(self, code: CodeType, frame: FrameType) -> Answer:
        """Say whether the end of a call is of interest, and whether further calls are."""
        if self._busy.now:
            return None
        seen = self._seen.get(id(code))
        if seen is None:
            seen = self._seen[id(code)] = Seen(code, str(frame.f_globals.get("__name__", "")))
        if seen.looks <= 0:
            return OFF
        self._busy.now = True
        try:
            return self._look(seen, frame)
        except Exception as error:  # ours: the program goes on
            seen.looks, seen.reason = 0, f"looking at it raised {first_line(error)}"
            return OFF
        finally:
            self._busy.now = False

    def _look(self, seen: Seen, frame: FrameType) -> Answer:
        if is_transformed():
            return None
        arguments = arguments_of(seen.code, frame)
        if seen.code.co_name == "__init__":
            self._constructed(seen, arguments)
            return None
        pattern = tuple(map(pattern_of, arguments.values()))
        is_owed = pattern in seen.owed and self._time_left() > 0
        if not is_owed and (pattern in seen.patterns or len(seen.patterns) >= MOST_PATTERNS):
            seen.looks -= 1
            return None
        seen.owed.discard(pattern)
        seen.looks = LOOKS
        has_tensors = any(map(holds_tensor, arguments.values()))
        self._find(seen, frame, arguments, has_tensors)
        if self._keeps_objects:
            self._keep_object(next(iter(arguments.values()), None))
        copies = self._copies(seen, arguments)
        described = {name: told(value) for name, value in arguments.items()}
        begun = Begun(self, seen, pattern, described, has_tensors, copies)
        seen.patterns[pattern] = Pattern(described, text=NO_END) if has_tensors else None
        if seen.code.co_flags & (CO_GENERATOR | CO_ASYNC_GENERATOR):
            self._keep(begun, Pattern(described, text="what a generator yields is not judged"))
            return None
        return begun

    def _find(self, seen: Seen, frame: FrameType, arguments: Mapping[str, Any], has_tensors: bool) -> None:
        """Find the function itself, once. To look for it everywhere takes long, so only for tensors."""
        if seen.is_searched:
            return
        seen.is_searched = has_tensors
        seen.function = function_of(seen.code, frame.f_globals, arguments, everywhere=has_tensors)
        seen.annotated = seen.function is not None and is_annotated(seen.function)

    def _copies(self, seen: Seen, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
        """Copies of the arguments of a call that is to be judged."""
        if seen.function is None or not any(map(holds_tensor, arguments.values())):
            return None
        most, left = (MOST_JUDGED, 0.0) if seen.annotated else (MOST_FOLLOWED, GRACE / 2)
        if seen.judged >= most or self._time_left() <= left:
            return None
        if self._is_fork or threading.current_thread() is not threading.main_thread():
            return None
        memo: dict[int, Any] = {}
        return {name: copied(value, memo) for name, value in arguments.items()}

    def _time_left(self) -> float:
        """Seconds that judging may still take, as things are."""
        return self._grace + SHARE * (process_time() - self._started) - self._spent

    def ended(self, begun: Begun, result: Any) -> None:
        """Take the result of a call, and say what there is to say of it."""
        if self._busy.now:
            return
        self._busy.now = True
        started = process_time()
        try:
            seen = Pattern(begun.told, told(result), "returned", text=self._why_not(begun))
            if begun.arguments is not None:
                begun.seen.judged += 1
                assert begun.seen.function is not None
                limit = min(AT_MOST, max(self._time_left(), 0.5))
                seen = self._judged(begun, result, seen, limit)
            elif seen.text == NO_TIME:
                begun.seen.owed.add(begun.pattern)
            begun.has_tensors |= holds_tensor(result)
            self._keep(begun, seen)
        except Exception as error:  # ours: the program goes on
            self._keep(begun, Pattern(begun.told, text=f"looking at it raised {first_line(error)}"))
        finally:
            begun.arguments = None
            self._spent += process_time() - started
            self._busy.now = False

    def _judged(self, begun: Begun, result: Any, seen: Pattern, limit: float) -> Pattern:
        """What is said of a call; of one without annotations, what following it says."""
        function, arguments = begun.seen.function, begun.arguments
        assert function is not None
        assert arguments is not None
        if begun.seen.annotated:
            seen = judging.judged(function, dict(arguments), result, seen, self.root, limit)
        if begun.seen.annotated and self._time_left() < GRACE / 2:
            return seen
        audit = not begun.seen.annotated and self._time_left() > GRACE / 2
        limit = min(AT_MOST_FOLLOWED, max(self._time_left(), 0.5))
        looked = unannotated.looked_at(function, arguments, self.root, limit, audit=audit)
        self._followed.add(looked)
        return replace(seen, findings=(*seen.findings, *looked.findings))

    def _keep(self, begun: Begun, pattern: Pattern) -> None:
        if begun.has_tensors:
            begun.seen.patterns[begun.pattern] = pattern

    def _why_not(self, begun: Begun) -> str:
        seen = begun.seen
        if seen.function is None:
            return "its annotations were not found: no name leads to the function"
        if not seen.annotated:
            return "it has no shape annotations"
        if self._is_fork:
            return "it was called in a forked process"
        if threading.current_thread() is not threading.main_thread():
            return "it was called outside the main thread"
        return "enough calls were judged" if seen.judged >= MOST_JUDGED else NO_TIME

    def _constructed(self, seen: Seen, arguments: Mapping[str, Any]) -> None:
        """Keep what an object was built with, if JSON can hold it."""
        seen.looks -= 1
        names = iter(arguments)
        kind = type(arguments[next(names)])
        if not builds(kind, seen.code):
            return
        known = self.objects.setdefault(f"{kind.__module__}:{kind.__qualname__}", [])
        if len(known) >= MOST_OBJECTS:
            return
        try:
            built_with = dict(given(seen.code, arguments))
        except TypeError:  # an argument that JSON cannot hold
            return
        if built_with not in known:
            known.append(built_with)

    def _keep_object(self, value: Any) -> None:
        """Keep a copy of a module, for checks that need one of its class."""
        if isinstance(value, nn.Module) and type(value) not in self.kept:
            try:
                self.kept[type(value)] = copy.deepcopy(value)
            except Exception:  # some modules cannot be copied
                self.kept[type(value)] = None

    def forget(self) -> None:
        """Drop what was seen: a forked process tells of its own calls alone, and judges none."""
        self._is_fork = True
        self._seen.clear()
        self.objects.clear()

    def set_anew(self) -> None:
        """Look at functions again: their next calls may be of new patterns."""
        for seen in self._seen.values():
            if len(seen.patterns) < MOST_PATTERNS and not seen.reason:
                seen.looks = max(seen.looks, LOOKS // 4)

    def functions(self) -> Iterator[Function]:
        """What was seen, as plain data."""
        for seen in self._seen.values():
            patterns = tuple(pattern for pattern in seen.patterns.values() if pattern is not None)
            if patterns or seen.reason:
                file = below(self.root, seen.code.co_filename)
                line = line_of_def(seen.code.co_filename, seen.code.co_firstlineno)
                place = seen.code.co_filename, line
                listing = self._followed.listings.get(place)
                signatures = tuple(self._followed.signatures.get(place, ()))
                told = (file, line, seen.name, seen.module, seen.annotated, patterns, seen.reason)
                yield Function(*told, listing=listing, signatures=signatures)
