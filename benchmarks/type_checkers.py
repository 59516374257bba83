"""What type checkers see of this library: `python benchmarks/type_checkers.py`.

tests/typing/good holds programs that must pass, tests/typing/bad programs with one mistake in each function.
Every checker that is installed reads them with the settings of docs/howto/type-checkers.md, then the good
ones without settings; and each mistake is run. The script writes type_checkers.json and the page's tables.

A checker is taken from beside this Python or from the path. Pyrefly's stubs of torch take part where they can
be imported, in a folder apart, because every other checker would read them, too:

    pip install --no-deps --target stubs pyrefly-torch-stubs pyrefly-shape-extensions
    PYTHONPATH=stubs python benchmarks/type_checkers.py
"""

from __future__ import annotations

import ast
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
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any

# OpenMP reads these once, when torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from pages import fill, table

import typed_einsum
from typed_einsum.errors import TypedEinsumError

HERE = Path(__file__).parent
FILES = HERE.parent / "tests" / "typing"
CACHE = HERE.parent / ".mypy_cache" / "typing"
RECORD = HERE / "type_checkers.json"
PAGE = HERE.parent / "docs" / "howto" / "type-checkers.md"

STUBS = "pyrefly-torch-stubs"

MARK = re.compile(r"# error: (.*)$")
RUNS = "runs"

Findings = dict[str, list[str]]
"""The rules that a checker names, by `folder/file.py:line`."""

Read = Callable[[str, Path], Iterator[tuple[str, int, str]]]
"""Reads what a command printed: file, line and rule of each finding."""


@dataclass(frozen=True)
class Checker:
    """A command that reads programs: its arguments besides the files, and how to read its answer."""

    name: str
    title: str
    arguments: Callable[[], Sequence[str]]
    read: Read
    needs: str = ""
    bare: str = ""
    """The settings where there are none: what it needs to look for the mistakes in question at all."""

    @property
    def command(self) -> str:
        return "pyrefly" if self.needs else self.name

    @property
    def path(self) -> str | None:
        """Where its command is; None where it, or what it needs, is not installed."""
        beside = Path(sys.executable).parent / self.command
        found = str(beside) if beside.exists() else shutil.which(self.command)
        return found if not self.needs or _version(self.needs) else None

    def version(self) -> str:
        assert self.path is not None
        said = subprocess.run([self.path, "--version"], capture_output=True, text=True, check=True).stdout
        found = re.search(r"\d+(\.\d+)+", said)
        assert found is not None
        return found[0]

    def check(self, folder: Path, *names: str) -> Findings:
        """What it finds in these files and folders below `folder`."""
        assert self.path is not None
        command = [self.path, *self.arguments(), *names]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        environment["MYPY_CACHE_DIR"] = str(_cache(folder))
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode not in (0, 1):
            raise RuntimeError(f"{self.name}: status {done.returncode}: {done.stdout}{done.stderr}")
        found: dict[str, set[str]] = {}
        for file, line, rule in self.read(done.stdout, folder):
            found.setdefault(f"{file}:{line}", set()).add(rule)
        return {place: sorted(rules) for place, rules in sorted(found.items())}


def _cache(folder: Path) -> Path:
    """What mypy keeps of torch: one for all projects of these settings, since others make it begin anew."""
    given = folder / "pyproject.toml"
    text = given.read_text(encoding="utf-8") if given.exists() else ""
    return CACHE / f"{zlib.crc32(text.encode()):08x}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


# What the commands print


def _mypy(text: str, folder: Path) -> Iterator[tuple[str, int, str]]:
    for line in text.splitlines():
        item = json.loads(line) if line.startswith("{") else {"severity": "summary"}
        if item["severity"] == "error":
            yield item["file"], item["line"], item["code"]


def _pyright(text: str, folder: Path) -> Iterator[tuple[str, int, str]]:
    for item in json.loads(text)["generalDiagnostics"]:
        if item["severity"] != "information":
            file = Path(item["file"]).resolve().relative_to(folder.resolve()).as_posix()
            yield file, item["range"]["start"]["line"] + 1, item.get("rule", "syntax")


def _pyrefly(text: str, folder: Path) -> Iterator[tuple[str, int, str]]:
    for item in json.loads(text)["errors"]:
        file = (folder / item["path"]).resolve().relative_to(folder.resolve()).as_posix()
        yield file, item["line"], item["name"]


def _ty(text: str, folder: Path) -> Iterator[tuple[str, int, str]]:
    for file, line, rule in re.findall(r"^(.+?):(\d+):\d+: \w+\[([\w-]+)\]", text, flags=re.MULTILINE):
        yield file, int(line), rule


def _ruff(text: str, folder: Path) -> Iterator[tuple[str, int, str]]:
    for item in json.loads(text):
        file = Path(item["filename"]).resolve().relative_to(folder.resolve()).as_posix()
        yield file, item["location"]["row"], item["code"]


def _pyrefly_arguments() -> list[str]:
    return ["check", "--output-format", "json", "--python-interpreter-path", sys.executable]


def _with_stubs() -> list[str]:
    return [*_pyrefly_arguments(), "--site-package-path", str(distribution(STUBS).locate_file(""))]


CHECKERS = (
    Checker(
        "mypy",
        "mypy --strict",
        lambda: [
            "--strict",
            "--output=json",
            f"--python-executable={sys.executable}",
            "--explicit-package-bases",  # one file name in two folders
        ],
        _mypy,
    ),
    Checker("pyright", "pyright, strict", lambda: ["--outputjson", "--pythonpath", sys.executable], _pyright),
    Checker("pyrefly", "Pyrefly", _pyrefly_arguments, _pyrefly),
    Checker("stubs", "Pyrefly with torch stubs", _with_stubs, _pyrefly, needs=STUBS),
    Checker("ty", "ty", lambda: ["check", "--output-format=concise", "--python", sys.prefix], _ty),
)

RUFF = Checker(
    "ruff",
    "ruff",
    lambda: ["check", "--output-format=json"],
    _ruff,
    bare='[tool.ruff]\ntarget-version = "py311"\nlint.select = ["F", "UP"]\n',
)
"""No type checker, but it reads annotations, too."""


# Programs


def blocks(language: str) -> str:
    """What the page shows in a language, as one file: its settings in TOML, its program in Python."""
    page = PAGE.read_text(encoding="utf-8")
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```$", page, flags=re.DOTALL | re.MULTILINE))


def checked(checker: Checker, part: str, configuration: str) -> Findings:
    """What a checker finds in the good or the bad programs, in a project of this configuration.

    What the page itself shows is one of the good.
    """
    # Below the home folder of a user or of this project, a checker might find other settings.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        shutil.copytree(FILES / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        if part == "good":
            (folder / part / "page.py").write_text(blocks("python"), encoding="utf-8")
        (folder / "pyproject.toml").write_text(configuration, encoding="utf-8")
        return checker.check(folder, part)


@dataclass(frozen=True)
class Mistake:
    """One function of a bad program, the line of its mistake, and the checkers that are to find it."""

    path: Path
    function: str
    line: int
    seen_by: frozenset[str]

    @property
    def place(self) -> str:
        return f"bad/{self.path.name}:{self.line}"

    @property
    def title(self) -> str:
        text = self.function.replace("_", " ")
        return text[0].upper() + text[1:]


def mistakes(path: Path) -> list[Mistake]:
    """The functions of a bad program that hold a mark, in the order of the file."""
    text = path.read_text(encoding="utf-8")
    found = []
    for node in ast.parse(text).body:
        if not isinstance(node, ast.FunctionDef):
            continue
        assert node.end_lineno is not None
        first = min(each.lineno for each in (node, *node.decorator_list))
        for line in range(first, node.end_lineno + 1):
            mark = MARK.search(text.splitlines()[line - 1])
            if mark:
                found.append(Mistake(path, node.name, line, _seen_by(mark[1])))
    return found


def _seen_by(mark: str) -> frozenset[str]:
    names = [checker.name for checker in CHECKERS]
    match mark:
        case "all":
            return frozenset(names)
        case "none":
            return frozenset()
    given = frozenset(mark.split(", "))
    if not given <= set(names):
        raise ValueError(f"{mark!r}: a mark is `all`, `none`, or some of {', '.join(names)}")
    return given


def all_mistakes() -> list[Mistake]:
    return [mistake for path in sorted((FILES / "bad").glob("*.py")) for mistake in mistakes(path)]


def when_run(mistake: Mistake) -> str:
    """The code of the error that the function raises, or the type of one that is not this library's."""
    module = load(mistake.path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as of a coroutine that nothing awaits
        try:
            getattr(module, mistake.function)()
        except TypedEinsumError as error:
            return error.code
        except Exception as error:  # whatever the mistake comes to is what is recorded
            return type(error).__name__
    return RUNS


def load(path: Path) -> Any:
    """A bad program as a module: its mistakes wait in functions."""
    spec = importlib.util.spec_from_file_location(f"typing_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# The record


def record(checkers: Sequence[Checker]) -> dict[str, Any]:
    """Everything the tables show, as type_checkers.json holds it."""
    configuration = blocks("toml")
    bad = {checker.name: checked(checker, "bad", configuration) for checker in checkers}
    return {
        "versions": {checker.name: checker.version() for checker in (*checkers, RUFF)},
        "python": platform.python_version(),
        "packages": {name: version(name) for name in ("torch", "jaxtyping", STUBS) if _version(name)},
        "good": {checker.name: checked(checker, "good", configuration) for checker in (*checkers, RUFF)},
        "without settings": {
            checker.name: counted(checked(checker, "good", checker.bare)) for checker in (*checkers, RUFF)
        },
        "bad": {
            mistake.function: {
                "file": mistake.path.stem,
                "rules": {name: found.get(mistake.place, []) for name, found in bad.items()},
                "when run": when_run(mistake),
            }
            for mistake in all_mistakes()
        },
    }


def counted(findings: Findings) -> dict[str, int]:
    """How many lines break each rule."""
    rules = [rule for found in findings.values() for rule in found]
    return {rule: rules.count(rule) for rule in sorted(set(rules))}


# The tables


def tables(results: Mapping[str, Any]) -> dict[str, str]:
    """What stands between the markers of the page."""
    return {
        "typing: programs": _programs(results),
        "typing: settings": _settings(results),
        "typing: mistakes": _mistakes(results),
        "typing: versions": _versions(results),
    }


def _titles() -> dict[str, str]:
    return {checker.name: checker.title for checker in CHECKERS}


FILE_TITLES = {
    "calls": "calls of typed einsums",
    "checked_functions": "checked functions",
    "definitions": "definitions",
    "shapes": "axes, sizes and dtypes",
    "values": "values",
}


def _programs(results: Mapping[str, Any]) -> str:
    """How many mistakes of each file a checker finds, and how many a run."""
    rows = []
    for file, title in FILE_TITLES.items():
        found = [mistake for mistake in results["bad"].values() if mistake["file"] == file]
        seen = [
            sum(bool(each["rules"][name]) for each in found) for name in results["good"] if name in _titles()
        ]
        ran = sum(each["when run"] != RUNS for each in found)
        rows.append([title, str(len(found)), *map(str, seen), str(ran)])
    names = [name for name in results["good"] if name in _titles()]
    alarms = [str(len(results["good"][name])) for name in names]
    rows.append(["false alarms in programs without a mistake", "", *alarms, ""])
    return table(["mistakes", "in all", *(_titles()[name] for name in names), "when run"], rows)


def _settings(results: Mapping[str, Any]) -> str:
    """What each reports on the good programs without settings."""
    titles = _titles() | {"ruff": RUFF.title}
    rows = [
        [titles[name], ", ".join(f"`{rule}` on {count} lines" for rule, count in rules.items()) or "nothing"]
        for name, rules in results["without settings"].items()
    ]
    return table(["", "without settings, on programs without a mistake"], rows)


def _mistakes(results: Mapping[str, Any]) -> str:
    titles = _titles()
    names = [name for name in results["good"] if name in titles]
    rows = []
    for function, found in results["bad"].items():
        title = function.replace("_", " ")
        cells = ["found" if found["rules"][name] else "**silent**" for name in names]
        run = f"**{RUNS}**" if found["when run"] == RUNS else _linked(found["when run"])
        rows.append([title[0].upper() + title[1:], *cells, run])
    return table(["mistake", *(titles[name] for name in names), "when run"], rows)


def _linked(name: str) -> str:
    return f"[{name}](../errors/{name}.md)" if name.startswith("TE") else f"`{name}`"


def _versions(results: Mapping[str, Any]) -> str:
    used = [f"{name} {number}" for name, number in results["versions"].items() if name != "stubs"]
    used += [f"{name} {number}" for name, number in results["packages"].items()]
    return (
        f"Versions: typed-einsum {typed_einsum.__version__}, {', '.join(used)}; Python {results['python']}."
    )


def main() -> None:
    """Let the checkers that are installed read the programs, and write what they said."""
    present = [checker for checker in CHECKERS if checker.path]
    for checker in CHECKERS:
        print(f"{checker.title}: {checker.version() if checker.path else 'left out; it is not installed'}")
    results = record(present)
    RECORD.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    fill(PAGE, tables(results))
    print("\n\n".join(["", *tables(results).values()]))


if __name__ == "__main__":
    main()
