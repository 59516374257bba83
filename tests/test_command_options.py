"""The options of the command: formats, selections, pyproject.toml, and files that misbehave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from typed_einsum.cli import main, pages
from typed_einsum.cli.formats import as_annotation, as_sarif
from typed_einsum.cli.listing import Listing
from typed_einsum.cli.settings import BadSettings, Settings, prefixes, settings_near
from typed_einsum.testing.process.outcome import Outcome

WRONG = """\
from jaxtyping import Float
from torch import Tensor
from typed_einsum import shape_checked


@shape_checked
def gram(x: Float[Tensor, "b c h"]) -> Float[Tensor, "b c c"]:
    return x.mT @ x


@shape_checked
def twice(x: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    return x.softmax(-1)
"""


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "typed_einsum.cli", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "wrong.py").write_text(WRONG, encoding="utf-8")
    return tmp_path


FINDING = "wrong.py:7:57: TE201 axis `c` is 13 in `x` but 17 in the result (in gram)"
ADVICE = 'wrong.py:12:1: TE711 advice: `x` is "n n": name the two roles of `n`'


def test_text(folder: Path) -> None:
    report = run("check", "wrong.py", cwd=folder)
    finding, advice, ok, summary = report.stdout.splitlines()
    assert finding == FINDING
    assert advice.startswith(ADVICE)
    assert ok == "wrong.py:12: ok twice  (for all sizes)"
    assert summary == "1 ok, 1 finding, 0 skipped, 1 advice"
    assert report.returncode == 1


@pytest.mark.thorough
def test_json(folder: Path) -> None:
    report = run("check", "wrong.py", "missing.py", "--format", "json", cwd=folder)
    data = json.loads(report.stdout)
    assert data["summary"] == "1 ok, 1 finding, 0 skipped, 1 advice, 1 could not run"
    assert [outcome["kind"] for outcome in data["outcomes"]] == ["failed", "finding", "advice", "ok"]
    assert data["outcomes"][1]["message"].startswith("ShapeError[TE201]: ")
    assert (report.returncode, report.stderr) == (2, "")


@pytest.mark.thorough
def test_github(folder: Path) -> None:
    report = run("check", "wrong.py", "--format", "github", cwd=folder)
    error, notice, summary = report.stdout.splitlines()
    assert error == (
        "::error file=wrong.py,line=7,col=57,title=TE201::"
        "axis `c` is 13 in `x` but 17 in the result (in gram)"
    )
    assert notice.startswith("::notice file=wrong.py,line=12,col=1,title=TE711::")
    assert summary == "1 ok, 1 finding, 0 skipped, 1 advice"
    assert report.returncode == 1


def test_what_github_would_misread_is_escaped() -> None:
    outcome = Outcome("finding", "a,b:c%.py", 3, 4, "f", "100%\nsure", "TE201")
    assert as_annotation(outcome) == (
        "::error file=a%2Cb%3Ac%25.py,line=3,col=4,title=TE201::100%25%0Asure (in f)"
    )
    assert as_annotation(Outcome("ok", "a.py")) == ""


@pytest.mark.thorough
def test_sarif(folder: Path) -> None:
    report = run("check", "wrong.py", "missing.py", "--format", "sarif", cwd=folder)
    log = json.loads(report.stdout)
    assert log["version"] == "2.1.0"
    [sarif] = log["runs"]
    rules = sarif["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["TE201", "TE711"]
    assert [(result["ruleId"], result["level"]) for result in sarif["results"]] == [
        ("TE201", "error"),
        ("TE711", "note"),
    ]
    for result in sarif["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        [location] = result["locations"]
        region = location["physicalLocation"]["region"]
        assert region["startLine"] >= 1
        assert region["startColumn"] >= 1
        assert location["physicalLocation"]["artifactLocation"] == {"uri": "wrong.py"}
    assert sarif["invocations"][0]["executionSuccessful"] is False
    assert report.returncode == 2


def test_sarif_of_nothing_is_a_log_too() -> None:
    [sarif] = json.loads(as_sarif([]))["runs"]
    assert sarif["results"] == sarif["tool"]["driver"]["rules"] == []
    assert sarif["invocations"][0]["executionSuccessful"] is True


@pytest.mark.thorough
def test_codes_are_selected_and_ignored(folder: Path) -> None:
    assert "TE201" not in run("check", "wrong.py", "--ignore", "TE2", cwd=folder).stdout
    only = run("check", "wrong.py", "--select", "te7,TE101", cwd=folder)
    assert "TE201" not in only.stdout
    assert "TE711" in only.stdout
    assert only.returncode == 0  # advice does not count


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", ""], "argument PATH: expected a path, got ''"),
        (["annotate", ""], "argument PATH: expected a path, got ''"),
        (["html", "--output", ""], "argument --output: expected a path, got ''"),
        (["check", "x.py", "--select", ""], "argument --select: expected codes such as TE2,TE703, got ''"),
        (["check", "x.py", "--ignore", ","], "argument --ignore: expected codes such as TE2,TE703, got ','"),
        (["check", "x.py", "--static", "--with", "pytest"], "--with: not allowed with argument --static"),
        (["run", ""], "typed-einsum: expected the path of a script, got ''"),
        (["run", "-m", ""], "typed-einsum: expected the name of a module after -m, got ''"),
        (["errors", ""], "there is no code '': `typed-einsum errors` lists them all"),
    ],
)
def test_empty_and_contradicting_arguments_are_refused(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """As where a variable of a shell is not set: an empty path is not this folder."""
    monkeypatch.chdir(tmp_path)
    try:
        status: Any = main(arguments)
    except SystemExit as caught:
        status = caught.code
    assert status == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "hint"),
    [("TE999", "did you mean"), ("XX", "codes begin with TE1 to TE7"), ("", "codes begin with")],
)
def test_codes_that_none_has(given: str, hint: str) -> None:
    with pytest.raises(BadSettings, match=hint):
        prefixes([given])
    with pytest.raises(SystemExit) as caught:
        main(["check", "x.py", "--select", given or " , "]) if given else main(
            ["check", "x.py", "--format", "xml"]
        )
    assert caught.value.code == 2


def settings(folder: Path, table: str) -> Settings:
    (folder / "pyproject.toml").write_text(table, encoding="utf-8")
    return settings_near(folder)


def test_pyproject(tmp_path: Path) -> None:
    table = '[tool.typed-einsum]\nselect = ["TE2"]\nignore = ["TE203"]\ntime-limit = 5\nformat = "json"\n'
    found = settings(tmp_path, table)
    assert found == Settings("json", ("TE2",), ("TE203",), 5.0)
    assert [code for code in ("TE201", "TE203", "TE301") if found.reports(code)] == ["TE201"]
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert settings_near(below) == found
    assert found.overridden({"format": "text", "select": None}).format == "text"


def test_no_pyproject_and_no_table_mean_the_defaults(tmp_path: Path) -> None:
    assert settings(tmp_path, "") == Settings()
    assert settings(tmp_path, "[tool.other]\nx = 1\n") == Settings()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("selct = []", "has no option `selct`: did you mean `select`?"),
        ("colour = 1", "has no option `colour`: there are `format`, `select`, `ignore`, "),
        ('select = "TE2"', "`select` is 'TE2'; write a list of codes"),
        ('ignore = ["TE9"]', "no code begins with 'TE9'"),
        ("time-limit = 0", "`time-limit` is 0; write a number above 0"),
        ("memory-limit = true", "`memory-limit` is True; write a number above 0"),
        ('format = "xml"', "`format` is 'xml'; there are text, json, github, sarif"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(BadSettings) as caught:
        settings(tmp_path, f"[tool.typed-einsum]\n{table}\n")
    assert said in str(caught.value)
    assert "[tool.typed-einsum]" in str(caught.value)


@pytest.mark.parametrize("content", [b"[tool", b"\xff\xfe"])
def test_a_pyproject_that_cannot_be_read_ends_the_run(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pyproject.toml").write_bytes(content)
    report = run("check", "x.py", cwd=tmp_path)
    assert report.returncode == 2
    assert report.stderr.startswith("typed-einsum: ")
    assert "cannot be read" in report.stderr


def test_progress_is_shown_on_a_terminal_alone(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Listing(Settings(), False).progress("1/2 a.py")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    report = Listing(Settings(), False)
    report.progress("1/2 a.py")
    report.progress("")
    assert capsys.readouterr().err == "\r\x1b[2K1/2 a.py\r\x1b[2K"


MISBEHAVING = {
    "binary.py": b"\x00\x01\xff",
    "latin.py": b'x = "caf\xe9"\n',
    "hungry.py": b"held = []\nwhile True:\n    held.append(bytearray(2**28))\n",
    "forks.py": b"import os\nif os.fork() == 0:\n    os._exit(0)\n" + WRONG.encode(),
    "prints.py": b"import sys\nsys.stdout.buffer.write(bytes(range(256)))\n" + WRONG.encode(),
}


@pytest.mark.thorough
def test_files_that_misbehave_are_reported_and_the_run_goes_on(tmp_path: Path) -> None:
    for name, content in MISBEHAVING.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "wrong.py").write_text(WRONG, encoding="utf-8")
    report = run("check", ".", "--memory-limit", "4", "--time-limit", "60", cwd=tmp_path)
    said = report.stdout + report.stderr
    assert "hungry.py: could not run: MemoryError" in said
    assert "binary.py: could not run: " in said
    assert "latin.py: could not run: " in said
    for name in ("forks.py", "prints.py", "wrong.py"):
        assert f"{name}:" in said
        assert any(line.startswith(name) and "TE201" in line for line in said.splitlines())
    assert report.returncode == 2


def test_explain(tmp_path: Path) -> None:
    derived = run("explain", "b q d, b k d -> b q k", "--steps", "notation", cwd=tmp_path)
    assert (derived.returncode, derived.stderr) == (0, "")
    assert "R_{bqk} = Σ_d A_{bqd} B_{bkd}" in derived.stdout
    picture = run("explain", "b q d, b k d -> b q", "--max", "k", "--format", "svg", cwd=tmp_path)
    assert picture.stdout.lstrip().startswith("<svg")
    wrong = run("explain", "b q d, b k d -> b z", cwd=tmp_path)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("EquationError[TE106]: ")


def test_explain_needs_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from typed_einsum.cli import main; main(['explain', 'i j, j k -> i k']); "
        "print('torch' in sys.modules)"
    )
    out = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert out.stdout.splitlines()[-1] == "False"


def test_a_code_without_its_page_is_told_in_short(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(pages, "FOLDERS", ())
    assert main(["errors", "TE201"]) == 0
    assert capsys.readouterr().out == (
        "TE201  one axis, two sizes\n       https://typed-einsum.github.io/typed-einsum/errors/TE201\n"
    )


def test_the_address_of_the_docs_is_the_one_in_the_project_s_metadata() -> None:
    root = Path(__file__).parent.parent
    metadata = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    assert metadata["project"]["urls"]["Documentation"] == pages.SITE
    assert f"site_url: {pages.SITE}\n" in (root / "mkdocs.yml").read_text(encoding="utf-8")
    assert f"url: {pages.SITE}\n" in (root / "CITATION.cff").read_text(encoding="utf-8")
