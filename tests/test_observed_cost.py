"""What observing does only once: the code of files that have not changed is not rewritten again."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, SimpleNamespace
from typing import Any

import pytest

from typed_einsum.testing.observe import keeping, rewriting
from typed_einsum.testing.observe.garbage import CollectedOnce
from typed_einsum.testing.observe.rewriting import Rewriting
from typed_einsum.testing.observe.sources import sources
from typed_einsum.testing.pytest.observation import ShapesObserved

SOURCE = "def double(x):\n    return 2 * x\n\n\ndef names(x):\n    return locals()\n"

Compiled = Callable[[str], tuple[CodeType, list[str]]]


class Silent:
    """Is interested in no call."""

    def begun(self, code: object, frame: object) -> None:
        return None


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compiled:
    """Rewrites a source as a run of its own does, and says which functions it left alone."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)

    def run(source: str) -> tuple[CodeType, list[str]]:
        left: list[str] = []
        hook = Rewriting(sources([], tmp_path), Silent(), lambda file, line, name, why: left.append(name))
        return hook.compiled(source, str(tmp_path / "made.py"), keeps=True), left

    return run


def refuse(*given: Any) -> Any:
    raise AssertionError("expected that nothing is rewritten")


def test_an_unchanged_file_is_not_rewritten_again(
    compiled: Compiled, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = compiled(SOURCE)
    (kept,) = (tmp_path / "__pycache__").iterdir()
    assert keeping.KIND in kept.name, "Python must not take it for its own"
    monkeypatch.setattr(rewriting, "_rewritten", refuse)
    assert compiled(SOURCE) == first == (first[0], ["names"]), "what is left alone is told again"


def test_a_changed_file_is_rewritten(compiled: Compiled) -> None:
    first, _ = compiled(SOURCE)
    second, left = compiled(SOURCE.replace("locals()", "x"))
    assert first != second
    assert left == []


def test_another_way_of_rewriting_is_used_at_once(
    compiled: Compiled, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled(SOURCE)
    monkeypatch.setattr(keeping, "_way", lambda: b"new")
    monkeypatch.setattr(rewriting, "_rewritten", refuse)
    with pytest.raises(AssertionError):
        compiled(SOURCE)


@pytest.mark.parametrize("rest", [b"", b"\xff", b"i\x01\x00\x00\x00"])
def test_a_damaged_file_is_as_good_as_none(compiled: Compiled, tmp_path: Path, rest: bytes) -> None:
    first = compiled(SOURCE)
    (kept,) = (tmp_path / "__pycache__").iterdir()
    head = len(keeping._head(str(tmp_path / "made.py"), SOURCE.encode()))
    kept.write_bytes(kept.read_bytes()[:head] + rest)
    assert compiled(SOURCE) == first


def test_python_that_writes_no_bytecode_keeps_nothing(
    compiled: Compiled, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    compiled(SOURCE)
    assert not (tmp_path / "__pycache__").exists()


def test_functions_of_one_file_have_numbers_of_their_own(tmp_path: Path) -> None:
    one, other = (rewriting._first_number(SOURCE.encode(), str(tmp_path / name)) for name in ("a.py", "b.py"))
    assert abs(one - other) >= 2**20


@pytest.mark.parametrize(("observer", "count"), [(None, 0), (object(), 1)])
def test_garbage_is_collected_once_at_the_end_of_tests_that_were_observed(
    monkeypatch: pytest.MonkeyPatch, observer: object, count: int
) -> None:
    done: list[str] = []
    monkeypatch.setattr(CollectedOnce, "now", lambda self: done.append("now"))
    session: Any = SimpleNamespace(config=SimpleNamespace(option=SimpleNamespace(collectonly=False)))
    observed: Any = SimpleNamespace(observer=observer, end=lambda: None)
    ShapesObserved(observed, "contract").pytest_sessionfinish(session)
    assert done == ["now"] * count


ASKS = """
import gc
import pytest

@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    print("frozen:", gc.get_freeze_count() > 0)
    config.add_cleanup(lambda: print("still frozen:", gc.get_freeze_count() > 0))
"""


def test_pytest_looks_for_garbage_among_nothing_once_tests_have_ended(pytester: pytest.Pytester) -> None:
    """What it looks through at its end would take as long as ours."""
    pytester.makeconftest(ASKS)
    pytester.makepyfile(ops="import torch\n\ndef add(x):\n    return x + 1\n")
    pytester.makepyfile("import torch\nfrom ops import add\n\ndef test_add():\n    add(torch.ones(3))\n")
    done = pytester.runpytest_subprocess("--shapes", "-s")
    done.stdout.fnmatch_lines(["frozen: True", "still frozen: True"])
