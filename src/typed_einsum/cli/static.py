"""`typed-einsum check --static`: what source alone says, with nothing imported."""

from __future__ import annotations

import tokenize
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from typed_einsum.cli.files import files_at
from typed_einsum.cli.listing import Listing, plural
from typed_einsum.cli.settings import Settings
from typed_einsum.diagnostics import Place
from typed_einsum.static.reading import Found, survey
from typed_einsum.testing.process.outcome import Kind, Outcome, outcome


@dataclass
class Reading:
    """Files read so far: how many functions they have, and how many texts that name axes."""

    files: int = 0
    functions: int = 0
    annotated: int = 0
    equations: int = 0

    def outcomes(self, file: Path, shown: str) -> Iterable[Outcome]:
        """What one file comes to, counted."""
        try:
            with tokenize.open(file) as source:  # in the encoding that it names
                found = survey(shown, source.read())
        except (OSError, UnicodeDecodeError, SyntaxError, RecursionError, ValueError) as error:
            yield Outcome("failed", shown, text=f"{type(error).__name__}: {error}")
            return
        self.files += 1
        self.functions += found.functions
        self.annotated += found.annotated
        self.equations += found.equations
        yield from map(_outcome, found.found)

    def __str__(self) -> str:
        read = f"{plural(self.equations, 'equation')} read in {plural(self.files, 'file')}"
        return f"{read}; functions with shape annotations: {self.annotated} of {self.functions}"


def run_static(paths: Sequence[Path], settings: Settings, *, verbose: bool) -> int:
    """Read files and folders, and print what is found; the exit status."""
    listing = Listing(settings, verbose)
    reading = Reading()
    for file, shown in files_at(paths, listing).items():
        for each in reading.outcomes(file, shown):
            listing.add(each)
    listing.finish(f"{listing.findings()}; {reading}")
    return listing.status()


def _outcome(found: Found) -> Outcome:
    told = found.diagnostic
    kind: Kind = "finding" if found.severity == "error" else "advice"
    place = told.place or Place("", 1)
    name = place.function or ""
    return outcome(kind, place, name, told.summary, told.code, told.render("EquationError"))
