"""The proof of planned annotations: the program runs with them, and contracts are checked.

A call that breaks an annotation is one more call that was seen: the plan is made again with it, until every
call keeps it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from typed_einsum.testing.annotate.overlay import VARIABLE, told
from typed_einsum.testing.annotate.planning import Left, Planned
from typed_einsum.testing.annotate.witness import FOLDER, NAME
from typed_einsum.testing.observe.records import Function, Pattern

Key = tuple[str, int, str]
Texts = Callable[[Sequence[Planned], str], dict[str, str]]
"""Gives the texts of files with the annotations of plans, and a decorator above each."""

ROUNDS = 5
"""How often the program runs at most."""


@dataclass
class Witnessed:
    """What a run with annotations has shown: which functions were called, and calls that broke them."""

    status: int
    called: set[tuple[str, str]] = field(default_factory=set)
    broken: dict[tuple[str, str], list[Any]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True)
class Proof:
    """Plans that hold. `status` is that of the program's last run with them, None where it did not run.

    `called` holds the functions of which that run has checked a call, by file and name.
    """

    plans: tuple[Planned, ...]
    status: int | None = None
    runs: int = 0
    called: frozenset[tuple[str, str]] = frozenset()

    def claim(self, kept: Sequence[Planned], root: Path) -> str:
        """What the run proves of plans; less where functions are called in processes that check nothing."""
        given = [place_of(plan, root) for plan in kept if plan.hints]
        checked = sum(each in self.called for each in given)
        if checked == len(given):
            return "the command with every call checked"
        return f"the command with the calls of {checked} of {len(given)} functions checked"


def proved_by_run(
    functions: Sequence[Function],
    plan: Callable[[Function], Planned],
    texts: Texts,
    root: Path,
    command: Sequence[str],
) -> Proof:
    """Run a program with the planned annotations, and plan again, until no call breaks one."""
    known = {function.key: function for function in functions}
    refused: dict[Key, str] = {}
    plans: list[Planned] = []
    for run in range(1, ROUNDS + 1):
        plans = [_unless_refused(plan(each), refused) for each in known.values()]
        found = witnessed(texts(plans, NAME), command)
        if not found.broken:
            return Proof(tuple(plans), found.status, run, frozenset(found.called))
        for key, function in known.items():
            calls = found.broken.get((os.path.realpath(root / function.file), function.name), [])
            whole = [call for call in calls if "arguments" in call]
            seen = [Pattern(call["arguments"], call["result"], "returned") for call in whole]
            new = [pattern for pattern in seen if pattern not in function.patterns]
            if calls and (not new or run > 2):
                refused[key] = f"a call of the program breaks it: {calls[0]['reason']}"
            known[key] = replace(function, patterns=(*function.patterns, *new))
    plans = [_unless_refused(plan(each), refused) for each in known.values()]
    return Proof(tuple(plans), found.status, ROUNDS, frozenset(found.called))


def _unless_refused(plan: Planned, refused: Mapping[Key, str]) -> Planned:
    reason = refused.get(plan.function.key)
    return plan if reason is None or not plan.hints else Planned(plan.function, left=(Left("", reason),))


def witnessed(texts: Mapping[str, str], command: Sequence[str]) -> Witnessed:
    """Run a program here with other texts of files; what it prints goes to the error stream."""
    with tempfile.TemporaryDirectory(prefix="typed-einsum-") as folder:
        overlay = Path(folder) / "overlay.json"
        overlay.write_text(told(texts), encoding="utf-8")
        variables = {VARIABLE: str(overlay), FOLDER: folder}
        done = subprocess.run([sys.executable, *command], stdout=sys.stderr, env={**os.environ, **variables})
        found = Witnessed(done.returncode)
        for line in _lines(Path(folder)):
            key = line["file"], line["name"]
            found.called.add(key)
            if "reason" in line:
                found.broken[key].append(line)
    return found


def _lines(folder: Path) -> Iterator[Any]:
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def place_of(plan: Planned, root: Path) -> tuple[str, str]:
    """The real path of the file of a plan's function, and its name."""
    return os.path.realpath(root / plan.function.file), plan.function.name
