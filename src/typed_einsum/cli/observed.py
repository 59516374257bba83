"""For `check`: what was observed of the functions that it cannot call by itself."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from typed_einsum.cli.reporting import outcomes_of
from typed_einsum.cli.settings import Settings
from typed_einsum.testing.observe.records import Function, Observations
from typed_einsum.testing.observe.store import BadStore, folder_near, read
from typed_einsum.testing.process.outcome import Outcome

PYTEST = ("pytest", "py.test")
PYTHON = ("python", "python3", "py")
IS_WINDOWS = os.name == "nt"
COMMAND = ("-m", "typed_einsum.cli", "run")


class CannotObserve(Exception):
    """What was to be observed cannot be; the text says why."""


@dataclass(frozen=True)
class Observed:
    """Functions that were observed and judged, by file and line, and those without annotations by file."""

    root: Path
    functions: Mapping[tuple[str, int], Function]
    settings: Settings
    unannotated: Mapping[str, Sequence[Function]] = field(default_factory=dict)

    @classmethod
    def near(cls, folder: Path, settings: Settings) -> Observed:
        """What lies in the nearest folder of observations; nothing where there is none that can be read."""
        found = folder_near(folder)
        if found is None:
            return cls(folder, {}, settings)
        try:
            functions = read(found).functions
        except BadStore:
            return cls(folder, {}, settings)
        judged = (each for each in functions if each.extent != "not judged")
        by_place = {(str(found.parent / each.file), each.line): each for each in judged}
        bare: dict[str, list[Function]] = defaultdict(list)
        for each in functions:
            if each.findings and not each.annotated:
                bare[str(found.parent / each.file)].append(each)
        return cls(found.parent, by_place, settings, bare)

    def besides(self, file: Path) -> Iterator[Outcome]:
        """What was found in the functions of a file that `check` cannot call, without annotations."""
        functions = tuple(self.unannotated.get(os.path.abspath(file), ()))
        for outcome in outcomes_of(Observations(functions), self.root, self.settings):
            if outcome.kind in ("finding", "advice"):
                yield outcome

    def instead_of(self, outcome: Outcome) -> Iterator[Outcome]:
        """An outcome; where the function was left out and observed, what is said of its observed calls."""
        function = self.functions.get((os.path.abspath(outcome.file), outcome.line))
        if outcome.kind != "skipped" or not outcome.name or function is None:
            yield outcome
            return
        yield from outcomes_of(Observations((function,)), self.root, self.settings, told="as observed, ")


def observe(command: str, **variables: str) -> int:
    """Run and observe a command, its output on the error stream; its exit status. Raises `CannotObserve`."""
    arguments = [sys.executable, *_observing(program_of(command))]
    before = _begun()
    done = subprocess.run(arguments, stdout=sys.stderr, env={**os.environ, **variables})
    if _begun() in (None, before):
        raise CannotObserve(
            f"--with: `{command}` ended with status {done.returncode}, and nothing was observed"
        )
    return done.returncode


def _begun() -> tuple[Path, int] | None:
    """The folder of observations near here, and when the last of them began."""
    folder = folder_near(Path.cwd())
    if folder is None:
        return None
    try:
        return folder, (folder / ".gitignore").stat().st_mtime_ns  # each run writes this file anew
    except OSError:
        return None


def _observing(program: Sequence[str]) -> list[str]:
    """The arguments of Python that run a program and observe it."""
    match list(program):
        case ["-m", "pytest", *rest]:
            return ["-m", "pytest", "--shapes=.", *rest]
        case words:
            return [*COMMAND, *words]


def program_of(command: str) -> list[str]:
    """What `python` is given to run a command: a script, or `-m` and a module. Raises `CannotObserve`."""
    words = _words(command)
    match words:
        case [name, *rest] if Path(name).name in PYTEST:
            return ["-m", "pytest", *rest]
        case [name, *rest] if Path(name).stem in PYTHON and rest:
            return rest
        case [name, *rest] if name.endswith(".py"):
            return [name, *rest]
        case [name, *rest] if (script := _script(name)) is not None:
            return [script, *rest]
    told = f"`{shlex.join(words)}`" if words else "an empty command"
    raise CannotObserve(f"--with: expected pytest, python or a Python program, got {told}")


def _words(command: str) -> list[str]:
    lexer = shlex.shlex(command, posix=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    if IS_WINDOWS:
        lexer.escape = ""  # a backslash is part of a path
    try:
        return [*lexer]
    except ValueError as error:
        raise CannotObserve(f"--with: `{command}` is not split into words: {error}") from None


def _script(name: str) -> str | None:
    """The file of a command that is a Python script, as installed packages bring them."""
    path = shutil.which(name)
    if path is None:
        return None
    with open(path, "rb") as file:
        first = file.readline(256)
    return path if first.startswith(b"#!") and b"python" in first else None
