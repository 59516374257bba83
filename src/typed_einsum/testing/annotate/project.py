"""The files that are to be annotated, with what was observed of their functions."""

from __future__ import annotations

import ast
import os
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from typed_einsum.testing.annotate.definitions import Definition
from typed_einsum.testing.annotate.planning import Left, Planned, planned
from typed_einsum.testing.annotate.words import Place, Words, habits_of
from typed_einsum.testing.annotate.writing import can_parse, written
from typed_einsum.testing.names.vocabulary import equations_of
from typed_einsum.testing.observe.records import Found, Function, Observations
from typed_einsum.testing.observe.store import CHANGED, read

WIDTH, WIDEST = 88, 120
"""The length of lines where no tool of the project says one, and the greatest that is taken from a file."""


class CannotAnnotate(Exception):
    """There is nothing to annotate, or nothing to prove it by; the text says why."""


@dataclass(frozen=True)
class Project:
    """What was observed of the files that are to be annotated. Paths of files are relative to `root`.

    To `refine` is to give annotations that say `Tensor` alone a shape.
    """

    root: Path
    functions: tuple[Function, ...]
    sources: Mapping[str, str]
    left_alone: tuple[str, ...] = ()
    refine: bool = False

    @classmethod
    def read(
        cls, folder: Path, wanted: Collection[str] | None, shown: str, *, refine: bool = False
    ) -> Project:
        """Read what was observed of the wanted files, or of all. Raises `CannotAnnotate`, and `BadStore`."""
        observations, root = read(folder), folder.parent
        functions = [
            each for each in observations.functions if each.name and not Path(each.file).is_absolute()
        ]
        functions = [each for each in functions if wanted is None or each.file in wanted]
        sources, left_alone = _sources(functions, root)
        kept = tuple(each for each in functions if each.file in sources)
        if not kept:
            raise CannotAnnotate("; ".join(left_alone) or _nothing_of(shown, observations))
        return cls(root, kept, sources, left_alone, refine)

    @cached_property
    def _definitions(self) -> dict[tuple[str, int], Definition]:
        return {
            (file, node.lineno): node
            for file, text in self.sources.items()
            for node in ast.walk(ast.parse(text))
            if isinstance(node, Definition)
        }

    @cached_property
    def _equations(self) -> dict[str, tuple[frozenset[str], ...]]:
        return {file: equations_of(ast.parse(text)) for file, text in self.sources.items()}

    @cached_property
    def _habits(self) -> dict[Place, tuple[str, str]]:
        return habits_of(self._planned(each, {}) for each in self.functions)

    def plan(self, function: Function) -> Planned:
        """The annotations of one function."""
        return self._planned(function, self._habits)

    def _planned(self, function: Function, habits: Mapping[Place, tuple[str, str]]) -> Planned:
        node = self._definitions.get((function.file, function.line))
        if node is None:
            return Planned(function, left=(Left("", "there is no `def` in its line"),))
        words = Words(self._equations[function.file], habits)
        return planned(function, node, words, refine=self.refine)

    def texts(self, plans: Sequence[Planned], decorator: str = "") -> dict[str, str]:
        """The files that change, with their new texts."""
        found = {}
        for file, text in self.sources.items():
            own = [plan for plan in plans if plan.function.file == file]
            new = written(text, own, _width(self.root, text), decorator=decorator)
            if new != text:
                found[file] = new
        return found

    def real_texts(self, plans: Sequence[Planned], decorator: str) -> dict[str, str]:
        """The same, by the real paths of the files."""
        return {
            os.path.realpath(self.root / file): text for file, text in self.texts(plans, decorator).items()
        }

    @property
    def contradicted(self) -> tuple[Found, ...]:
        """Annotations that are there, and that calls have not kept."""
        found = [each for function in self.functions if function.annotated for each in function.findings]
        return tuple(dict.fromkeys(each for each in found if each.code.startswith("TE2")))


def _sources(functions: Sequence[Function], root: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """The texts of the files, and why some cannot be annotated."""
    sources: dict[str, str] = {}
    left: list[str] = []
    for file in dict.fromkeys(each.file for each in functions):
        if any(each.reason == CHANGED for each in functions if each.file == file):
            left.append(f"{file}: {CHANGED}: observe again")
            continue
        try:
            text = (root / file).read_bytes().decode("utf-8")
            ast.parse(text)
        except (OSError, ValueError, SyntaxError) as error:
            left.append(f"{file} cannot be read: {error}")
            continue
        if not can_parse(text):
            left.append(f"{file} cannot be written: libcst cannot parse it")
            continue
        sources[file] = text
    return sources, tuple(left)


def _nothing_of(where: str, observations: Observations) -> str:
    more = "" if observations.functions else "; nothing else was, either"
    return f"no function of {where} was observed{more}: run a program or tests that call its functions"


def _width(root: Path, text: str) -> int:
    """How long the project lets lines be; where it does not say, as long as they are, within reason."""
    try:
        tools = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("tool", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        tools = {}
    for name in ("ruff", "black"):
        found = tools.get(name, {}).get("line-length")
        if isinstance(found, int):
            return found
    longest = max(map(len, text.splitlines()), default=0)
    return min(max(WIDTH, longest), WIDEST)
