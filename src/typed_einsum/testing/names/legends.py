"""Legends of axis names, as files have them in a comment or a docstring: `b - batch`, `H: number of heads`.

A name in the code that a legend spells out has its short name there: `dim_pairwise` is `dp` where the legend
says `dp - feature dimension (pairwise)`.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from typed_einsum.testing.listing.source import Source
from typed_einsum.testing.listing.values import Size
from typed_einsum.testing.names.evidence import Evidence, Kind

ENTRY = re.compile(
    r"[\s*-]*`{0,2}([A-Za-z][A-Za-z0-9]{0,3})`{0,2}\s*(?:--?|\u2013|\u2014|:|=)\s+([A-Za-z][\w ,()/'-]*)"
)
"""One line of a legend: a short name, a sign, and what it is in plain words."""

LEAST_ENTRIES = 3
"""How many such lines must follow each other: one alone may be about something else."""

FILLERS = {"a", "an", "the", "of", "in", "per", "for", "each", "number", "num", "n", "size", "count"}
"""Words that do not tell what is counted."""

MOST_MORE = 1
"""So many words may a legend say beside those of a name: `dim` is the "feature dimension"."""

WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
LEAST_LETTERS = 3
"""So many letters abbreviate a word: `dim` is a dimension."""


def aliases(evidence: Sequence[Evidence]) -> Iterator[Evidence]:
    """The short names that the legend of a file has for names that its functions say."""
    roles: dict[tuple[Source, Size], set[str]] = defaultdict(set)
    for each in evidence:
        if each.is_role and each.source is not None:
            roles[each.source, each.size].add(each.name)
    for each in evidence:
        if each.source is None or each.kind is Kind.ANNOTATION:
            continue
        legend, names = legend_of(each.source.lines), sorted(roles[each.source, each.size])
        found = shared_name(names, legend) if each.is_role else short_name(each.name, legend)
        if found is not None:
            short, line = found
            told = " and ".join(f"`{name}`" for name in names) if each.is_role else f"`{each.name}`"
            yield Evidence(each.size, short, Kind.COMMENT, each.source, line, f"legend's word for {told}")


@lru_cache(maxsize=64)
def legend_of(lines: tuple[str, ...]) -> Mapping[str, tuple[str, int]]:
    """The legend in the lines of a file: what each short name is, and its line."""
    found: dict[str, tuple[str, int]] = {}
    running: dict[str, tuple[str, int]] = {}
    before = 0
    for number, line in [*_prose(lines), (0, "")]:
        entry = ENTRY.fullmatch(line.rstrip())
        if entry is None or number != before + 1:
            found = {**running, **found} if len(running) >= LEAST_ENTRIES else found
            running = {}
        if entry is not None:
            running.setdefault(entry.group(1), (entry.group(2), number))
        before = number
    return found


def _prose(lines: tuple[str, ...]) -> list[tuple[int, str]]:
    """The lines of comments at the margin, and of texts that stand by themselves, but for docstrings of
    functions: these speak of parameters."""
    try:
        tree = ast.parse("".join(lines))
    except (SyntaxError, ValueError):
        return []
    found = [(at, line.lstrip("#")) for at, line in enumerate(lines, start=1) if line.startswith("#")]
    for node in ast.walk(tree):
        body = getattr(node, "body", ())
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for each in body[is_function:] if isinstance(body, list) else ():
            if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant):
                inside = str(each.value.value).splitlines()
                found += [(each.lineno + at, line) for at, line in enumerate(inside)]
    return found


def short_name(name: str, legend: Mapping[str, tuple[str, int]]) -> tuple[str, int] | None:
    """The one entry that a name spells out best, with its line; None where none does, or two do."""
    words = [word.lower() for word in WORD.findall(name)]
    words = [word for word in words if word not in FILLERS] or words
    if not words or len(name) < LEAST_LETTERS:
        return None
    rated: list[tuple[int, int, str]] = []
    for short, (told, _) in legend.items():
        said = [word.lower() for word in WORD.findall(told) if word.lower() not in FILLERS]
        more = len(said) - len(words)
        if more <= MOST_MORE and all(any(_is_short_for(word, one) for one in said) for word in words):
            rated.append((more, sum(word not in said for word in words), short))
    rated.sort()
    if not rated or (len(rated) > 1 and rated[0][:2] == rated[1][:2]):
        return None
    short = rated[0][2]
    return short, legend[short][1]


def shared_name(names: Sequence[str], legend: Mapping[str, tuple[str, int]]) -> tuple[str, int] | None:
    """The entry for what letters are by turns: `tokens`, for `tokens (source)` and `tokens (target)`."""
    words = {short: {word.lower() for word in WORD.findall(told)} for short, (told, _) in legend.items()}
    if len(names) < 2 or not all(name in words for name in names):
        return None
    shared = set.intersection(*(words[name] for name in names))
    found = [short for short, each in words.items() if each == shared and short not in names]
    return (found[0], legend[found[0]][1]) if len(found) == 1 else None


def _is_short_for(word: str, other: str) -> bool:
    shorter, longer = sorted((word, other), key=len)
    return word == other or (len(shorter) >= LEAST_LETTERS and longer.startswith(shorter))
