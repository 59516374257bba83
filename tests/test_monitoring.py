"""On Python 3.12 and later, functions are reported by events of the interpreter."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import pytest

from typed_einsum.testing.observe.monitoring import FREE_TOOLS, Monitoring
from typed_einsum.testing.observe.probes import OFF, Answer
from typed_einsum.testing.observe.sources import Sources

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="there is no sys.monitoring")

CODE = """\
def inner(n):
    return n + 1

def outer(n):
    return inner(n) * 2

def fails(n):
    raise ValueError(n)

def caught(n):
    try:
        fails(n)
    except ValueError:
        return inner(n)

def down(n):
    return n if n == 0 else down(n - 1)

def counted(n):
    yield from range(n)

async def waited(n):
    return inner(n)
"""


class Told:
    """What a listener is told: `begun` and `ended` are names of functions, with what they return."""

    def __init__(self) -> None:
        self.begun_of: list[str] = []
        self.ended_of: list[tuple[str, object]] = []
        self.off: set[str] = set()
        self.on_end: Callable[[], object] = lambda: None

    def begun(self, code: CodeType, frame: FrameType) -> Answer:
        assert frame.f_code is code
        is_off = code.co_name in self.off
        self.begun_of.append(code.co_name)
        return OFF if is_off else _Call(self, code.co_name)


class _Call:
    def __init__(self, told: Told, name: str) -> None:
        self.told, self.name = told, name

    def returned(self, value: Any) -> Any:
        self.told.ended_of.append((self.name, value))
        self.told.on_end()
        return value


class Project:
    """A module whose functions are reported to `told`."""

    def __init__(self, module: ModuleType, told: Told, probe: Monitoring) -> None:
        self.module, self.told, self.probe = module, told, probe


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    file = tmp_path / "project.py"
    file.write_text(CODE)
    module = ModuleType("project")
    exec(compile(CODE, str(file), "exec"), vars(module))
    told = Told()
    probe = Monitoring(Sources(tmp_path, (tmp_path,)), told)
    probe.install()
    yield Project(module, told, probe)
    probe.remove()


def test_each_call_is_told_once_from_the_first_on(project: Project) -> None:
    assert [project.module.outer(1), project.module.outer(2)] == [4, 6]
    assert project.told.begun_of == ["outer", "inner", "outer", "inner"]
    assert project.told.ended_of == [("inner", 2), ("outer", 4), ("inner", 3), ("outer", 6)]


def test_what_is_run_at_the_end_of_a_call_is_told(project: Project) -> None:
    """A judgement runs a call again, and tells of those below by what it sees of them."""
    told = project.told

    def judge() -> None:
        told.on_end = lambda: None
        project.module.outer(5)

    told.on_end = judge
    project.module.inner(1)
    assert told.begun_of == ["inner", "outer", "inner"]
    assert told.ended_of == [("inner", 2), ("inner", 6), ("outer", 12)]


def test_a_function_that_is_off_is_told_again_only_when_set_anew(project: Project) -> None:
    project.module.outer(1)
    project.told.off = {"inner"}
    project.module.outer(1)
    project.module.outer(1)
    assert project.told.begun_of == ["outer", "inner", "outer", "inner", "outer"]
    project.told.off = set()
    project.probe.set_anew()
    project.module.outer(1)
    assert project.told.begun_of[5:] == ["outer", "inner"]
    assert project.told.ended_of[-2:] == [("inner", 2), ("outer", 4)]


def test_what_was_never_of_interest_is_not_told_when_set_anew(project: Project) -> None:
    """To set anew is done for each test. All code that runs was reported again, torch's and pytest's, too."""
    foreign = {"f": compile("def f(): pass", __file__, "exec")}
    exec(foreign["f"], foreign)
    asked: list[str] = []
    holds = Sources.holds

    def counted(self: Sources, code: CodeType) -> bool:
        asked.append(code.co_name)
        return holds(self, code)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sources, "holds", counted)
        for _ in range(3):
            foreign["f"]()  # type: ignore[operator]
            project.probe.set_anew()
    assert asked.count("f") == 1


def test_a_call_that_has_begun_ends_although_its_function_is_off_meanwhile(project: Project) -> None:
    told = project.told
    begun = told.begun

    def once(code: CodeType, frame: FrameType) -> Answer:
        answer = begun(code, frame)
        told.off.add(code.co_name)
        return answer

    told.begun = once  # type: ignore[method-assign]
    project.module.down(3)
    assert told.begun_of == ["down", "down"]
    assert told.ended_of == [("down", 0)]


def test_a_call_that_raises_does_not_end_another(project: Project) -> None:
    assert project.module.caught(1) == 2
    assert project.told.ended_of == [("inner", 2), ("caught", 2)]


def test_a_generator_begins_and_a_coroutine_returns(project: Project) -> None:
    assert [*project.module.counted(2)] == [0, 1]
    waited = project.module.waited(1)
    with pytest.raises(StopIteration):
        waited.send(None)
    assert project.told.begun_of == ["counted", "waited", "inner"]
    assert project.told.ended_of == [("inner", 2), ("waited", 2)]


def test_calls_of_two_threads_are_kept_apart(project: Project) -> None:
    thread = threading.Thread(target=project.module.outer, args=(7,))
    project.told.on_end = lambda: (
        setattr(project.told, "on_end", lambda: None),
        thread.start(),
        thread.join(),
    )
    project.module.outer(1)
    assert project.told.ended_of == [("inner", 2), ("inner", 8), ("outer", 16), ("outer", 4)]


def test_nothing_is_told_once_removed(project: Project) -> None:
    project.module.outer(1)
    project.probe.remove()
    project.module.outer(1)
    project.probe.set_anew()
    assert project.told.begun_of == ["outer", "inner"]
    assert not any(sys.monitoring.get_tool(tool) for tool in FREE_TOOLS)  # type: ignore[attr-defined, unused-ignore]


def test_where_other_tools_leave_one_number_it_is_told(project: Project) -> None:
    with pytest.raises(RuntimeError, match="fewer than two numbers"):
        Monitoring(Sources(Path(), ()), project.told).install()
