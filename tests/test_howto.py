"""The how-to pages beyond their Python blocks: commands, and pairs of programs before and after."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parent.parent / "docs" / "howto"
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
MODULES = {"typed-einsum": ["typed_einsum.cli"], "pytest": ["pytest", "-p", "no:cacheprovider"]}
"""What runs a command of a page; any other is a module of its own name."""


def read(page: str) -> str:
    return (FOLDER / f"{page}.md").read_text(encoding="utf-8")


# Commands


def transcripts(page: str) -> list[tuple[dict[str, str], str, list[str]]]:
    """Each `console` block: the files as the page has shown them by then, the command, the lines shown."""
    files: dict[str, str] = {}
    found = []
    for language, title, text in BLOCK.findall(page):
        match language:
            case "python" if title:
                files[title] = files.get(title, "") + text
            case "toml":
                files["pyproject.toml"] = files.get("pyproject.toml", "") + text
            case "console":
                command, *shown = text.splitlines()
                found.append((dict(files), command.removeprefix("$ "), shown))
    return found


def printed_lines(files: dict[str, str], command: str, folder: Path) -> list[str]:
    """What a command prints in a folder that holds these files and nothing else."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    program, *arguments = command.split()
    run = subprocess.run(
        [sys.executable, "-P", "-m", *MODULES.get(program, [program]), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        # With CI set, Hypothesis has no deadline, which a busy machine would miss.
        env={**os.environ, "CI": "true", "COLUMNS": "80", "OMP_WAIT_POLICY": "passive"},
    )
    return [*run.stdout.splitlines(), *run.stderr.splitlines()]


def not_printed(shown: list[str], printed: list[str]) -> list[str]:
    """The lines that a page shows and the command did not print, in this order."""
    rest = iter(printed)
    return [line for line in shown if line not in rest]


TRANSCRIPTS = [
    (path.stem, *each) for path in sorted(FOLDER.glob("*.md")) for each in transcripts(read(path.stem))
]


@pytest.mark.parametrize(
    ("files", "command", "shown"),
    [each[1:] for each in TRANSCRIPTS],
    ids=[f"{page}: {command}" for page, _, command, _ in TRANSCRIPTS],
)
@pytest.mark.one_in(4)
def test_a_page_shows_what_is_printed(
    files: dict[str, str], command: str, shown: list[str], tmp_path: Path
) -> None:
    program = command.split()[0].replace("-", "_")
    if find_spec(program) is None:
        pytest.skip(f"{program} is not installed")
    assert shown
    printed = printed_lines(files, command, tmp_path)
    assert not_printed(shown, printed) == [], "\n".join(printed)


def test_a_page_that_shows_something_else_is_found(tmp_path: Path) -> None:
    page = '```python title="test_it.py"\ndef test_it(): pass\n```\n\n```console\n$ pytest --co -q\n%s\n```\n'
    (right,) = transcripts(page % "test_it.py::test_it")
    (wrong,) = transcripts(page % "test_it.py::test_that")
    printed = printed_lines(*right[:2], tmp_path)
    assert not_printed(right[2], printed) == []
    assert not_printed(wrong[2], printed) == ["test_it.py::test_that"]


# Before and after


def pairs(page: str) -> list[tuple[str, str, str]]:
    """Each `diff` block: the Python before it on the page, the program before the change, and after it."""
    before, found = "", []
    for language, _, text in BLOCK.findall(page):
        if language == "python":
            before += text
        elif language == "diff":
            found.append((before, side(text, "-"), side(text, "+")))
    return found


def side(diff: str, sign: str) -> str:
    """One of the two programs of a diff."""
    kept = [line for line in diff.splitlines() if not line or line[0] in (" ", sign)]
    return "".join(f"{line[1:]}\n" for line in kept)


def lacking(program: str) -> list[str]:
    """The packages that a program imports and that are not installed."""
    imports = [node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {
        name
        for node in imports
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [n.name for n in node.names]
        )
    }
    return sorted(name for name in names if find_spec(name.partition(".")[0]) is None)


def result_of(before: str, program: str) -> torch.Tensor:
    """The `result` of a program, which begins with the same random inputs each time."""
    torch.manual_seed(0)
    namespace: dict[str, object] = {"__name__": __name__}
    exec(before, namespace)
    exec(program, namespace)
    result = namespace["result"]
    assert isinstance(result, torch.Tensor)
    return result


PAIRS = pairs(read("migrate"))


def test_there_are_pairs() -> None:
    assert len(PAIRS) >= 8
    assert all(old != new for _, old, new in PAIRS)


@pytest.mark.parametrize("pair", PAIRS, ids=range(1, len(PAIRS) + 1))
def test_a_program_gives_the_same_before_and_after(pair: tuple[str, str, str]) -> None:
    before, old, new = pair
    shared = [name for name in lacking(new) if name in lacking(old)]
    if shared:
        pytest.skip(f"not installed: {', '.join(shared)}")
    after = result_of(before, new)
    if missing := lacking(old):
        pytest.skip(f"not installed, so only the program after the change ran: {', '.join(missing)}")
    if "torchtyping" in old:  # the page says how it ends, where it is installed
        with pytest.raises(AttributeError, match="'Tensor' object has no attribute 'names'"):
            result_of(before, old)
        return
    torch.testing.assert_close(after, result_of(before, old))


def test_a_pair_is_told_apart() -> None:
    page = "```python\nimport torch\n```\n\n```diff\n-x = 2\n+x = 3\n result = torch.ones(x)\n```\n"
    ((before, old, new),) = pairs(page)
    assert (old, new) == ("x = 2\nresult = torch.ones(x)\n", "x = 3\nresult = torch.ones(x)\n")
    assert result_of(before, old).shape != result_of(before, new).shape


def test_what_is_not_installed_is_found() -> None:
    assert lacking("import torch.nn\nfrom no_such_package.part import x\n") == ["no_such_package.part"]


# Settings


@pytest.mark.parametrize("page", [path.stem for path in sorted(FOLDER.glob("*.md"))])
def test_settings_can_be_read(page: str) -> None:
    tables = [tomllib.loads(text) for language, _, text in BLOCK.findall(read(page)) if language == "toml"]
    assert all(set(table) == {"tool"} for table in tables)
