"""What `check_contract` says of planned annotations, and how plans that it disagrees with are mended."""

from __future__ import annotations

import os
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typed_einsum.testing.annotate.joining import forced_in, joined
from typed_einsum.testing.annotate.mending import FAILED, Mend, mend_of, without
from typed_einsum.testing.annotate.overlay import VARIABLE, told
from typed_einsum.testing.annotate.planning import Left, Planned
from typed_einsum.testing.annotate.proving import Key, Texts, place_of
from typed_einsum.testing.process.outcome import Outcome
from typed_einsum.testing.process.supervisor import Supervisor

WHOLE = ""
"""Stands for all functions of a file."""

ROUNDS = 5
"""How often a plan is mended at most."""

MISSING = re.compile(r"'NoneType'|NoneType object")
"""What Python says where an object that was made up lacks a part: no annotation of a shape is wrong then."""

MOST = 4
"""A whole number up to this is passed as in every call: it is an axis or a choice, and hardly a size."""


@dataclass(frozen=True)
class Contracts:
    """Plans that `check_contract` agrees with, and how some of them were mended until it did."""

    plans: tuple[Planned, ...]
    mends: Mapping[Key, Mend] = field(default_factory=dict)

    def mended(self, plan: Planned) -> Planned:
        """A plan as it is mended."""
        return changed(plan, self.mends.get(plan.function.key, Mend()))

    @property
    def ask_for_more(self) -> bool:
        """Whether some plan asks for more than what the program was run with."""
        return any(each.forced for each in self.mends.values())


def changed(plan: Planned, mend: Mend) -> Planned:
    """A plan with what a mend changes."""
    return without(joined(plan, mend.forced), dict(mend.dropped))


def proved_by_contracts(plans: Sequence[Planned], texts: Texts, root: Path, seconds: float) -> Contracts:
    """The plans that `check_contract` finds no error in, mended where that helps; others are left out.

    So are those whose file it cannot run. Raises `WorkerFailed`.
    """
    done = {plan.function.key: plan for plan in plans}
    waiting = [plan for plan in plans if plan.hints]
    mends: dict[Key, Mend] = {}
    for _ in range(ROUNDS):
        found = _disagreements(waiting, texts, root, seconds)
        again = []
        for plan in waiting:
            key = plan.function.key
            if (why := _why(plan, found, root)) is None:
                done[key] = plan
                continue
            done[key] = Planned(plan.function, left=(Left("", why.reason),))
            mend = why.mend(plan)
            if mend is not None and (mended := changed(plan, mend)).hints and mended != plan:
                before = mends.get(key, Mend())
                mends[key] = Mend((*before.forced, *mend.forced), (*before.dropped, *mend.dropped))
                again.append(mended)
        waiting = again
        if not waiting:
            break
    kept = {key: mend for key, mend in mends.items() if done[key].hints}
    return Contracts(tuple(done.values()), kept)


@dataclass(frozen=True)
class Disagreement:
    """What is found wrong with an annotation, and the reason as a reader gets it."""

    code: str
    text: str
    reason: str
    is_of_function: bool = True

    def mend(self, plan: Planned) -> Mend | None:
        """What may make a plan agree."""
        if not self.is_of_function:
            return None
        forced = forced_in(self.code, self.text)
        return Mend(forced=(forced,)) if forced else mend_of(plan, self.code, self.text, self.reason)


Places = Mapping[tuple[str, str], Sequence[Disagreement]]


def _why(plan: Planned, found: Places, root: Path) -> Disagreement | None:
    file, name = place_of(plan, root)
    every = [*found.get((file, WHOLE), ()), *found.get((file, name), ())]
    return every[0] if every else None


def _disagreements(plans: Sequence[Planned], texts: Texts, root: Path, seconds: float) -> Places:
    """What is found wrong, by file and name; `WHOLE` stands for all of a file that does not run."""
    found: dict[tuple[str, str], list[Disagreement]] = defaultdict(list)
    changed_texts = texts(plans, "")
    with tempfile.TemporaryDirectory(prefix="typed-einsum-") as folder:
        overlay = Path(folder) / "overlay.json"
        overlay.write_text(told(changed_texts, _passed(plans, root)), encoding="utf-8")
        for file, each in _outcomes([*changed_texts], overlay, seconds):
            if each.kind in ("finding", "failed") and not _is_of_made_up(each):
                how = "disagrees" if each.name else "could not run its file"
                said = f"{each.code} {each.text}".strip()
                reason = f"check_contract {how}: {said}"
                why = Disagreement(each.code, each.text, reason, bool(each.name))
                found[os.path.realpath(file), each.name or WHOLE].append(why)
    return found


def _outcomes(files: Sequence[str], overlay: Path, seconds: float) -> Iterator[tuple[str, Outcome]]:
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(overlay)
    supervisor = Supervisor(seconds)
    try:
        for file in files:
            yield from ((file, each) for each in supervisor.check(Path(file)))
    finally:
        supervisor.close()
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def _is_of_made_up(found: Outcome) -> bool:
    """Whether a call failed for want of a part of an object, and not by its shapes."""
    return found.code == FAILED and MISSING.search(found.text) is not None


def _passed(plans: Sequence[Planned], root: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """The choices that are the same in every call, such as `dim=-1`."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for plan in plans:
        file, name = place_of(plan, root)
        seen = [each.arguments for each in plan.function.patterns if each.ended == "returned"]
        first = seen[0] if seen else {}
        same = {
            parameter: value
            for parameter, value in first.items()
            if type(value) in (bool, int) and all(each.get(parameter) == value for each in seen)
        }
        if same := {parameter: value for parameter, value in same.items() if abs(value) <= MOST}:
            found.setdefault(file, {})[name] = same
    return found


def agreed(plans: Sequence[Planned], checked: Sequence[Planned]) -> tuple[Planned, ...]:
    """The plans of a later run as they were checked; those that became others by it are left out."""
    known = {plan.function.key: plan for plan in checked}
    return tuple(_agreed(plan, known[plan.function.key]) for plan in plans)


def _agreed(plan: Planned, checked: Planned) -> Planned:
    if not checked.hints or plan.hints == checked.hints:
        return checked
    reason = "a call of the program breaks what check_contract asks for"
    return Planned(plan.function, left=(Left("", reason),)) if plan.hints else plan
