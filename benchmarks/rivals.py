"""The same small cases through typed-einsum and its rivals: `python benchmarks/rivals.py`.

Each file in benchmarks/rivals/ is one case: the same mistake (or the same valid program), written as a user
of each tool would write it. A line that ends in `# right: ...` is the mistake, and what follows it is the
correction. A mistake counts as caught where the program is refused and the corrected program is not.

Every tool that is installed takes part. No cell is written by hand: the script writes benchmarks/rivals.json
and, from that, the tables in docs/comparison.md and README.md.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

# OpenMP reads these once, when torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pages
import torch
from pages import table
from timing import machine, medians

import typed_einsum

HERE = Path(__file__).parent
CASES = HERE / "rivals"
RECORD = HERE / "rivals.json"
PAGES = {HERE.parent / "docs" / "comparison.md": "full", HERE.parent / "README.md": "short"}
SOURCE = "https://github.com/typed-einsum/typed-einsum/blob/main/benchmarks/rivals"

BEFORE, DEFINITION, CALL, BY_TORCH = "before running", "at definition", "at the call", "at the call, by torch"
SILENT, ABSENT, OVERDONE = "silent", "no such feature", "refused even when right"
WORKS, FALSE_ALARM, FAILS = "works", "works, with a false finding", "fails"

MISTAKES = (
    "output_axis_from_nowhere",
    "one_letter_two_names",
    "summed_out_of_one_operand",
    "permuted_result",
    "size_one_written_out",
    "size_one_from_data",
    "two_sizes_for_one_name",
    "wrong_local_value",
)
VALID = ("torch_compile", "integers")
TIMED = "time_per_call"
TOLD = "two_sizes_for_one_name"
FACTS = {"axis": ["d"], "sizes": ["5", "7"], "arguments": ["query", "key"]}
"""Words that a message on the case `TOLD` must contain for the reader to see at once what is wrong."""


@dataclass(frozen=True)
class Tool:
    """A tool, the distributions that its users install, and its command that reads programs, if any."""

    name: str
    distributions: tuple[str, ...]
    find: Callable[[Path], dict[str, str]] | None = None


@dataclass(frozen=True)
class Program:
    """What a user of a tool would write, or the reason why the tool has nothing to write."""

    text: str = ""
    reason: str = ""

    @property
    def corrected(self) -> str:
        return re.sub(r"^( *).*?  # right: (.*)$", r"\1\2", self.text, flags=re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """When a program was refused, if it was, and the message."""

    stage: str
    message: str = ""


# The cases


def title(case: str) -> str:
    return (CASES / f"{case}.md").read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")


def programs(case: str) -> dict[str, Program]:
    """The program of each tool, from the sections of the case's file."""
    _, *sections = re.split(r"^## ", (CASES / f"{case}.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {name: _program(body) for name, body in (section.split("\n", 1) for section in sections)}


def _program(body: str) -> Program:
    block = re.search(r"^```python\n(.*?)^```$", body, flags=re.DOTALL | re.MULTILINE)
    return Program(text=block[1]) if block else Program(reason=" ".join(body.split()))


# Programs that read programs


def torchtyc_finds(folder: Path) -> dict[str, str]:
    """What torchtyc says of each file, with `call()` of each as an entry point on meta tensors."""
    entries = [f"{path.name}::call" for path in sorted(folder.glob("*.py"))]
    settings = f'[tool.torchtyc]\nseverity = "warning"\nrun = {json.dumps(entries)}\n'
    (folder / "pyproject.toml").write_text(settings, encoding="utf-8")
    command = "from torchtyc.cli import main; raise SystemExit(main())"
    report = _json([sys.executable, "-c", command, "check", ".", "--format", "json"], folder)
    return _by_file((item, ("message", "got", "hint")) for item in report["diagnostics"])


def pyrefly_finds(folder: Path) -> dict[str, str]:
    """What Pyrefly says of each file; it finds the shape-aware stubs where this Python finds torch."""
    # A file of settings, though empty, makes this a project: without one Pyrefly checks less.
    (folder / "pyrefly.toml").touch()
    options = ["--output-format", "json", "--python-interpreter-path", sys.executable]
    report = _json([sys.executable, "-m", "pyrefly", "check", *options], folder)
    return _by_file((item, ("description",)) for item in report["errors"] if item["severity"] == "error")


def _json(command: Sequence[str], folder: Path) -> dict[str, Any]:
    """The report of a command; its status says only whether there were findings."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"status {done.returncode}: {done.stderr}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def _by_file(items: Iterator[tuple[Mapping[str, Any], Sequence[str]]]) -> dict[str, str]:
    texts: dict[str, list[str]] = {}
    for item, fields in items:
        texts.setdefault(Path(item["path"]).stem, []).extend(item[field] for field in fields if item[field])
    return {stem: "\n".join(lines) for stem, lines in texts.items()}


TOOLS = (
    Tool("typed-einsum", ("typed-einsum",)),
    Tool("jaxtyping + beartype", ("jaxtyping", "beartype")),
    Tool("bearshape", ("bearshape", "beartype")),
    Tool("dltype", ("dltype",)),
    Tool("einops", ("einops",)),
    Tool("einx", ("einx",)),
    Tool("torchtyc", ("torchtyc", "einops"), torchtyc_finds),
    Tool("Pyrefly", ("pyrefly", "pyrefly-torch-stubs"), pyrefly_finds),
    Tool("torch", ("torch",)),
)


# Running


def versions(tool: Tool) -> dict[str, str]:
    """The versions of a tool's distributions; empty where one is not installed."""
    try:
        return {name: _version(name) for name in tool.distributions}
    except PackageNotFoundError:
        return {}


def _version(distribution: str) -> str:
    # This library may run from its sources, as what is compared is what they are now.
    return typed_einsum.__version__ if distribution == "typed-einsum" else version(distribution)


def outcomes(tool: Tool, cases: Sequence[str]) -> dict[str, Outcome]:
    """What becomes of each case in the hands of a tool."""
    written = {case: programs(case)[tool.name] for case in cases}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for case, program in written.items():
            if program.text:
                (folder / f"{case}.py").write_text(program.text, encoding="utf-8")
                (folder / f"{case}_right.py").write_text(program.corrected, encoding="utf-8")
        found = tool.find(folder) if tool.find else {}
        return {case: _outcome(tool, folder, case, program, found) for case, program in written.items()}


def _outcome(tool: Tool, folder: Path, case: str, program: Program, found: Mapping[str, str]) -> Outcome:
    if program.reason:
        return Outcome(ABSENT, program.reason)
    if case in VALID:
        return _valid(folder / f"{case}.py", found)
    result = _result(folder / f"{case}.py", found)
    right = _result(folder / f"{case}_right.py", found)
    if right.stage != SILENT:
        return Outcome(OVERDONE, right.message)
    if result.stage == CALL and tool.name != "torch" and result.message.startswith("einsum(): "):
        return Outcome(BY_TORCH, result.message)
    return result


def _valid(path: Path, found: Mapping[str, str]) -> Outcome:
    ran = _result(path, {})
    if ran.stage != SILENT:
        return Outcome(FAILS, ran.message)
    return Outcome(FALSE_ALARM, found[path.stem]) if path.stem in found else Outcome(WORKS)


def _result(path: Path, found: Mapping[str, str]) -> Outcome:
    """When the program at `path` is first refused, by whomever."""
    if path.stem in found:
        return Outcome(BEFORE, found[path.stem])
    try:
        module = load(path)
    except Exception as error:
        return Outcome(DEFINITION, str(error) or type(error).__name__)
    try:
        module.call()
    except Exception as error:
        return Outcome(CALL, str(error) or type(error).__name__)
    return Outcome(SILENT)


def load(path: Path) -> ModuleType:
    """The program as a module, as an import would make it."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def microseconds(tools: Sequence[Tool]) -> dict[str, float]:
    """The time of a valid call with each tool, and of `torch.einsum` called bare."""
    torch.set_num_threads(1)
    query, key = torch.randn(2, 3, 5), torch.randn(2, 4, 5)
    calls = {"bare": partial(torch.einsum, "bqd,bkd->bqk", query, key)}
    with tempfile.TemporaryDirectory() as folder:
        for tool in tools:
            path = Path(folder, "timed.py")
            path.write_text(programs(TIMED)[tool.name].text, encoding="utf-8")
            calls[tool.name] = partial(load(path).call, query, key)
            torch.testing.assert_close(calls[tool.name](), calls["bare"]())
        return {name: round(seconds * 1e6, 3) for name, seconds in medians(calls, rounds=60).items()}


# The record


def record(tools: Sequence[Tool]) -> dict[str, Any]:
    """Everything the tables show, as rivals.json holds it."""
    results = {tool.name: outcomes(tool, MISTAKES + VALID) for tool in tools}
    return {
        "versions": {tool.name: versions(tool) for tool in tools},
        "machine": machine(),
        "cells": {
            case: {name: cell(result[case]) for name, result in results.items()} for case in MISTAKES + VALID
        },
        "told": {name: facts(result[TOLD].message) for name, result in results.items()},
        "microseconds": microseconds(tools),
    }


def cell(outcome: Outcome) -> dict[str, str]:
    """An outcome with the first line of what was said."""
    said = next((line.strip() for line in outcome.message.splitlines() if line.strip()), "")
    return {"outcome": outcome.stage, "says": said}


def facts(message: str) -> list[str]:
    """Which of the facts a message names, all words of each."""
    words = set(re.findall(r"\w+", message))
    return [fact for fact, wanted in FACTS.items() if words.issuperset(wanted)]


# The tables


def full(results: Mapping[str, Any]) -> str:
    """The table of docs/comparison.md, what it was measured with, and the reasons for its gaps."""
    names = list(results["versions"])
    rows = [[_linked(case), *_cells(results, case)] for case in MISTAKES + VALID]
    told = [", ".join(results["told"][name]) or "none" for name in names]
    rows.insert(MISTAKES.index(TOLD) + 1, ["What the message of the line above names", *told])
    rows.append([_linked(TIMED), *(_time(results, name) for name in names)])
    return "\n\n".join([table(["", *names], rows), _measured(results), _gaps(results), _messages(results)])


def short(results: Mapping[str, Any]) -> str:
    """The table of README.md: how many of the mistakes each tool catches, and when."""
    stages = (BEFORE, DEFINITION, CALL, SILENT, ABSENT)
    header = [
        f"{len(MISTAKES)} mistakes: caught",
        *stages,
        "in a compiled graph",
        "time of a tiny call, torch.einsum = 1",
    ]
    rows = [
        [
            name,
            *(_count(results, name, stage) for stage in stages),
            results["cells"]["torch_compile"][name]["outcome"],
            _time(results, name),
        ]
        for name in results["versions"]
    ]
    return table(header, rows)


def _linked(case: str) -> str:
    return f"[{title(case)}]({SOURCE}/{case}.md)"


def _cells(results: Mapping[str, Any], case: str) -> list[str]:
    shown = {SILENT: f"**{SILENT}**", ABSENT: "n/a"}
    found = [cell["outcome"] for cell in results["cells"][case].values()]
    return [shown.get(outcome, outcome) for outcome in found]


def _count(results: Mapping[str, Any], name: str, stage: str) -> str:
    found = [results["cells"][case][name]["outcome"] for case in MISTAKES]
    by_torch = found.count(BY_TORCH) if stage == CALL else 0
    number = found.count(stage) + by_torch
    return f"{number}, {by_torch} by torch" if by_torch else str(number)


def _time(results: Mapping[str, Any], name: str) -> str:
    times = results["microseconds"]
    return f"{times[name] / times['bare']:.2f}"


def _measured(results: Mapping[str, Any]) -> str:
    used = {name: number for found in results["versions"].values() for name, number in found.items()}
    host = results["machine"]
    return (
        f"Versions: {', '.join(f'{name} {number}' for name, number in used.items())}; "
        f"Python {host['python']}. Times are medians of interleaved rounds on one thread of a machine with "
        f"{host['cores']} cores, as multiples of `torch.einsum` called bare "
        f"({results['microseconds']['bare']:.1f} µs)."
    )


def _gaps(results: Mapping[str, Any]) -> str:
    """The reason for every dash."""
    lines = [
        f"- {title(case)}, {name}: {cell['says']}"
        for case in MISTAKES
        for name, cell in results["cells"][case].items()
        if cell["outcome"] == ABSENT
    ]
    return "\n".join(["Where a tool has no such feature (n/a):", "", *lines])


def _messages(results: Mapping[str, Any]) -> str:
    lines = [f"{name}:\n    {cell['says']}" for name, cell in results["cells"][TOLD].items()]
    return "\n".join(
        [f"{title(TOLD)}, as the first line of each message says it:", "", "```text", *lines, "```"]
    )


def filled(page: str, kind: str, results: Mapping[str, Any]) -> str:
    """The page with its table between the markers; a page without markers stays as it is."""
    return pages.filled(page, {"rivals": {"full": full, "short": short}[kind](results)})


def main() -> None:
    present = [tool for tool in TOOLS if versions(tool)]
    for tool in TOOLS:
        found = ", ".join(f"{name} {number}" for name, number in versions(tool).items())
        print(f"{tool.name}: {found or 'left out; install ' + ' '.join(tool.distributions)}")
    results = record(present)
    RECORD.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for path, kind in PAGES.items():
        page = path.read_text(encoding="utf-8")
        path.write_text(filled(page, kind, results), encoding="utf-8")
    print(f"\n{full(results)}")


if __name__ == "__main__":
    main()
