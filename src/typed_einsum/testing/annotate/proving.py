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

from typed_einsum.testing.annotate.joining import forced_in
from typed_einsum.testing.annotate.overlay import VARIABLE
from typed_einsum.testing.annotate.planning import Left, Planned
from typed_einsum.testing.annotate.witness import FOLDER, NAME
from typed_einsum.testing.observe.records import Function, Pattern
from typed_einsum.testing.process.supervisor import Supervisor

Key = tuple[str, int, str]
Texts = Callable[[Sequence[Planned], str], dict[str, str]]
"""Gives the texts of files with the annotations of plans, and a decorator above each."""

WHOLE = ""
"""Stands for all functions of a file."""

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
        given = [_place(plan, root) for plan in kept if plan.hints]
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
            told = [call for call in calls if "arguments" in call]
            seen = [Pattern(call["arguments"], call["result"], "returned") for call in told]
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
        overlay.write_text(json.dumps(dict(texts)), encoding="utf-8")
        told = {VARIABLE: str(overlay), FOLDER: folder}
        done = subprocess.run([sys.executable, *command], stdout=sys.stderr, env={**os.environ, **told})
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


@dataclass(frozen=True)
class Contracts:
    """Plans that `check_contract` agrees with, and what it says that axes of others must be, by function."""

    plans: tuple[Planned, ...]
    forced: Mapping[Key, tuple[tuple[str, str], ...]]


def proved_by_contracts(plans: Sequence[Planned], texts: Texts, root: Path, seconds: float) -> Contracts:
    """The plans without those that `check_contract` finds an error in, or whose file it cannot run.

    Raises `WorkerFailed`.
    """
    found: dict[tuple[str, str], list[Disagreement]] = defaultdict(list)
    for place, each in _contracts(texts(plans, ""), seconds):
        found[place].append(each)
    agreed = tuple(_agreed(plan, found, root) for plan in plans)
    forced = {
        plan.function.key: tuple(axes for each in found[_place(plan, root)] if (axes := each.forced))
        for plan in plans
        if plan.hints and _place(plan, root) in found
    }
    return Contracts(agreed, {key: axes for key, axes in forced.items() if axes})


def _agreed(plan: Planned, found: Mapping[tuple[str, str], Sequence[Disagreement]], root: Path) -> Planned:
    file, name = _place(plan, root)
    reasons = [*found.get((file, WHOLE), ()), *found.get((file, name), ())]
    if not reasons or not plan.hints:
        return plan
    return Planned(plan.function, left=(Left("", reasons[0].reason),))


def _place(plan: Planned, root: Path) -> tuple[str, str]:
    return os.path.realpath(root / plan.function.file), plan.function.name


@dataclass(frozen=True)
class Disagreement:
    """Why a function is left out, and which axis must be which other one, or a number, if that is why."""

    reason: str
    forced: tuple[str, str] | None = None


def _contracts(texts: Mapping[str, str], seconds: float) -> Iterator[tuple[tuple[str, str], Disagreement]]:
    """Why functions are left out, by file and name; `WHOLE` stands for all of a file that does not run."""
    with tempfile.TemporaryDirectory(prefix="typed-einsum-") as folder:
        overlay = Path(folder) / "overlay.json"
        overlay.write_text(json.dumps(dict(texts)), encoding="utf-8")
        before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = str(overlay)
        supervisor = Supervisor(seconds)
        try:
            for file in texts:
                for each in supervisor.check(Path(file)):
                    if each.kind in ("finding", "failed"):
                        how = "disagrees" if each.name else "could not run its file"
                        said = f"{each.code} {each.text}".strip()
                        why = Disagreement(f"check_contract {how}: {said}", forced_in(each.code, each.text))
                        yield (os.path.realpath(file), each.name or WHOLE), why
        finally:
            supervisor.close()
            if before is None:
                del os.environ[VARIABLE]
            else:
                os.environ[VARIABLE] = before
