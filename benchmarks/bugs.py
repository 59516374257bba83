"""Real shape bugs through several tools: `python benchmarks/bugs.py` writes bugs.json and docs/which-tool.md.

Each file in tests/bugs/ holds a bug of a public repository in its smallest form, the repaired function, and
the arguments that a test there would have used. Every tool that is installed takes part:

- on the example: the function is called on those arguments, with the tool's checks switched on;
- by a check: the tool looks at the function by itself, and chooses its own sizes;
- on the repaired function, the same again: what is said there is a false alarm, and a tool that refuses
  both forms has found nothing.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

# OpenMP reads these once, when torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from beartype import beartype
from jaxtyping import jaxtyped
from pages import fill, table

import typed_einsum
from typed_einsum.testing import check_contract

HERE = Path(__file__).parent
BUGS = sorted((HERE.parent / "tests" / "bugs").glob("*.py"))
OTHERS = sorted((HERE.parent / "tests" / "unseen_bugs" / "cited").glob("*.py"))
sys.path.append(str(HERE.parent / "tests" / "unseen_bugs"))  # where their examples find their numbers
RECORD = HERE / "bugs.json"
PAGE = HERE.parent / "docs" / "which-tool.md"

KINDS = {
    "A": "letters of an einsum",
    "B": "broadcasting",
    "C": "reshape instead of permute",
    "D": "axes swapped, or equal by chance",
    "E": "the axis of a reduction",
    "F": "dtype",
    "G": "rank",
    "H": "other",
}

LONGEST = 200
"""So many characters of a message are kept."""

Cell = str | None
"""What a tool said, in one line; empty if nothing, None where it has no such feature."""


@dataclass(frozen=True)
class Tool:
    """A tool, what its users install, and what it says of a function: called, or looked at."""

    name: str
    distributions: tuple[str, ...]
    on_example: Callable[[ModuleType, str], Cell] | None = None
    by_check: Callable[[Sequence[Path]], Mapping[tuple[str, str], str]] | None = None


def load(path: Path) -> ModuleType:
    """A bug's file as a module."""
    spec = importlib.util.spec_from_file_location(f"bug_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# On the example


def said(call: Callable[[], Any]) -> str:
    """What a call raises, in one line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            call()
        except Exception as error:  # a bug's function: what it raises is what is recorded
            return one_line(f"{type(error).__name__}: {error}")
    return ""


def one_line(text: str) -> str:
    """The first line of a message."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def by_torch(module: ModuleType, form: str) -> Cell:
    return said(lambda: getattr(module, form)(**module.example()))


def by_jaxtyping(module: ModuleType, form: str) -> Cell:
    return said(lambda: jaxtyped(getattr(module, form), typechecker=beartype)(**module.example()))


def by_shape_checked(module: ModuleType, form: str) -> Cell:
    return said(lambda: typed_einsum.shape_checked(getattr(module, form))(**module.example()))


def by_einops(module: ModuleType, form: str) -> Cell:
    """The form that the file writes in einops; only the buggy one has it."""
    written = getattr(module, f"{form}_einops", None)
    return None if written is None else said(lambda: written(**module.example()))


def by_einx(module: ModuleType, form: str) -> Cell:
    """The same patterns, given to `einx.dot`."""
    import einx

    # The forms import einops when they are called.
    stand_in = SimpleNamespace(einsum=lambda *given: einx.dot(given[-1], *given[:-1]))
    with patch.dict(sys.modules, {"einops": stand_in}):
        return by_einops(module, form)


# By a check


def by_torchtyc(paths: Sequence[Path]) -> dict[tuple[str, str], str]:
    """What `torchtyc check` says of each function of each file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pyproject.toml").write_text('[tool.torchtyc]\nseverity = "warning"\n', encoding="utf-8")
        # A file whose name begins with a digit cannot be imported.
        if set(paths) <= set(OTHERS):
            shutil.copy(OTHERS[0].parent.parent / "drawn.py", folder)
        for path in paths:
            (folder / f"bug_{path.stem}.py").write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
        program = "from torchtyc.cli import main; raise SystemExit(main())"
        command = [sys.executable, "-c", program, "check", ".", "--format", "json", "--timeout", "600"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"status {done.returncode}: {done.stderr}")
    found: dict[tuple[str, str], str] = {}
    for item in json.loads(done.stdout)["diagnostics"]:
        key = (Path(item["path"]).stem.removeprefix("bug_"), item["function"])
        found.setdefault(key, one_line(item["message"]))
    return found


def by_contract(paths: Sequence[Path]) -> dict[tuple[str, str], str]:
    """What `check_contract` says of each function of each file, without configuration; advice not counted."""
    found: dict[tuple[str, str], str] = {}
    for path in paths:
        module = load(path)
        for form in ("buggy", "fixed"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                report = check_contract(getattr(module, form))
            if report.errors:
                first = report.errors[0]
                found[path.stem, form] = one_line(f"{first.code} {first.message}")
    return found


TOOLS = (
    Tool("torch", ("torch",), by_torch),
    Tool("jaxtyping + beartype", ("jaxtyping", "beartype"), by_jaxtyping),
    Tool("einops", ("einops",), by_einops),
    Tool("einx", ("einx",), by_einx),
    Tool("torchtyc", ("torchtyc",), by_check=by_torchtyc),
    Tool("typed-einsum", ("typed-einsum",), by_shape_checked, by_contract),
)


def versions(tool: Tool) -> dict[str, str]:
    """The versions of a tool's distributions; empty where one is not installed."""
    try:
        return {name: _version(name) for name in tool.distributions}
    except PackageNotFoundError:
        return {}


def _version(distribution: str) -> str:
    # This library may run from its sources, as what is compared is what they are now.
    return typed_einsum.__version__ if distribution == "typed-einsum" else version(distribution)


# The record


def record(tools: Sequence[Tool], paths: Sequence[Path] = BUGS) -> dict[str, Any]:
    """Everything the tables show, as bugs.json holds it."""
    return {
        "versions": {tool.name: versions(tool) for tool in tools},
        "python": platform.python_version(),
        "bugs": {path.stem: described(load(path)) for path in paths},
        "cells": {tool.name: cells(tool, paths) for tool in tools},
        "others": record_of_others(tools),
    }


def record_of_others(tools: Sequence[Tool], paths: Sequence[Path] = OTHERS) -> dict[str, Any]:
    """The same for the bugs that were collected later, which have no form in einops."""
    asked = [tool for tool in tools if tool.name not in ("einops", "einx")]
    loud = {path.stem: bool(by_torch(load(path), "buggy")) for path in paths}
    return {
        "bugs": {stem: {"at_example": "raises" if raises else "wrong"} for stem, raises in loud.items()},
        "cells": {tool.name: cells(tool, paths) for tool in asked},
    }


def described(module: ModuleType) -> dict[str, str]:
    """What a bug is, from its file."""
    text = module.__doc__ or ""
    source = re.search(r"^Source: (\S+)", text, flags=re.MULTILINE)
    assert source is not None
    title = text.splitlines()[0].split(maxsplit=1)[1]
    return {"title": title, "source": source[1], "kind": module.kind, "at_example": module.at_example}


def cells(tool: Tool, paths: Sequence[Path]) -> dict[str, dict[str, Cell]]:
    """What a tool says of each bug: on the example, by a check, and of the repaired function."""
    checked = None if tool.by_check is None else tool.by_check(paths)
    return {path.stem: dict(_cell(tool, path, checked)) for path in paths}


def _cell(
    tool: Tool, path: Path, checked: Mapping[tuple[str, str], str] | None
) -> Iterator[tuple[str, Cell]]:
    module = load(path)
    for form in ("buggy", "fixed"):
        yield f"{form} on example", None if tool.on_example is None else tool.on_example(module, form)
        yield f"{form} by check", None if checked is None else checked.get((path.stem, form), "")


# The tables


def tables(results: Mapping[str, Any]) -> dict[str, str]:
    """What stands between the markers of the page."""
    return {
        "bugs: tools": _by_tool(results),
        "bugs: kinds": _by_kind(results),
        "bugs: all": _all(results),
        "bugs: others": _by_tool(results["others"]),
        "bugs: versions": _measured(results),
    }


WAYS = ("on example", "by check")

FOUND, BOTH, SILENT, ABSENT = "found", "both", "**silent**", "n/a"
"""A tool finds a bug if it refuses the buggy function and lets the repaired one pass. It may refuse both."""


def outcome(results: Mapping[str, Any], name: str, stem: str, way: str) -> str:
    """What comes of a bug, with a tool, in one way."""
    found = results["cells"][name][stem]
    if found[f"buggy {way}"] is None:
        return ABSENT
    if not found[f"buggy {way}"]:
        return SILENT
    return BOTH if found[f"fixed {way}"] else FOUND


def _by_tool(results: Mapping[str, Any]) -> str:
    everything = list(results["bugs"])
    silent = [stem for stem in everything if results["bugs"][stem]["at_example"] != "raises"]
    rows = [
        [
            name,
            *(_count(results, name, everything, way) for way in WAYS),
            _either(results, name, silent),
            _false_alarms(results, name),
        ]
        for name in results["cells"]
    ]
    header = [
        f"{len(everything)} bugs",
        "found on the example",
        "found by its check",
        f"of the {len(silent)} that torch runs on the example, found by either",
        "false alarms on repaired functions",
    ]
    return table(header, rows)


def _count(results: Mapping[str, Any], name: str, stems: Sequence[str], way: str) -> str:
    """How many are found, and out of how many if the tool has nothing to say of some."""
    outcomes = [outcome(results, name, stem, way) for stem in stems]
    known = len(outcomes) - outcomes.count(ABSENT)
    number = str(outcomes.count(FOUND))
    return ABSENT if not known else number if known == len(outcomes) else f"{number} of {known}"


def _either(results: Mapping[str, Any], name: str, stems: Sequence[str]) -> str:
    return str(sum(any(outcome(results, name, stem, way) == FOUND for way in WAYS) for stem in stems))


def _false_alarms(results: Mapping[str, Any], name: str) -> str:
    told = [[found[f"fixed {way}"] for way in WAYS] for found in results["cells"][name].values()]
    if all(cell is None for cells in told for cell in cells):
        return ABSENT
    return str(sum(any(cells) for cells in told))


def _by_kind(results: Mapping[str, Any]) -> str:
    names = list(results["cells"])
    rows = []
    for kind, meaning in KINDS.items():
        stems = [stem for stem, bug in results["bugs"].items() if bug["kind"] == kind]
        rows.append(
            [f"{kind}, {meaning}", str(len(stems)), *(_either(results, name, stems) for name in names)]
        )
    everything = list(results["bugs"])
    rows.append(["all", str(len(everything)), *(_either(results, name, everything) for name in names)])
    return table(["kind", "bugs", *names], rows)


def _all(results: Mapping[str, Any]) -> str:
    names = list(results["cells"])
    rows = [
        [
            f"{stem[:3]} [{bug['title']}]({bug['source']})",
            bug["kind"],
            bug["at_example"],
            *(_shown(results, name, stem) for name in names),
        ]
        for stem, bug in results["bugs"].items()
    ]
    return table(["bug", "kind", "on its example", *names], rows)


def _shown(results: Mapping[str, Any], name: str, stem: str) -> str:
    """How a tool finds a bug: by the call, by its check and with which code, or not at all."""
    outcomes = [outcome(results, name, stem, way) for way in WAYS]
    code = re.match(r"TE\d+", results["cells"][name][stem]["buggy by check"] or "")
    words = ("call", code[0] if code else "check")
    parts = [word for word, found in zip(words, outcomes, strict=True) if found == FOUND]
    if parts:
        return ", ".join(parts)
    if BOTH in outcomes:
        return "refuses both"
    return SILENT if SILENT in outcomes else ABSENT


def _measured(results: Mapping[str, Any]) -> str:
    used = {name: number for found in results["versions"].values() for name, number in found.items()}
    listed = ", ".join(f"{name} {number}" for name, number in used.items())
    return f"Versions: {listed}; Python {results['python']}."


def main() -> None:
    """Let the tools that are installed try, and write what they said."""
    present = [tool for tool in TOOLS if versions(tool)]
    for tool in TOOLS:
        found = ", ".join(f"{name} {number}" for name, number in versions(tool).items())
        print(f"{tool.name}: {found or 'left out; install ' + ' '.join(tool.distributions)}")
    results = record(present)
    RECORD.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    fill(PAGE, tables(results))
    print("\n\n".join(["", _by_tool(results), _by_kind(results)]))


if __name__ == "__main__":
    main()
