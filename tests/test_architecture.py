"""ARCHITECTURE.md names files, folders and functions that exist, and leaves no folder out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from test_floors import FLOORS

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "typed_einsum"
PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"(?P<path>[\w./-]*\w\.(?:py|md|txt)|[\w./-]+/)(?::(?P<name>\w+))?")


def paths(page: str) -> list[tuple[str, str | None]]:
    """Every path between backticks outside fenced blocks, with the name in that file if one is given."""
    text = re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)
    found = (PATH.fullmatch(code) for code in CODE.findall(text))
    return [(match["path"], match["name"]) for match in found if match]


def names_in(file: Path) -> set[str]:
    """The functions, classes and constants that a module defines or imports at its top."""
    names: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.Assign():
                names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
    return names


def faults(page: str) -> list[str]:
    """What the page says and the tree does not."""
    found = []
    for path, name in paths(page):
        file = next((base / path for base in (PACKAGE, ROOT) if (base / path).exists()), None)
        if file is None:
            found.append(f"{path} does not exist")
        elif name is not None and name not in names_in(file):
            found.append(f"{path} defines no {name}")
    return found


def left_out(page: str) -> list[str]:
    """Folders and modules at the top of the package that the page does not describe."""
    folders = {f"{file.parent.relative_to(PACKAGE).as_posix()}/" for file in PACKAGE.rglob("__init__.py")}
    modules = {file.name for file in PACKAGE.glob("*.py")}
    return sorted((folders | modules) - {"./", "__init__.py"} - {path for path, _ in paths(page)})


def test_every_name_on_the_page_is_in_the_tree() -> None:
    assert len(paths(PAGE)) > 80
    assert faults(PAGE) == []


def test_every_folder_is_described() -> None:
    assert left_out(PAGE) == []


def test_the_floors_are_those_that_are_enforced() -> None:
    diagram = {
        int(line[0]): line for line in re.findall(r"^(\d  [a-z]+ .*(?:\n {4,}.*)*)", PAGE, re.MULTILINE)
    }
    shown = {name: floor for floor, line in diagram.items() for name in re.findall(r"[\w]+", line[13:])}
    assert {name: shown.get(name) for name in FLOORS} == FLOORS


@pytest.mark.parametrize("question", ["an equation rule", "a message", "an audit rule", "a plan step"])
def test_a_common_change_has_a_row(question: str) -> None:
    assert re.search(rf"^\| {question}", PAGE, re.MULTILINE)


def test_a_wrong_page_is_found() -> None:
    page = "`plan/choice.py:plan_of`, `plan/nowhere.py`, `errors.py:NOTHING`, `no/`, not `a/b`"
    assert faults(page) == [
        "plan/nowhere.py does not exist",
        "errors.py defines no NOTHING",
        "no/ does not exist",
    ]
    assert "plan/" in left_out(page)
    assert "errors.py" not in left_out(page)


def test_no_two_files_of_tests_have_one_name() -> None:
    """They are imported by their names alone, so pytest could not collect both."""
    names = [file.name for file in (ROOT / "tests").rglob("test_*.py") if "real_cases" not in file.parts]
    assert len(names) > 60
    assert sorted(name for name in set(names) if names.count(name) > 1) == []
