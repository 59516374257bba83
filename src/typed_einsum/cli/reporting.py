"""`typed-einsum report`: what was observed, as a table with the findings."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

from typed_einsum.cli.formats import as_annotation, as_json, as_sarif
from typed_einsum.cli.settings import Settings
from typed_einsum.cli.statuses import CLEAN, COULD_NOT_RUN, FINDINGS
from typed_einsum.testing.observe.records import Found, Function, Observations
from typed_einsum.testing.observe.shapes import signature_seen
from typed_einsum.testing.observe.store import FOLDER, BadStore, folder_near, read
from typed_einsum.testing.process.outcome import Outcome

HOW = "with `typed-einsum run SCRIPT`, `typed-einsum run -m MODULE` or `pytest --shapes`"
NOTHING = f"there is no {FOLDER} here or in a folder above: observe first, {HOW}"


def run_report(settings: Settings, *, fail_under: float, verbose: bool) -> int:
    """Print what was observed; the exit status is 1 for findings and for too few judged functions."""
    folder = folder_near(Path.cwd())
    try:
        if folder is None:
            raise BadStore(NOTHING)
        observations = observed_in(folder)
    except BadStore as error:
        print(f"typed-einsum: {error}", file=sys.stderr)
        return COULD_NOT_RUN
    outcomes = list(outcomes_of(observations, folder.parent, settings))
    match settings.format:
        case "json":
            print(as_json(outcomes, observations.summary()))
        case "sarif":
            print(as_sarif(outcomes))
        case "github":
            print("\n".join([*filter(None, map(as_annotation, outcomes)), observations.summary()]))
        case _:
            print("\n".join([*table(observations, folder.parent), *listed(outcomes, verbose=verbose)]))
            print(observations.summary())
    return _status(outcomes, observations, fail_under)


def observed_in(folder: Path) -> Observations:
    """What was observed. Raises `BadStore` where a folder holds nothing, as where a run could not begin."""
    found = read(folder)
    if not any(folder.glob("*.json")):
        raise BadStore(f"{folder} holds no observations: observe first, {HOW}")
    return found


def _status(outcomes: list[Outcome], observations: Observations, fail_under: float) -> int:
    share = observations.judged_share()
    if share < fail_under:
        told = f"{share:.1f} % of the functions with shape annotations were judged"
        print(f"typed-einsum: {told}, less than the {fail_under:g} % of --fail-under", file=sys.stderr)
        return FINDINGS
    return FINDINGS if any(outcome.kind == "finding" for outcome in outcomes) else CLEAN


def outcomes_of(
    observations: Observations, root: Path, settings: Settings, told: str = ""
) -> Iterator[Outcome]:
    """What there is to say of each function, in the form that `check` has; `told` comes before what is."""
    for function in observations.functions:
        found = [each for each in function.findings if settings.reports(each.code)]
        yield from (_outcome(each, function.name, root) for each in found)
        file = _shown(root / function.file)
        if function.extent == "not judged":
            yield Outcome("skipped", file, function.line, 1, function.name, told + verdict(function))
        elif not any(each.severity == "error" for each in found):
            yield Outcome("ok", file, function.line, 1, function.name, told + verdict(function))


def _outcome(found: Found, name: str, root: Path) -> Outcome:
    kind = {"error": "finding", "advice": "advice"}[found.severity]
    place: Mapping[str, int] = {"line": found.line, "column": found.column}
    file, message = _shown(root / found.file), found.message
    return Outcome(kind, file, **place, name=name, text=found.text, code=found.code, message=message)  # type: ignore[arg-type]


def _shown(file: Path) -> str:
    """A file as a reader in this folder names it."""
    relative = os.path.relpath(file)
    return str(file) if relative.startswith("..") else relative


def table(observations: Observations, root: Path) -> Iterator[str]:
    """A line for each function, under its file."""
    for file, functions in groupby(observations.functions, lambda function: function.file):
        rows = [(str(each.line), each.name or "the file", verdict(each)) for each in functions]
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        yield _shown(root / file)
        for line, name, text in rows:
            yield f"  {line:>{widths[0]}}  {name:<{widths[1]}}  {text}"
        yield ""


def verdict(function: Function) -> str:
    """What is known of a function, in a few words."""
    errors = sum(found.severity == "error" for found in function.findings)
    if errors:
        return f"{errors} finding{'' if errors == 1 else 's'}"
    if function.extent != "not judged":
        return function.text
    if function.observed and not function.annotated:
        told = function.listing["signature"] if function.listing else ""
        return f"no shape annotations; {told or f'seen {signature_seen(function.patterns[0])}'}"
    return f"not judged: {function.text}"


def listed(outcomes: list[Outcome], *, verbose: bool) -> Iterator[str]:
    """The findings, one a line, each with its whole message below it if that is asked for."""
    shown = [outcome for outcome in outcomes if outcome.kind in ("finding", "advice")]
    for outcome in shown:
        yield str(outcome)
        if verbose and outcome.message:
            yield from (f"    {line}" for line in outcome.message.splitlines())
    if shown:
        yield ""
