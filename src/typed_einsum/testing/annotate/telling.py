"""What is said of annotations: how many, of what, where names come from, and what stays out."""

from __future__ import annotations

import difflib
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from typed_einsum.testing.annotate.planning import RESULT, Left, Planned
from typed_einsum.testing.observe.observation import LONGER
from typed_einsum.testing.observe.records import DROPPED, LATE, Found

MOST_NAMES = 12
"""How many names are told of one function."""


def diff_of(file: str, before: str, after: str) -> str:
    """A change of a file as a patch that `git apply` takes."""
    # A form feed is within a line, for git as for Python: `splitlines` would end one there.
    old, new = (io.StringIO(text, newline="\n").readlines() for text in (before, after))
    lines = difflib.unified_diff(old, new, f"a/{file}", f"b/{file}")
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def lines_of(plans: Sequence[Planned], contradicted: Iterable[Found]) -> Iterator[str]:
    """The functions with the sources of their names, then what stays out, and what is contradicted."""
    given = [plan for plan in plans if plan.hints]
    for plan in given:
        yield f"{_place(plan)} {plan.function.name}: {_names(plan)}"
    out = [(plan, left) for plan in plans for left in plan.left]
    if out:
        yield from ("", "left out:")
        yield from (
            f"  {_place(plan)} {plan.function.name}{_what(left)}: {left.reason}" for plan, left in out
        )
    found = list(contradicted)
    if found:
        yield from ("", "annotations that calls contradict, which stay as they are:")
        yield from (f"  {each.file}:{each.line}: {each.code} {each.text}" for each in found)
    yield ""


def _place(plan: Planned) -> str:
    return f"{plan.function.file}:{plan.function.line}"


def _what(left: Left) -> str:
    match left.what:
        case "":
            return ""
        case name if name == RESULT:
            return ", its result"
        case name:
            return f", `{name}`"


def _names(plan: Planned) -> str:
    """The names by where they come from: `b, t, d: local in forward, line 3`."""
    by_origin: dict[str, list[str]] = {}
    for name, origin in list(plan.origins.items())[:MOST_NAMES]:
        by_origin.setdefault(origin, []).append(name)
    more = ["…"] if len(plan.origins) > MOST_NAMES else []
    told = [f"{', '.join(f'`{name}`' for name in names)} ({origin})" for origin, names in by_origin.items()]
    return ", ".join([*told, *more]) or "no axis has a name"


def summary(plans: Sequence[Planned], proofs: Sequence[str], verb: str) -> str:
    """The counts in one line, and what they were proved by in a second."""
    given = [plan for plan in plans if plan.hints]
    axes = sum(plan.axes for plan in given)
    kinds = Counter(_kind(origin) for plan in given for origin in plan.origins.values())
    names = ", ".join(f"{count} from {kind}" for kind, count in kinds.most_common())
    out = len(plans) - len(given)
    told = f"{verb} {_count(len(given), 'function')} with {_count(axes, 'axis', 'axes')}"
    return "\n".join(
        [
            f"{told}; {_count(out, 'function')} left out",
            *([f"names: {names}"] if names else []),
            *([f"proved by {', '.join(proofs)}"] if given else []),
        ]
    )


def unfollowed(plans: Sequence[Planned]) -> int:
    """How many functions stay without annotations because there was no time to follow a call of theirs."""
    return sum(
        not plan.hints
        and not plan.function.signatures
        and any(each.text in (LATE, DROPPED) for each in plan.function.patterns)
        for plan in plans
    )


def more_time(plans: Sequence[Planned], seconds: float, *, is_told: bool) -> str:
    """What to do where time ran out; empty where it did not. `annotate --with` follows calls for `seconds`.

    Where the command was told to it, they have been followed for so long."""
    count = unfollowed(plans)
    if not count:
        return ""
    said = f"{_count(count, 'function')} left out for want of time to follow calls: "
    if not is_told:
        return said + f"`annotate --with 'pytest -q'` follows calls for {_minutes(seconds)}"
    return said + f"{LONGER}={3 * seconds:g} gives them {_minutes(3 * seconds)}"


def _minutes(seconds: float) -> str:
    return _count(round(seconds), "second") if seconds < 120 else _count(round(seconds / 60), "minute")


def _kind(origin: str) -> str:
    words: Mapping[str, str] = {
        "annotation": "annotations",
        "local": "locals",
        "equation": "equations",
        "comment": "comments",
        "attribute": "attributes",
        "layer": "layers",
        "the": "the glossary",
        "legend's": "legends",
        "its": "places of arguments",
    }
    return words.get(origin.split(" ")[0], "other code")


def _count(number: int, one: str, several: str = "") -> str:
    return f"{number} {one if number == 1 else several or one + 's'}"
