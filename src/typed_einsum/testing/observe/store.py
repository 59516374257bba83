"""The folder `.typed-einsum`: what was observed, one file a process, combined when it is read.

The files are JSON, described on the page "Run and report". Nothing in them is ever run or unpickled, and they
hold no values of tensors.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from typed_einsum import __version__
from typed_einsum.testing.observe.records import (
    ENOUGH,
    NO_TIME,
    TOO_LONG,
    Function,
    Json,
    Observations,
    Pattern,
    combined,
)

FOLDER = ".typed-einsum"
FORMAT, VERSION = "typed-einsum observations", 3
CHANGED = "the file has changed since it was observed"


class BadStore(Exception):
    """A folder that cannot be read; the text says which file and why."""


def folder_near(start: Path) -> Path | None:
    """The nearest folder with observations, at or above another; None where there is none."""
    for above in (start, *start.parents):
        if (above / FOLDER).is_dir():
            return above / FOLDER
    return None


def begin(root: Path, *, append: bool = False) -> Path:
    """The folder for a new run, emptied of earlier ones unless their observations are to stay."""
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("# Written by typed-einsum; nothing here belongs in git.\n*\n")
    if not append:
        _keep_for_later(folder)
        for file in folder.glob("*.json"):
            file.unlink(missing_ok=True)
    return folder


EARLIER = "earlier"
"""The folder with what earlier runs have said, of the functions that they called."""


def _keep_for_later(folder: Path) -> None:
    """Keep what was judged: where nothing has changed, it need not be judged again."""
    last, before = _still_valid(folder, folder.parent), earlier(folder)
    judged = [_as_far_as_judged(each) for part in (last, before) for each in part.functions]
    functions = combined([Observations((each,)) for each in judged if each.patterns]).functions
    files = {**before.digests, **last.digests}, {**before.callers, **last.callers}
    write(folder / EARLIER, Observations(functions, {}, *files), "judged")


UNDECIDED = (ENOUGH, NO_TIME, "no shape annotations", "forked", "main thread")
"""Parts of reasons that may not hold in another run."""

TRIED = 1.0
"""Seconds of judging after which a call is not tried again by a run that has no more time for it."""

OF_CALLERS = ("TE1", "TE2", "TE3")
"""The codes of findings that may be those of a caller, which another run need not have."""


def earlier(folder: Path) -> Observations:
    """What earlier runs have judged, if it still holds; else nothing."""
    return _still_valid(folder / EARLIER, folder.parent)


def _still_valid(folder: Path, root: Path) -> Observations:
    """What the files of a folder say; nothing if one cannot be read, or a version or a file has changed.

    Any file counts: a function may depend on one that it does not import, through a constant or a class.
    """
    try:
        found = combined(_read(file, versions()) for file in sorted(folder.glob("*.json")))
    except BadStore:
        return Observations()
    is_same = not found.digests or are_unchanged(found.digests, root)
    return found if is_same else Observations()


def _as_written(folder: Path) -> Observations:
    return combined(_read(file) for file in sorted(folder.glob("*.json")))


def _as_far_as_judged(function: Function) -> Function:
    """A function with the patterns of which something is known: judged, or followed."""
    is_followed = function.listing is not None and not function.annotated
    known = (each for each in function.patterns if each.key and (is_followed or _is_final(each)))
    return replace(function, patterns=tuple(known), reason="")


def _is_final(pattern: Pattern) -> bool:
    """Whether nothing more would be said of a pattern in another run."""
    if any(each.code.startswith(OF_CALLERS) for each in pattern.findings):
        return False
    is_open = pattern.ended != "returned" or any(each in pattern.text for each in UNDECIDED)
    is_open |= TOO_LONG in pattern.text and _seconds_in(pattern.text) < TRIED
    return pattern.extent != "not judged" or not is_open


def _seconds_in(text: str) -> float:
    """For how many seconds something ran before it was stopped."""
    found = re.search(rf"{TOO_LONG} ([\d.e-]+)", text)
    return float(found[1]) if found else 0.0


def are_unchanged(files: Mapping[str, str], root: Path) -> bool:
    """Whether files, by their paths below the root, have the digests that they had; false for no files."""
    return bool(files) and all(digest_of(root / file) == digest for file, digest in files.items())


def write(folder: Path, observations: Observations, name: str) -> None:
    """Write what one process has observed, in place of what it has written before under the same name."""
    data = {"format": FORMAT, "version": VERSION, **versions(), **observations.to_json()}
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{name}.part"
    draft.write_text(json.dumps(data, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    os.replace(draft, folder / f"{name}.json")  # so that no reader ever sees half a file


def versions() -> dict[str, str]:
    """The versions on which a verdict depends. They are found without importing torch."""
    return {"python": sys.version.split()[0], "typed_einsum": __version__, "torch": _version_of_torch()}


@lru_cache(maxsize=1)
def _version_of_torch() -> str:
    try:
        return metadata.version("torch")
    except metadata.PackageNotFoundError:  # a torch that was built in place
        return ""


def new_name() -> str:
    """A name for the file of this process that no other has."""
    return f"{os.getpid()}-{secrets.token_hex(4)}"


def read(folder: Path) -> Observations:
    """All that was observed. Functions in files that have changed since are not judged. Raises `BadStore`."""
    found = _as_written(folder)
    changed = {file for file, digest in found.digests.items() if digest_of(folder.parent / file) != digest}
    functions = [_stale(each) if each.file in changed else each for each in found.functions]
    return replace(found, functions=tuple(functions))


def _read(file: Path, needed: Mapping[str, str] | None = None) -> Observations:
    """The observations in a file; where the versions are not those that are needed, `BadStore` is raised."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise BadStore(f"{file} holds no observations of typed-einsum")
        if data.get("version") != VERSION:
            told = f"{file} has version {data.get('version')} of the format, and this is version {VERSION}"
            raise BadStore(f"{told}: observe again")
        if any(data.get(name) != version for name, version in (needed or {}).items()):
            raise BadStore(f"{file} was written by another version of Python, torch or typed-einsum")
        return Observations.from_json(data)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadStore(f"{file} cannot be read ({type(error).__name__}: {error}): observe again") from None


def _stale(function: Function) -> Function:
    return replace(function, patterns=(), reason=CHANGED, listing=None, signatures=())


def digest_of(file: Path) -> str:
    """A digest of the text of a file; empty without a file."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""


def digests(files: Iterable[str], root: Path) -> dict[str, str]:
    """The digest of each file, by its path below the root."""
    return {file: digest_of(root / file) for file in sorted(set(files))}


def constructor_arguments(kind: type) -> dict[str, Json] | None:
    """Arguments with which an observed program has built an object of a class; None where none are known."""
    folder = folder_near(Path.cwd())
    if folder is None:
        return None
    try:
        objects = read(folder).objects
    except BadStore:
        return None
    known = objects.get(f"{kind.__module__}:{kind.__qualname__}", ())
    return dict(known[0]) if known else None
