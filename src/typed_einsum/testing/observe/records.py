"""What is known of the functions of a project after a run: plain data, without torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from typed_einsum.testing.observe.forms import LISTING, SEEN, SIGNATURE, held_to

ENOUGH, NO_TIME = "enough calls were judged", "judging it is left to the next run"
"""Reasons why a pattern is not judged."""

TOO_LONG = "ran for more than"
"""Part of the reason where judging was begun, and took too long."""

BARE = "it has no shape annotations"
LATE = f"{BARE}, and the time for following calls ran out before its turn"
DROPPED = f"{BARE}, and more calls waited to be followed than are kept"
"""What is said of a call that is not held to annotations; why nothing was learnt from it, if nothing was."""

Extent = Literal["all sizes", "these sizes", "not judged"]
Json = Any


@dataclass(frozen=True)
class Found:
    """A finding, with its place relative to the root of the project."""

    code: str
    severity: Literal["error", "advice"]
    text: str
    file: str
    line: int
    column: int = 1
    message: str = ""


@dataclass(frozen=True)
class Pattern:
    """Calls of one function whose arguments have the same ranks, dtypes and types.

    `arguments` and `result` describe those of the first such call, as JSON. `text` says for which sizes they
    were judged, or why they were not. `key` is a digest of what such calls share.
    """

    arguments: Mapping[str, Json]
    result: Json = None
    ended: Literal["returned", "raised", "unknown"] = "unknown"
    extent: Extent = "not judged"
    text: str = ""
    findings: tuple[Found, ...] = ()
    key: str = ""

    @property
    def was_stopped(self) -> bool:
        """Whether judging it has taken too long."""
        return self.extent == "not judged" and TOO_LONG in self.text


@dataclass(frozen=True)
class Function:
    """A function of the project. `reason` says why nothing was seen of it, where nothing was.

    `listing` holds the shapes beside its lines, and `signatures` those that it took and returned, as JSON.
    """

    file: str
    line: int
    name: str
    module: str = ""
    annotated: bool = False
    patterns: tuple[Pattern, ...] = ()
    reason: str = ""
    listing: Json = None
    signatures: tuple[Json, ...] = ()

    @property
    def key(self) -> tuple[str, int, str]:
        """What tells functions apart."""
        return self.file, self.line, self.name

    @property
    def observed(self) -> bool:
        """Whether it was called with or for a tensor."""
        return bool(self.patterns)

    @property
    def extent(self) -> Extent:
        """How far what is known of it reaches: the least that is said of the patterns that were judged."""
        judged = [pattern.extent for pattern in self.patterns if pattern.extent != "not judged"]
        if not judged:
            return "not judged"
        return "all sizes" if set(judged) == {"all sizes"} else "these sizes"

    @property
    def text(self) -> str:
        """The sizes it was judged for, or why it was not."""
        said = [pattern.text for pattern in self.patterns if pattern.extent == self.extent and pattern.text]
        return said[0] if said else self.reason

    @property
    def findings(self) -> tuple[Found, ...]:
        """What is wrong with it, each thing once."""
        return tuple(dict.fromkeys(found for pattern in self.patterns for found in pattern.findings))


@dataclass(frozen=True)
class Observations:
    """Everything that was seen in a run. `objects` holds arguments of constructors, by module and class.

    `digests` are those of the files of the functions, when they were observed, and `callers` those of the
    project's other files that ran, such as tests.
    """

    functions: tuple[Function, ...] = ()
    objects: Mapping[str, tuple[Mapping[str, Json], ...]] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    callers: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Json]:
        """The observations as JSON can hold them."""
        return {**vars(self), "functions": [_plain(each) for each in self.functions]}

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Observations:
        """The observations that `to_json` made. Raises `KeyError`, `TypeError` or `ValueError` for others."""
        objects = {name: tuple(map(dict, each)) for name, each in data["objects"].items()}
        files = dict(data["digests"]), dict(data.get("callers", {}))
        return cls(tuple(map(_function, data["functions"])), objects, *files)

    def summary(self) -> str:
        """The counts, in one line."""
        observed = [function for function in self.functions if function.observed]
        extents = [function.extent for function in observed if function.annotated]
        findings = [found for function in observed for found in function.findings]
        errors = sum(found.severity == "error" for found in findings)
        bare = sum(not function.annotated for function in observed)
        parts = [
            f"{_count(len(observed), 'function')} observed",
            f"{extents.count('all sizes')} judged for all sizes",
            f"{extents.count('these sizes')} at the sizes seen",
            f"{extents.count('not judged')} not judged",
            *([f"{bare} without shape annotations"] if bare else []),
            _count(errors, "finding"),
        ]
        advice = len(findings) - errors
        line = ", ".join([*parts, f"{advice} advice"] if advice else parts)
        missed = sum(function.annotated and not function.observed for function in self.functions)
        return f"{line}; {missed} more with shape annotations not seen" if missed else line

    @property
    def left(self) -> int:
        """How many functions with shape annotations the next run is to judge, since time was short."""
        reasons = [each.text for each in self.functions if each.annotated and each.extent == "not judged"]
        return sum(each == NO_TIME or TOO_LONG in each for each in reasons)

    def judged_share(self) -> float:
        """How many percent of the functions with shape annotations were judged; 100 where there are none."""
        annotated = [function for function in self.functions if function.annotated]
        judged = sum(function.extent != "not judged" for function in annotated)
        return 100.0 * judged / len(annotated) if annotated else 100.0


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _plain(function: Function) -> dict[str, Json]:
    """A function as JSON can hold it; `dataclasses.asdict` would copy all that it holds."""
    patterns = [
        {**vars(each), "findings": [{**vars(found)} for found in each.findings]} for each in function.patterns
    ]
    return {**vars(function), "patterns": patterns}


KINDS: Mapping[str, Any] = {
    **dict.fromkeys(("file", "name", "module", "reason", "ended", "text", "key", "code", "message"), str),
    **dict.fromkeys(("line", "column"), int),
    **{"annotated": bool, "arguments": dict},
    **dict.fromkeys(("patterns", "signatures", "findings"), list | tuple),
    "listing": dict | None,
}
"""Of which type each part of a record is."""

WORDS = {"severity": ("error", "advice"), "extent": ("all sizes", "these sizes", "not judged")}


def _sound(data: Mapping[str, Json]) -> Mapping[str, Json]:
    """A part of a record, unchanged. Raises `TypeError` or `ValueError` if it cannot be one."""
    for name, value in data.items():
        if not isinstance(value, KINDS.get(name, object)):
            raise TypeError(
                f"`{name}`: expected {getattr(KINDS[name], '__name__', KINDS[name])}, got {value!r:.60}"
            )
        if name in WORDS and value not in WORDS[name]:
            raise ValueError(f"`{name}`: expected one of {', '.join(WORDS[name])}, got {value!r:.60}")
    return data


def _function(data: Mapping[str, Json]) -> Function:
    _sound(data)
    if data.get("listing") is not None:
        held_to(data["listing"], LISTING, "listing")
    held_to(data.get("signatures", ()), [SIGNATURE], "signatures")
    patterns, signatures = tuple(map(_pattern, data["patterns"])), tuple(data.get("signatures", ()))
    return Function(**{**data, "patterns": patterns, "signatures": signatures})


def _pattern(data: Mapping[str, Json]) -> Pattern:
    findings = tuple(Found(**_sound(found)) for found in data["findings"])
    held_to(data["arguments"], {str: SEEN}, "arguments")
    held_to(data.get("result"), SEEN, "result")
    return Pattern(**{**_sound(data), "findings": findings})


def combined(parts: Iterable[Observations]) -> Observations:
    """What several processes have seen, as one."""
    functions: dict[tuple[str, int, str], Function] = {}
    objects: dict[str, tuple[Mapping[str, Json], ...]] = {}
    digests: dict[str, str] = {}
    callers: dict[str, str] = {}
    for part in parts:
        for function in part.functions:
            known = functions.get(function.key)
            functions[function.key] = function if known is None else _merged(known, function)
        for name, arguments in part.objects.items():
            known_arguments = objects.get(name, ())
            objects[name] = (*known_arguments, *(each for each in arguments if each not in known_arguments))
        digests.update(part.digests)
        callers.update(part.callers)
    return Observations(tuple(functions[key] for key in sorted(functions)), objects, digests, callers)


def _merged(one: Function, other: Function) -> Function:
    fresh = [pattern for pattern in other.patterns if pattern not in one.patterns]
    patterns = (*one.patterns, *fresh)
    reason = "" if patterns else one.reason or other.reason
    listing = one.listing or other.listing
    annotated = one.annotated or other.annotated
    more = tuple(each for each in other.signatures if each not in one.signatures)
    known = replace(one, annotated=annotated, signatures=(*one.signatures, *more))
    return replace(known, patterns=patterns, reason=reason, listing=listing)
