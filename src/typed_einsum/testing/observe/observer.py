"""Looks at the calls of a project's functions: what was seen of each, and which are examined."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import replace
from inspect import CO_ASYNC_GENERATOR, CO_GENERATOR
from pathlib import Path
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from torch import nn

from typed_einsum.testing.observe.budget import Budget
from typed_einsum.testing.observe.busy import Busy
from typed_einsum.testing.observe.earlier import Earlier
from typed_einsum.testing.observe.frames import arguments_of, built_with
from typed_einsum.testing.observe.functions import function_of, is_annotated
from typed_einsum.testing.observe.garbage import import_to_stay
from typed_einsum.testing.observe.places import below
from typed_einsum.testing.observe.probes import OFF, Answer
from typed_einsum.testing.observe.records import Function, Json, Pattern
from typed_einsum.testing.observe.seen import FEW, LOOKS, Begun, Seen, is_main
from typed_einsum.testing.observe.values import (
    copied,
    holds_tensor,
    is_transformed,
    key_of,
    patterns_of,
    told,
)
from typed_einsum.testing.process.outcome import first_line

if TYPE_CHECKING:
    from typed_einsum.testing.calls.call import Call
    from typed_einsum.testing.observe.verdicts import Verdicts

MOST_PATTERNS = 8
"""How many patterns of one function are kept."""

MOST_WAITING, MOST_OBJECTS = 3, 3
"""How many calls of one function wait to be judged, and how many arguments of a constructor are kept."""

NO_END = "the call raised an exception"
"""What is said of a call as long as it has not returned. What it was passed may be wrong on purpose."""


class Observer:
    """Is told when functions of the project begin, and keeps what it has seen of them."""

    def __init__(self, root: Path, keeps_objects: bool, budget: Budget, earlier: Earlier) -> None:
        self.root = root
        self.kept: dict[type, Any] = {}
        self._keeps_objects = keeps_objects
        self.objects: dict[str, list[dict[str, Json]]] = {}
        self._seen: dict[int, Seen] = {}
        self._busy = Busy()
        self._budget = budget
        self._earlier = earlier
        self._listings: dict[tuple[str, int], Json] = {}
        self._signatures: dict[tuple[str, int], list[Json]] = {}
        self._lazy: Verdicts | None = None
        self._is_fork = False

    @property
    def _verdicts(self) -> Verdicts:
        """What judges calls. To import it takes long, and where all is known nothing is judged."""
        if self._lazy is None:
            import_to_stay("typed_einsum.testing.observe.verdicts")
            from typed_einsum.testing.observe.verdicts import Verdicts

            self._lazy = Verdicts(self.root, self._budget, self._listings, self._signatures)
        return self._lazy

    def begun(self, code: CodeType, frame: FrameType) -> Answer:
        """Say whether the end of a call is of interest, and whether further calls are."""
        seen = self._seen.get(id(code))
        if self._busy.now:
            return None if seen is None else self._entered(seen, frame)
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

    def _entered(self, seen: Seen, frame: FrameType) -> Answer:
        """A call that a judgement makes."""
        try:
            arguments = arguments_of(seen.code, frame)
            if self._lazy is None:
                return None
            answer: Answer = self._lazy.entered(seen, lambda: patterns_of(arguments), arguments)
        except Exception:  # ours: the judgement goes on
            return None
        return answer

    def _look(self, seen: Seen, frame: FrameType) -> Answer:
        if is_transformed():
            return None
        arguments = arguments_of(seen.code, frame)
        if seen.code.co_name == "__init__":
            self._constructed(seen, arguments)
            return None
        pattern = patterns_of(arguments)
        is_free = seen.needs_objects or not seen.waiting
        is_owed = pattern in seen.owed and is_free and is_main() and self._has_time_for(seen)
        if pattern in seen.patterns or len(seen.patterns) >= MOST_PATTERNS:
            seen.looks -= 1
            if not is_owed:
                return None
        with self._budget.counted():
            return self._new_pattern(seen, frame, arguments, pattern)

    def _new_pattern(
        self, seen: Seen, frame: FrameType, arguments: Mapping[str, Any], pattern: Hashable
    ) -> Answer:
        has_tensors = any(map(holds_tensor, arguments.values()))
        self._find(seen, frame, arguments, has_tensors)
        if self._keeps_objects:
            self._keep_object(next(iter(arguments.values()), None))
        described = {name: told(value) for name, value in arguments.items()}
        known, is_same = self._known(seen, pattern, described)
        if pattern not in seen.patterns:
            seen.looks, seen.quiet = (FEW, 2) if known and self._earlier.has_callers else (LOOKS, 0)
        if known is not None and not seen.annotated:
            self._accept(seen, pattern, known)
            return None
        copies = self._copies(seen, pattern, arguments, is_same)
        begun = Begun(self, seen, pattern, described, has_tensors, copies, known, is_same)
        # Of a pattern that is owed, a call has returned before.
        seen.patterns.setdefault(pattern, Pattern(described, text=NO_END) if has_tensors else None)
        if seen.code.co_flags & (CO_GENERATOR | CO_ASYNC_GENERATOR):
            self._keep(begun, Pattern(described, text="what a generator yields is not judged"))
            return None
        self._busy.enter(frame)
        return begun

    def _known(
        self, seen: Seen, pattern: Hashable, described: Mapping[str, Json]
    ) -> tuple[Pattern | None, bool]:
        """What an earlier run has said of such calls, if it has said all; whether it has seen this one."""
        known = self._earlier.of(seen, key_of(pattern))
        if known is None or (known[0].was_stopped and self._budget.grace > 0):
            return None, False
        found, function = known
        if function.listing is not None:
            self._listings.setdefault(seen.place, function.listing)
        self._signatures.setdefault(seen.place, list(function.signatures))
        is_same = self._earlier.has_callers and found.arguments == described
        return replace(found, arguments=described), is_same

    def _find(self, seen: Seen, frame: FrameType, arguments: Mapping[str, Any], has_tensors: bool) -> None:
        """Find the function itself, once. To look for it everywhere takes long, so only for tensors."""
        if seen.is_searched or (seen.function is not None and not has_tensors):
            return
        seen.is_searched = has_tensors
        seen.function = function_of(seen.code, frame.f_globals, arguments, everywhere=has_tensors)
        seen.annotated = seen.function is not None and is_annotated(seen.function)

    def _copies(
        self, seen: Seen, pattern: Hashable, arguments: Mapping[str, Any], is_same: bool
    ) -> dict[str, Any] | None:
        """Copies of the arguments of a call that is to be judged; a later one is, where it cannot be now."""
        if seen.function is None or not (seen.annotated or any(map(holds_tensor, arguments.values()))):
            return None
        if seen.is_enough or self._is_fork:
            return None
        if seen.waiting >= MOST_WAITING or not is_main():
            seen.owed.add(pattern)
            return None
        if is_same:  # nothing is to be done with them
            return dict(arguments)
        memo: dict[int, Any] = {}
        copies = {name: copied(value, memo) for name, value in arguments.items()}
        return self._verdicts.with_objects(copies) if seen.needs_objects else copies

    def ended(self, begun: Begun, result: Any) -> None:
        """Take the result of a call, and say what there is to say of it."""
        if self._busy.now:
            return
        self._busy.now = True
        try:
            with self._budget.counted():
                self._take(begun, result)
                if self._busy.leave(begun.seen.code) and is_main() and self._lazy is not None:
                    self._lazy.settle()
        except Exception as error:  # ours: the program goes on
            self._keep(begun, Pattern(begun.told, text=f"looking at it raised {first_line(error)}"))
        finally:
            begun.arguments = None
            self._busy.now = False

    def _take(self, begun: Begun, result: Any) -> None:
        begun.has_tensors |= holds_tensor(result)
        seen = begun.seen
        why_not = seen.why_not_judged(is_fork=self._is_fork)
        returned = Pattern(begun.told, told(result), "returned", text=why_not)
        self._keep(begun, returned)
        if begun.arguments is None or not begun.has_tensors:
            return
        seen.owed.discard(begun.pattern)
        is_held = begun.known is not None and begun.is_same and begun.known.result == returned.result
        call = self._held(begun, result, returned) if seen.annotated and not is_held else None
        if isinstance(call, Pattern):
            self._accept(seen, begun.pattern, call)
        elif begun.known is not None:
            self._accept(seen, begun.pattern, begun.known)
        elif self._lazy is None and not self._has_time_for(seen):
            seen.owed.add(begun.pattern)
        else:
            self._verdicts.take(seen, begun.pattern, begun.arguments, call)

    def _has_time_for(self, seen: Seen) -> bool:
        is_new = seen.is_new and (seen.annotated or self._earlier.is_empty)
        return self._budget.allows(is_new=is_new, has_begun=self._lazy is not None)

    def _held(self, begun: Begun, result: Any, returned: Pattern) -> Call | Pattern:
        """Hold a call to its annotations. A caller may have changed since the function was judged."""
        import_to_stay("typed_einsum.testing.observe.holding")
        from typed_einsum.testing.observe.holding import held

        assert begun.seen.function is not None
        return held(begun.seen.function, dict(begun.arguments or {}), result, returned, self.root)

    def _accept(self, seen: Seen, pattern: Hashable, found: Pattern) -> None:
        """Take what is known of a pattern, where no call of it is to be run."""
        seen.patterns[pattern] = found
        seen.judged += found.extent != "not judged"
        seen.followed += not seen.annotated

    def settle(self, *, is_last: bool = False) -> None:
        """Judge calls for which there was no time when they returned, if there is now.

        Where it `is_last`, no function is to come for which time must be kept.
        """
        is_free = not (self._busy.now or self._is_fork or is_transformed())
        if self._lazy is None or not is_free or not is_main():
            return
        self._busy.now = True
        try:
            with self._budget.counted():
                self._lazy.settle(is_last=is_last)
        except Exception:  # ours: the program goes on, and what waits stays not judged
            pass
        finally:
            self._busy.now = False

    def _keep(self, begun: Begun, pattern: Pattern) -> None:
        if begun.has_tensors:
            begun.seen.patterns[begun.pattern] = pattern

    def _constructed(self, seen: Seen, arguments: Mapping[str, Any]) -> None:
        """Keep what an object was built with, if JSON can hold it."""
        seen.looks -= 1
        found = built_with(seen.code, arguments)
        if found is None:
            return
        name, given = found
        known = self.objects.setdefault(name, [])
        if given not in known and len(known) < MOST_OBJECTS:
            known.append(given)

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
        self.settle()
        for seen in self._seen.values():
            if seen.looks < LOOKS // 4 and len(seen.patterns) < MOST_PATTERNS and not seen.reason:
                seen.look_again()

    def functions(self) -> Iterator[Function]:
        """What was seen, as plain data."""
        for seen in self._seen.values():
            patterns = tuple(replace(each, key=key_of(key)) for key, each in seen.patterns.items() if each)
            if patterns or seen.reason:
                file, line = seen.place
                told = (below(self.root, file), line, seen.name, seen.module, seen.annotated, patterns)
                signatures = tuple(self._signatures.get(seen.place, ()))
                yield Function(*told, seen.reason, self._listings.get(seen.place), signatures)
