"""What an earlier run has said of functions: it still holds where no file of the project has changed.

Where no other file has changed either, such as those of tests, the same calls are made as before.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from typed_einsum.testing.observe.places import below
from typed_einsum.testing.observe.records import Function, Pattern
from typed_einsum.testing.observe.seen import Seen
from typed_einsum.testing.observe.store import are_unchanged, earlier


class Earlier:
    """What is known from earlier runs, of the calls of this one.

    It `has_callers` where all that called the functions is as it was.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        found = earlier(folder)
        self._functions: Mapping[tuple[str, int, str], Function] = {
            each.key: each for each in found.functions
        }
        self._compared = found.digests.keys()
        self._root = root
        self.is_empty = not self._functions
        self.has_callers = are_unchanged(found.callers, root)

    def of(self, seen: Seen, key: str) -> tuple[Pattern, Function] | None:
        """What is known of calls of a pattern, by its digest, and of the function."""
        file, line = seen.place
        shown = below(self._root, file)
        function = self._functions.get((shown, line, seen.name))
        if function is None or shown not in self._compared:
            return None
        known = next((each for each in function.patterns if each.key == key), None)
        return None if known is None else (known, function)
