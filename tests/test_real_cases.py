"""Code as public projects have it, in its smallest form: what the command and pytest say of each function.

To add a case, put a file into `real_cases` and what is expected of its functions into `CASES`. A case of
several files is a folder; it is the working directory, and the path that is checked is named in `CASES`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.outcomes import without_sizes

from typed_einsum.testing.process.outcome import Outcome

HERE = Path(__file__).parent / "real_cases"

CASES = {
    # Functions, and methods other than `forward`, are judged without a decorator.
    "every_function.py": [
        "TE703 a reshape from (b, h, t, d) to (b, t, h*d) mixes `h`, `t` and `d`…",
        "ok Model.split",
    ],
    "every_kind.py": [
        "ok alias",
        "ok only_result",
        "ok cached",
        "ok wrapped",
        "skipped outer.inner: it is defined inside `outer`, and only a call of that makes it",
        "skipped Source.rows: `Source` is a Protocol: its methods have no bodies to run",
        "skipped Base.rows: it is abstract",
        "ok Base.twice",
        "ok Derived.rows",
        "ok Derived.Inner.half",
        "ok Batch.total",
        "ok Batch.turned",
        "ok Module.__init__",
        "skipped Module.unfinished: it has no body to run",
        "ok Module.static",
        "ok Module.of_class",
        "ok Module.weight",
        "ok Module.waits",
        "ok Module.held",
        "skipped replaced: after the import its name stands for something else, or for nothing",
    ],
    # A value that raises whatever it is asked, as one does that imports a library when it is used.
    "lazy_value.py": ["ok twice"],
    # Beartype refuses a Protocol that is not `@runtime_checkable`. The rest of the file is judged.
    "protocol.py": ["skipped merge: nothing says how to make `log`, a `Log`: it is a Protocol…", "ok twice"],
    # The annotation speaks of the generator, not of what `@contextmanager` makes of it.
    "context_manager.py": ["ok background"],
    # The argument is an object of ours, and the function's own check refuses it.
    "own_argument.py": [
        "skipped Matrix.scaled: what was made up for it does not fit: `self` is an `own_argument.Matrix`…"
    ],
    # An assert names the device or the sizes that it takes, and gets them.
    "device_assert.py": ["ok letters"],
    "assert_names_size.py": ["ok Condition.forward", "ok Harmonics.forward"],
    # An assert refuses the values that were made up.
    "values_refused.py": [
        "skipped chains: it refuses what was made up for it: AssertionError in `assert torch.amin(ids) >= 0`",
        "skipped newest: packaging refuses what was made up for it: InvalidVersion: Invalid version: 'v…",
    ],
    # A file, a network or a module that is not there says nothing of shapes.
    "not_about_sizes.py": [
        "skipped perceptual: it raised FileNotFoundError: [Errno 2] No such file…",
        "skipped colored: it raised AttributeError: module 'os' has no attribute…",
    ],
    "star_iterable.py": [
        "skipped hcat: each of `*images` is annotated as an Iterable: annotate what one of…"
    ],
    # Widths and counts are known by their names, whether or not `: int` is written.
    "unannotated_constructor.py": ["ok FeedForward.forward"],
    # Unions, lists, dicts and records of tensors are made, and a tensor without axes beside annotated ones.
    "containers.py": ["ok union", "ok many", "ok named", "ok plain", "ok masked"],
    # A count that is 1 by default is built as another number, or every mistake about it would broadcast.
    "one_head_by_default.py": [
        "TE701 fails at sizes that its annotations allow: `add` of (b, m, h, w) and (1, 1, m, 1)…"
    ],
    # A config with defaults, two ints, an int or two of them, and a union of two tensors.
    "configurations.py": [
        "ok Block.forward",
        "ok Vit.forward",
        "ok Split.forward",
        "ok Time.forward",
    ],
    # Torch has no shape for a lazy parameter before the first call.
    "lazy_parameter.py": ["ok Head.forward"],
    # Sizes are those that a weight has, or products of others. The rearrangement needs `vrs` to be one.
    "ellipsis_of_a_weight.py": ["ok Linear.forward"],
    "product_of_three.py": ["ok unpack"],
    # What `*component` stands for is one axis, not two.
    "any_number_of_axes.py": ["ok capacity", "ok focus"],
    # `frame-1` says that there is a frame.
    "no_size_below_zero.py": ["ok flow", "ok homogeneous"],
    # `Shaped` allows integers, and the embedding asks for them.
    "indices_of_any_dtype.py": ["ok Embed.forward"],
    # As large as a model: shapes are followed, and no numbers are computed. A slow machine may not try all.
    "large_defaults.py": ["ok Encoder.forward…"],
    # Folders without `__init__.py` in a package are packages too.
    "namespace/pkg": ["ok Twice.forward"] * 6,
    # No `__init__.py` anywhere, and relative imports that go up: run as `python -m src.model.net`.
    "relative/src": ["ok twice", "ok Net.forward"],
    # The same with a library that is not installed: that is the reason, not the name that did not fit.
    "relative_missing/src": [
        "ok twice",
        "could not run: ModuleNotFoundError: No module named 'a_library_that_is_not_installed'",
    ],
    # The root of the repository has an `__init__.py`, and imports start from the root all the same.
    "root_init/lens": ["ok Net.forward"],
    # One file needs a library that is not installed. The others are judged.
    "one_bad_import/pkg": [
        "ok twice",
        "could not run: ModuleNotFoundError: No module named 'a_library_that_is_not_installed'",
    ],
}

FILES = [case for case in CASES if case.endswith(".py")]
FOLDERS = [case for case in CASES if not case.endswith(".py")]

Verdicts = list[tuple[str, str]]
"""For each function, named with its file, how its contract ended in pytest."""


def program(module: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", module, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )


def command(folder: Path, *paths: str) -> list[Outcome]:
    """What the command says."""
    run = program("typed_einsum.cli", "check", *paths, "--format", "json", folder=folder)
    assert run.returncode in (0, 1, 2), run.stderr
    return [Outcome(**each) for each in json.loads(run.stdout)["outcomes"]]


def lines(outcomes: list[Outcome]) -> list[str]:
    """The lines of the command, without their places."""
    return [re.sub(r"^\S+?\.py(:\d+)*: ", "", without_sizes(str(outcome))) for outcome in outcomes]


def verdicts(folder: Path, *paths: str) -> Verdicts:
    """What pytest says of each contract."""
    asked = [f"--shape-contracts={path}" for path in paths]
    options = ["-p", "no:cacheprovider", "-v", "--tb=no", f"--rootdir={folder}", "-c", os.devnull]
    run = program("pytest", *options, *asked, "--ignore=.", folder=folder)
    found = re.findall(r"^(\S+)::shape-contract\[(\S+)\] (PASSED|FAILED|SKIPPED)", run.stdout, re.MULTILINE)
    assert found, run.stdout + run.stderr
    return [(f"{file}::{name}", end.lower()) for file, name, end in found]


def agree(said: list[str], expected: list[str]) -> bool:
    """Whether lines are those expected, in any order; an expectation may end early, with `…`."""
    if len(said) != len(expected):
        return False
    return all(any(_agrees(line, wanted) for line in said) for wanted in expected)


def _agrees(line: str, wanted: str) -> bool:
    return line.startswith(wanted[:-1]) if wanted.endswith("…") else line == wanted


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return command(HERE, *FILES)


@pytest.fixture(scope="module")
def contracts() -> Verdicts:
    return verdicts(HERE, *FILES)


@pytest.mark.parametrize("case", FILES)
def test_what_the_command_says_of_a_file(outcomes: list[Outcome], case: str) -> None:
    said = lines([outcome for outcome in outcomes if outcome.file == case])
    assert agree(said, CASES[case]), said


@pytest.mark.parametrize("case", FOLDERS)
@pytest.mark.one_in(5)
def test_what_the_command_says_of_a_folder(case: str) -> None:
    working, path = case.split("/")
    said = lines(command(HERE / working, path))
    assert agree(said, CASES[case]), said


def ends_of(expected: list[str]) -> list[str]:
    """How the contracts end in pytest, of which the command says this."""
    ends = {"ok": "passed", "skipped": "skipped", "could": "skipped"}
    return sorted(ends.get(line.split()[0], "failed") for line in expected)


@pytest.mark.parametrize("case", FILES)
@pytest.mark.thorough
def test_pytest_ends_as_the_command_says_of_a_file(contracts: Verdicts, case: str) -> None:
    ends = [end for name, end in contracts if name.startswith(f"{case}::")]
    assert sorted(ends) == ends_of(CASES[case]), contracts


@pytest.mark.parametrize("case", FOLDERS)
@pytest.mark.thorough
def test_pytest_ends_as_the_command_says_of_a_folder(case: str) -> None:
    working, path = case.split("/")
    assert sorted(end for _, end in verdicts(HERE / working, path)) == ends_of(CASES[case])


@pytest.mark.thorough
def test_the_command_and_pytest_list_the_same_functions(outcomes: list[Outcome], contracts: Verdicts) -> None:
    assert {f"{each.file}::{each.name}" for each in outcomes} == {name for name, _ in contracts}


def test_a_line_that_is_missing_or_differs_is_seen() -> None:
    assert agree(["ok a", "TE703 b c"], ["TE703 b…", "ok a"])
    assert not agree(["ok a"], ["ok a", "ok b"])
    assert not agree(["ok a"], ["ok"])
