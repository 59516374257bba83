"""Why torch's symbolic shapes stopped, in a reader's words: values decide what only sizes may decide."""

from __future__ import annotations

import linecache
import traceback
from pathlib import Path

from typed_einsum.testing.process.outcome import first_line
from typed_einsum.testing.targets.installed import INSTALLED

NEEDED = "it needs a number that the values of a tensor make"

DECIDED = (
    ("GuardOnDataDependent", "guard on", "the values of a tensor decide the path"),
    (
        "GuardOnDataDependent",
        "extract specialized integer",
        "it needs a number that the values of a tensor make",
    ),
    ("DynamicOutputShape", "", "the values of a tensor decide how many entries a result has"),
    ("DataDependentOutput", "", NEEDED),
)
"""A part of the name of torch's exception, one of what it says, and what that means."""

OWN = Path(__file__).parents[2]
MOST_SHOWN = 60
"""So many characters of a line are shown."""


def in_plain_words(error: BaseException) -> str:
    """Why a run on symbols stopped, with the line; the first line of any other exception as it is."""
    return decided_by_values(error) or first_line(error)


def decided_by_values(error: BaseException) -> str:
    """What values decide where symbols ended, with the line; empty of any other exception."""
    names = [kind.__name__ for kind in type(error).__mro__]
    said = str(error)
    for kind, part, meant in DECIDED:
        if part in said and any(kind in name for name in names):
            return f"{meant}{_where(error)}"
    return ""


def _where(error: BaseException) -> str:
    """The last line of a project's own code that an exception came through."""
    own = [
        each
        for each in traceback.extract_tb(error.__traceback__)
        if not each.filename.startswith("<")
        and not Path(each.filename).is_relative_to(OWN)
        and not any(part in INSTALLED for part in Path(each.filename).parts)
    ]
    if not own:
        return ""
    last = own[-1]
    line = linecache.getline(last.filename, last.lineno or 0).strip()
    shown = line if len(line) <= MOST_SHOWN else f"{line[:MOST_SHOWN].rstrip()} …"
    return (
        f", line {last.lineno} of {Path(last.filename).name}: `{shown}`" if shown else f", line {last.lineno}"
    )
