"""Packages of PyPI under `check` and `pytest --shapes`: real.json and docs/real.md.

`python benchmarks/real.py [PACKAGE ...]` measures those that are installed where it runs, or those of them
that are named; the record of the others stays. Tests that a wheel lacks are taken from the sources of the
package, unpacked at REAL_SOURCES/PACKAGE. real_argued.json holds what a reader made of each error: `bug`,
`annotation` or `false`, with the reason. What nobody has read is false.

REAL_PARTS says what is measured, `check,torchtyc,tests,suite` if it is not set; the record of the rest stays.
REAL_TORCHTYC is the command of torchtyc, which may be installed elsewhere. REAL_LIMIT is how many seconds a
whole suite may take before it is interrupted.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pages import fill, table
from timing import machine

from typed_einsum.static.reading import survey

HERE = Path(__file__).parent
RECORD, ARGUED = HERE / "real.json", HERE / "real_argued.json"
PAGE = HERE.parent / "docs" / "real.md"

TESTS = ("test_*.py", "*_test.py", "conftest.py")
VERDICTS = {
    "bug": "a mistake in the code",
    "annotation": "an annotation that does not say what the function takes or returns",
    "false": "the function and its annotations are right",
}
PARTS = ("check", "tests", "suite")
"""The parts of the record that have errors."""

MOST_REASONS = 12
LONG = "120"
"""Seconds that a call may take: limits are of the clock, and the machine may be busy."""


@dataclass(frozen=True)
class Project:
    """A package whose functions have shape annotations, and those of its tests in which it is observed.

    `suite` are all its tests, or those of them that need no network; tests `inside` are installed with it.
    """

    distribution: str
    package: str
    tests: tuple[str, ...] = ()
    suite: tuple[str, ...] = ()
    inside: bool = False

    @property
    def folder(self) -> Path | None:
        """Where it is installed; None where it is not."""
        spec = find_spec(self.package)
        found = spec.submodule_search_locations if spec is not None else None
        return Path(found[0]) if found else None


PROJECTS = (
    Project(
        "alphafold3-pytorch",
        "alphafold3_pytorch",
        # Those of whole models take long, and those of data need files that are not with the sources.
        suite=("tests/test_af3.py", "-k", "not (test_alphafold3 or selection or ranking or rasa or readme)"),
    ),
    Project("chai-lab", "chai_lab"),
    Project(
        "linear-operator",
        "linear_operator",
        tuple(f"test/operators/test_{kind}_linear_operator.py" for kind in ("dense", "diag", "triangular")),
        suite=("test",),
    ),
    Project("nerfstudio", "nerfstudio", suite=("-n0", "tests")),
    Project(
        "sparse-autoencoder", "sparse_autoencoder", suite=("--pyargs", "sparse_autoencoder"), inside=True
    ),
    Project("transformer-lens", "transformer_lens"),
)


def sources(folder: Path) -> Iterator[Path]:
    """The files of a package, without its tests."""
    for file in sorted(folder.rglob("*.py")):
        if not any(fnmatch(file.name, name) for name in TESTS):
            yield file


def annotated(folder: Path) -> int:
    """How many functions of a package have shape annotations, counted in its source."""
    return sum(survey(str(file), file.read_text(encoding="utf-8")).annotated for file in sources(folder))


def checked(folder: Path) -> tuple[float, list[dict[str, Any]]]:
    """The seconds that `check` alone takes for a package, without its tests, and what it says."""
    begun = _processor_time()
    found = _command(["check", "--format", "json", "--time-limit", LONG, *map(str, sources(folder))])
    return _processor_time() - begun, found["outcomes"]


def traced(folder: Path) -> dict[str, Any]:
    """What torchtyc makes of a package: how many functions it says that it has checked, and its errors.

    A function whose trace failed counts as checked, as torchtyc counts it.
    """
    command = os.environ.get("REAL_TORCHTYC", "torchtyc")
    line = [command, "check", "--format", "json", "--timeout", "900", "--python", sys.executable, folder.name]
    done = subprocess.run(line, cwd=folder.parent, capture_output=True, encoding="utf-8", env=_quiet())
    found = json.loads(done.stdout)
    errors = Counter(each["rule"] for each in found["diagnostics"] if each["severity"] == "error")
    return {"judged": found["checked_functions"], "errors": dict(sorted(errors.items()))}


def observed(project: Project, folder: Path, tests: Path) -> dict[str, Any]:
    """What `report` says after the package's own tests have run under `pytest --shapes`.

    They run as often as something is left to judge; the first of these runs says how much slower it is.
    """
    with tempfile.TemporaryDirectory() as work:
        shutil.copytree(tests, work, dirs_exist_ok=True, ignore=lambda *_: [folder.name, ".git"])
        alone, alone_s = _tests(project, work, [])
        shapes, shapes_s = _tests(project, work, [f"--shapes={project.package}"])
        found, runs = _command(["report", "--format", "json"], work), 1
        while runs < MOST_RUNS and any(LEFT in each["text"] for each in found["outcomes"]):
            _tests(project, work, [f"--shapes={project.package}"])
            found, runs = _command(["report", "--format", "json"], work), runs + 1
    called = [each for each in found["outcomes"] if not any(said in each["text"] for said in NOT_ASKED)]
    times = {"alone": alone, "observed": shapes, "slower": round(shapes_s / alone_s, 2), "runs": runs}
    return {**times, **counted(called, folder)}


def whole_suite(
    project: Project, folder: Path, tests: Path, check: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What `report` says after all tests have run with time to judge, and how many of all annotated
    functions are judged then, by `check` or by the tests."""
    with tempfile.TemporaryDirectory() as work:
        if not project.inside:
            shutil.copytree(tests, work, dirs_exist_ok=True, ignore=lambda *_: [folder.name, ".git"])
        alone, _ = _interruptible(project, work, [])
        observed, complete = _interruptible(project, work, [f"--shapes={project.package}"])
        found = _command(["report", "--format", "json"], work)
    called = [each for each in found["outcomes"] if not any(said in each["text"] for said in NOT_ASKED)]
    together = judged_in(check, folder) | judged_in(called, folder)
    runs = {"alone": alone, "observed": observed, "complete": complete}
    return {**runs, "judged with check": len(together), **counted(called, folder)}


def _interruptible(project: Project, work: str, options: Sequence[str]) -> tuple[str, bool]:
    """What pytest says last of a whole suite, and whether it reached its end within the limit."""
    line = [*PYTEST, "--rootdir", work, *options, *project.suite]
    environment = {**_quiet(), "TYPED_EINSUM_GRACE": GRACE}
    with (Path(work) / "said.txt").open("w+", encoding="utf-8") as said:
        started = subprocess.Popen(line, cwd=work, stdout=said, stderr=subprocess.STDOUT, env=environment)
        try:
            started.wait(float(os.environ.get("REAL_LIMIT", "900")))
            complete = True
        except subprocess.TimeoutExpired:
            started.send_signal(signal.SIGINT)
            started.wait()
            complete = False
        said.seek(0)
        return _last(said.read()), complete


def judged_in(outcomes: Sequence[Mapping[str, Any]], folder: Path) -> set[tuple[str, str]]:
    """The functions of a package that are judged, each with its file."""
    return {
        (str(outcome["file"]).rpartition(f"{folder.name}/")[2], outcome["name"])
        for outcome in outcomes
        if outcome["name"] and outcome["kind"] in ("ok", "finding")
    }


MOST_RUNS, LEFT = 8, "left to the next run"
"""So often tests are run until nothing is left to judge."""

GRACE = "300"
"""Seconds that judging may take while a whole suite runs, so that nothing is left to a second run."""

PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--continue-on-collection-errors")
"""Files of tests that cannot be imported, for lack of a library, are left out, with and without this one."""

NOT_ASKED = ("it was not called", "no shape annotations")


def _tests(project: Project, work: str, options: Sequence[str]) -> tuple[str, float]:
    """What pytest says last of the package's tests, and how long they took."""
    begun = _processor_time()
    line = [*PYTEST, *options, *project.tests]
    done = subprocess.run(line, cwd=work, capture_output=True, encoding="utf-8", env=_quiet())
    return _last(done.stdout), _processor_time() - begun


def _last(said: str) -> str:
    """How many tests passed and failed, as pytest says it at the end."""
    last = next((each for each in reversed(said.splitlines()) if " passed" in each), "no test passed")
    return re.sub(r", \d+ warnings?", "", last.partition(" in ")[0].strip("= "))


def _command(arguments: Sequence[str], work: str | None = None) -> dict[str, Any]:
    """What the command prints, as data."""
    line = [sys.executable, "-m", "typed_einsum.cli", *arguments]
    done = subprocess.run(line, cwd=work, capture_output=True, encoding="utf-8", env=_quiet())
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _quiet() -> dict[str, str]:
    """One thread, which does not spin, no GPU, and bytecode that is kept as usual."""
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**usual, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", "CUDA_VISIBLE_DEVICES": ""}


def _processor_time() -> float:
    """Seconds of processor time of all that was started here: another program does not change it."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def counted(outcomes: Sequence[Mapping[str, Any]], folder: Path) -> dict[str, Any]:
    """How many functions were judged, for which sizes, every error, and the reasons of those not judged."""
    functions: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for outcome in outcomes:
        if outcome["name"]:
            functions.setdefault((outcome["file"], outcome["name"]), []).append(outcome)
    kinds = [{outcome["kind"] for outcome in each} for each in functions.values()]
    everywhere = [any(_is_for_all(outcome) for outcome in each) for each in functions.values()]
    errors = [outcome for outcome in outcomes if outcome["kind"] == "finding"]
    reasons = Counter(_reason(o["text"]) for o in outcomes if o["kind"] == "skipped" and o["name"])
    return {
        "functions": len(functions),
        "judged": sum(bool(each & {"ok", "finding"}) for each in kinds),
        "all sizes": sum(everywhere),
        "errors": sorted(_error(each, folder) for each in errors),
        "advice": dict(sorted(Counter(o["code"] for o in outcomes if o["kind"] == "advice").items())),
        "not judged": dict(reasons.most_common(MOST_REASONS)),
        "files not imported": sum(outcome["kind"] == "failed" for outcome in outcomes),
    }


def _is_for_all(outcome: Mapping[str, Any]) -> bool:
    said = outcome["sizes"] or outcome["text"]
    return outcome["kind"] == "ok" and str(said).startswith("for all sizes")


def _error(outcome: Mapping[str, Any], folder: Path) -> list[str]:
    """An error: in which function, its code, and what it says."""
    file = Path(outcome["file"])
    inside = file.resolve().relative_to(folder.resolve()) if file.is_absolute() else file
    return [f"{inside.as_posix()}::{outcome['name']}", outcome["code"], outcome["text"]]


REASONS = {
    "it was defined inside another function": "it is defined inside",
    "its class cannot be built": "cannot build",
    "nothing says how to make an argument": ("nothing says", "has no annotation"),
    "its own code refuses an argument that was made": ("refuses", "refused"),
    "it failed with an argument that is a guess": ("a guess, it raised", "made up for it selects nothing"),
    "an axis may be one of an argument that is left out": "which may be that of what it is called without",
    "it has no body": ("it is abstract", "it has no body", "is a Protocol"),
    "it took too long": ("ran for more than", "no sizes at which", "is left to the next run"),
    "what was made does not fit an annotation": "does not fit",
    "the name does not lead to it": "its name stands for something else",
    "its dtype is open": "with the dtype",
}


def _reason(text: str) -> str:
    """Why a function is not judged, in general terms."""
    for reason, parts in REASONS.items():
        if any(part in text for part in ((parts,) if isinstance(parts, str) else parts)):
            return reason
    return "other"


def measured(project: Project, folder: Path, before: Mapping[str, Any]) -> dict[str, Any]:
    """One package's part of the record; `before` has the parts that are not measured anew."""
    parts = os.environ.get("REAL_PARTS", "check,torchtyc,tests,suite").split(",")
    tests = Path(os.environ.get("REAL_SOURCES", "")) / project.distribution
    found = {**before, "version": version(project.distribution), "torch": machine()["torch"]}
    seconds, outcomes = checked(folder) if {"check", "suite"} & {*parts} else (0.0, [])
    if "check" in parts:
        found["check"] = {"seconds": round(seconds), **counted(outcomes, folder)}
        # Names of a package's own for annotations are known only where it runs.
        found["annotated"] = max(annotated(folder), found["check"]["functions"])
    if "torchtyc" in parts:
        found["torchtyc"] = traced(folder)
    if "tests" in parts and project.tests and tests.is_dir():
        found["tests"] = observed(project, folder, tests)
    if "suite" in parts and project.suite and (project.inside or tests.is_dir()):
        found["suite"] = whole_suite(project, folder, tests, outcomes)
    return found


def verdict_of(argued: Mapping[str, Any], package: str, error: Sequence[str]) -> str:
    """What a reader made of an error; `false` where nobody has read it."""
    where, code, _ = error
    found: str = argued.get(package, {}).get(f"{where} {code}", ["false"])[0]
    return found


def tables(record: Mapping[str, Any], argued: Mapping[str, Any]) -> dict[str, str]:
    """The tables for the page."""
    return {
        "real: check": _check_table(record, argued),
        "real: tests": _tests_table(record, argued),
        "real: suites": _suites_table(record, argued),
        "real: not judged in suites": _reasons_table(record, "suite"),
        "real: errors": _errors_table(record, argued),
        "real: not judged": _reasons_table(record),
    }


def _check_table(record: Mapping[str, Any], argued: Mapping[str, Any]) -> str:
    header = [
        "package",
        "annotated",
        "judged",
        "for all sizes",
        "errors",
        "false",
        "processor time",
        "torchtyc judged",
    ]
    rows, sums = [], Counter[str]()
    for name, found in record.items():
        check = found["check"]
        false = sum(verdict_of(argued, name, each) == "false" for each in check["errors"])
        own = Counter(
            annotated=found["annotated"], judged=check["judged"], everywhere=check["all sizes"],
            errors=len(check["errors"]), false=false, seconds=check["seconds"],
        )  # fmt: skip
        rival = found.get("torchtyc", {"judged": 0, "errors": {}})
        own.update(rival=rival["judged"], failed=rival["errors"].get("trace-error", 0))
        sums.update(own)
        rows.append([f"{name} {found['version']}", *_cells(own)])
    return table(header, [*rows, ["all", *_cells(sums)]])


def _cells(counts: Mapping[str, int]) -> list[str]:
    return [
        str(counts["annotated"]),
        f"{counts['judged']} ({_share(counts['judged'], counts['annotated'])})",
        f"{counts['everywhere']} ({_share(counts['everywhere'], counts['judged'])})",
        str(counts["errors"]),
        str(counts["false"]),
        f"{counts['seconds']} s",
        f"{counts['rival']} ({_share(counts['rival'], counts['annotated'])}), {counts['failed']} failed",
    ]


def _share(part: int, whole: int) -> str:
    return f"{100 * part / max(1, whole):.0f} %"


def _tests_table(record: Mapping[str, Any], argued: Mapping[str, Any]) -> str:
    header = [
        "package",
        "tests alone",
        "observed",
        "called",
        "judged",
        "for all sizes",
        "errors",
        "false",
        "runs",
        "slower",
    ]
    rows = []
    for name, found in record.items():
        if "tests" in found:
            tests = found["tests"]
            false = sum(verdict_of(argued, name, each) == "false" for each in tests["errors"])
            called = tests["functions"]
            row = [name, tests["alone"], tests["observed"], str(called)]
            row += [f"{tests['judged']} ({_share(tests['judged'], called)})"]
            row += [f"{tests['all sizes']} ({_share(tests['all sizes'], tests['judged'])})"]
            runs = str(tests.get("runs", 1))
            rows.append([*row, str(len(tests["errors"])), str(false), runs, f"{tests['slower']} times"])
    return table(header, rows)


def _suites_table(record: Mapping[str, Any], argued: Mapping[str, Any]) -> str:
    header = [
        "package",
        "alone",
        "observed",
        "called",
        "judged",
        "for all sizes",
        "errors",
        "false",
        "of all annotated",
    ]
    rows = []
    for name, found in record.items():
        if "suite" in found:
            suite = found["suite"]
            false = sum(verdict_of(argued, name, each) == "false" for each in suite["errors"])
            called, whole = suite["functions"], "" if suite["complete"] else ", interrupted"
            row = [name, suite["alone"], suite["observed"] + whole, str(called)]
            row += [f"{suite['judged']} ({_share(suite['judged'], called)})"]
            row += [f"{suite['all sizes']} ({_share(suite['all sizes'], suite['judged'])})"]
            row += [str(len(suite["errors"])), str(false)]
            together = suite["judged with check"]
            rows.append([*row, f"{together} ({_share(together, found['annotated'])})"])
    return table(header, rows)


def _errors_table(record: Mapping[str, Any], argued: Mapping[str, Any]) -> str:
    rows = []
    for name, found in record.items():
        every = [error for part in PARTS for error in found.get(part, {}).get("errors", [])]
        for where, code in dict.fromkeys((where, code) for where, code, _ in every):
            verdict, why = argued.get(name, {}).get(f"{where} {code}", ("false", "not read yet"))
            function = where.partition("::")[2] or where
            rows.append([name, f"`{function}`", f"[{code}](errors/{code}.md)", verdict, why])
    return table(["package", "function", "code", "verdict", "why"], rows)


def _reasons_table(record: Mapping[str, Any], part: str = "check") -> str:
    counts: Counter[str] = Counter()
    for found in record.values():
        counts.update(found.get(part, {}).get("not judged", {}))
    return table(["reason", "functions"], [[reason, str(count)] for reason, count in counts.most_common()])


def recorded() -> dict[str, Any]:
    """The record so far, in the order of the projects."""
    found = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    return {each.distribution: found[each.distribution] for each in PROJECTS if each.distribution in found}


def main() -> None:
    """Measure the packages that are installed, or those of them that are named, and fill the page."""
    for project in PROJECTS:
        folder = project.folder
        if folder is not None and (len(sys.argv) == 1 or project.distribution in sys.argv[1:]):
            found = measured(project, folder, recorded().get(project.distribution, {}))
            record = {**recorded(), project.distribution: found}
            RECORD.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    fill(PAGE, tables(recorded(), json.loads(ARGUED.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
