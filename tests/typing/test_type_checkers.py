"""Type checkers read the programs in good/ and bad/, and find what the marks there say, and nothing else."""

from __future__ import annotations

import copy
import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import type_checkers  # noqa: E402
from pages import filled  # noqa: E402
from type_checkers import CHECKERS, FILES, RUFF, Checker, Findings, Mistake  # noqa: E402

RESULTS: dict[str, Any] = json.loads(type_checkers.RECORD.read_text(encoding="utf-8"))
MISTAKES = type_checkers.all_mistakes()

MYPY = CHECKERS[0]

run_by_ci = pytest.mark.thorough  # the checkers take minutes


def installed(checker: Checker) -> Checker:
    """The checker; what needs it is skipped where it is not there."""
    if not checker.path:
        pytest.skip(f"{checker.needs or checker.command} is not installed")
    return checker


def found(checker: Checker, part: str, configuration: str | None = None) -> Findings:
    """What an installed checker finds, with the settings of the page unless others are given."""
    given = type_checkers.blocks("toml") if configuration is None else configuration
    return type_checkers.checked(installed(checker), part, given)


def problems(checker: str, findings: Findings, mistakes: Iterable[Mistake]) -> list[str]:
    """Where a checker finds something else than the marks say."""
    marked = {mistake.place: mistake for mistake in mistakes}
    expected = {place for place, mistake in marked.items() if checker in mistake.seen_by}
    missed = [f"{place}: {checker} is silent" for place in sorted(expected - set(findings))]
    more = [
        f"{place}: {checker} says {', '.join(findings[place])}" for place in sorted(set(findings) - expected)
    ]
    return missed + more


@pytest.mark.parametrize("checker", [*CHECKERS, RUFF], ids=lambda checker: checker.name)
@run_by_ci
def test_programs_without_a_mistake_pass(checker: Checker) -> None:
    assert found(checker, "good") == {}


@pytest.mark.parametrize("checker", CHECKERS, ids=lambda checker: checker.name)
@run_by_ci
def test_mistakes_are_found_on_their_lines_and_nowhere_else(checker: Checker) -> None:
    findings = found(checker, "bad")
    assert problems(checker.name, findings, MISTAKES) == []
    if checker.version() == RESULTS["versions"].get(checker.name):
        rules = {name: mistake["rules"][checker.name] for name, mistake in RESULTS["bad"].items()}
        assert {mistake.function: findings.get(mistake.place, []) for mistake in MISTAKES} == rules


@pytest.mark.parametrize("checker", [*CHECKERS, RUFF], ids=lambda checker: checker.name)
@run_by_ci
def test_the_settings_are_needed_where_the_page_says_so(checker: Checker) -> None:
    recorded = set(RESULTS["without settings"][checker.name])
    findings = found(checker, "good", checker.bare)
    assert {rule for rules in findings.values() for rule in rules} == recorded


@pytest.mark.parametrize("path", sorted((FILES / "good").glob("*.py")), ids=lambda path: path.stem)
def test_programs_without_a_mistake_run(path: Path) -> None:
    assert type_checkers.load(path).__doc__


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.function)
def test_what_a_mistake_comes_to_when_it_is_run(mistake: Mistake) -> None:
    assert type_checkers.when_run(mistake) == RESULTS["bad"][mistake.function]["when run"]


def test_every_mistake_is_recorded_and_every_checker_took_part() -> None:
    assert [mistake.function for mistake in MISTAKES] == list(RESULTS["bad"])
    assert {mistake.path.stem for mistake in MISTAKES} == set(type_checkers.FILE_TITLES)
    names = [checker.name for checker in CHECKERS]
    assert list(RESULTS["good"]) == [*names, RUFF.name]
    assert all(list(mistake["rules"]) == names for mistake in RESULTS["bad"].values())


def test_the_record_is_what_the_marks_say() -> None:
    for mistake in MISTAKES:
        rules = RESULTS["bad"][mistake.function]["rules"]
        assert {name for name, said in rules.items() if said} == mistake.seen_by, mistake.function


@pytest.mark.parametrize("path", sorted((FILES / "bad").glob("*.py")), ids=lambda path: path.stem)
def test_every_mark_belongs_to_a_function_of_its_own(path: Path) -> None:
    functions = [mistake.function for mistake in type_checkers.mistakes(path)]
    assert len(functions) == len(set(functions)) == path.read_text(encoding="utf-8").count("# error: ")


def test_the_tables_of_the_page_are_what_was_recorded() -> None:
    page = type_checkers.PAGE.read_text(encoding="utf-8")
    assert filled(page, type_checkers.tables(RESULTS)) == page, "run: python benchmarks/type_checkers.py"


def test_a_changed_record_changes_the_tables() -> None:
    changed = copy.deepcopy(RESULTS)
    changed["bad"]["an_operand_too_few"]["rules"]["mypy"] = []
    changed["without settings"]["ty"] = {}
    changed["versions"]["ty"] = "0"
    tables, before = type_checkers.tables(changed), type_checkers.tables(RESULTS)
    assert all(tables[name] != before[name] for name in before)


def test_the_record_names_no_place_of_the_machine_it_was_made_on() -> None:
    text = type_checkers.RECORD.read_text(encoding="utf-8")
    places = (tempfile.gettempdir(), str(Path.home()), str(BENCHMARKS.parent), sys.prefix)
    assert not [place for place in places if place in text]


# The test itself, shown able to fail


WRONG = """from typed_einsum import einsum


def a_number() -> None:
    einsum(3)  # error: mypy


def a_text() -> None:
    einsum("b -> b")  # error: mypy


def unmarked() -> None:
    einsum(4)
"""


@run_by_ci
def test_what_the_marks_do_not_say_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "wrong.py").write_text(WRONG, encoding="utf-8")
    monkeypatch.setattr(type_checkers, "FILES", tmp_path)
    assert problems(MYPY.name, found(MYPY, "bad"), type_checkers.all_mistakes()) == [
        "bad/wrong.py:9: mypy is silent",
        "bad/wrong.py:13: mypy says arg-type",
    ]


def test_a_mark_that_names_no_checker_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wrong.py"
    path.write_text("def call():\n    pass  # error: mypi\n", encoding="utf-8")
    with pytest.raises(ValueError, match="a mark is `all`, `none`, or some of mypy, pyright"):
        type_checkers.mistakes(path)


def test_a_checker_that_cannot_run_is_no_checker_that_finds_nothing(tmp_path: Path) -> None:
    mypy = installed(MYPY)
    with pytest.raises(RuntimeError, match="mypy: status 2"):
        mypy.check(tmp_path, "missing.py")
