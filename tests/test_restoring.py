"""A judged call leaves the objects, containers, closures and globals of the program as they were."""

from __future__ import annotations

import subprocess
import sys
from collections import OrderedDict, defaultdict, deque
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from typed_einsum.testing.observe.restoring import restored, used_up

LIBRARY = """\
from collections import defaultdict
from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor

SEEN = []


@dataclass
class State:
    last: object = None
    log: list = field(default_factory=list)


def step(state, x: Float[Tensor, "t d"]) -> Float[Tensor, "t d"]:
    state.last = 2 * x
    state.log.append(3 * x)
    return x + 1


def bare(groups, x):
    groups["all"].append(2 * x)
    SEEN.append(x)
    return 3 * x


def drawn(numbers, x: Float[Tensor, "t d"]) -> Float[Tensor, "t d"]:
    return next(numbers) * x
"""

PROGRAM = """\
import torch
from library import SEEN, State, bare, defaultdict, drawn, step

state, groups, numbers = State(), defaultdict(list), iter(range(9))
for _ in range(3):
    x = torch.ones(2, 3)
    step(state, x), bare(groups, x), drawn(numbers, x)
kinds = {type(each).__name__ for each in (state.last, *state.log, *groups["all"], *SEEN)}
print(kinds, len(state.log), len(groups["all"]), len(SEEN), next(numbers))
"""


def test_a_program_finds_its_objects_as_its_own_calls_have_left_them(tmp_path: Path) -> None:
    (tmp_path / "library.py").write_text(LIBRARY, encoding="utf-8")
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    command = [sys.executable, "-m", "typed_einsum.cli", "run", "program.py"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=True)
    assert ran.stdout == "{'Tensor'} 3 3 3 3\n"
    assert "1 judged for all sizes" in ran.stderr
    report = [*command[:3], "report"]
    told = subprocess.run(report, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert "`numbers` is an iterator, which another run would use up" in told.stdout


@dataclass
class Record:
    tensor: Tensor = field(default_factory=lambda: torch.zeros(2))
    names: set[str] = field(default_factory=set)


class Slots:
    __slots__ = ("last", "never")

    def __init__(self) -> None:
        self.last: Any = None


def counted(box: list[int]) -> Any:
    count = 0

    def add(x: Any) -> None:
        nonlocal count
        count += 1
        box.append(count)

    return add


def changed(value: Any) -> None:
    """Change a value in every way that a call may."""
    match value:
        case dict():
            value.clear()
            value["new"] = 1
        case list() | deque():
            value.append(1)
        case set():
            value.add("new")
        case Tensor():
            value += 1
            value.grad = torch.ones(2) if value.requires_grad else None
        case Record():
            value.tensor.add_(1)
            value.tensor = torch.ones(5)
            value.names.add("new")
        case Slots():
            value.last = 1
        case nn.Linear():
            with torch.no_grad():
                value.weight.zero_()
            value.register_buffer("more", torch.ones(1))
        case _:
            value(1)


def described(value: Any) -> Any:
    if isinstance(value, nn.Module):
        return sorted((name, each.tolist()) for name, each in value.state_dict().items())
    if isinstance(value, Slots):
        return value.last, hasattr(value, "never")
    if isinstance(value, partial):
        return described(value.func)
    if callable(value):
        return [repr(cell.cell_contents) for cell in value.__closure__ or ()]
    return repr(value)


@pytest.mark.parametrize(
    "value",
    [
        OrderedDict(b=1, a=2),
        defaultdict(list, a=[1]),
        deque([1, 2], maxlen=2),
        {"one"},
        Record(),
        Slots(),
        nn.Linear(2, 2),
        counted([]),
        partial(counted([])),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_call_changes_is_put_back(value: Any) -> None:
    before = described(value)
    with restored(test_what_a_call_changes_is_put_back, {"x": torch.zeros(1), "value": value}):
        changed(value)
        assert described(value) != before
    assert described(value) == before


def test_a_tensor_that_is_put_back_can_still_be_differentiated() -> None:
    record = Record(torch.ones(2, requires_grad=True) * 1)
    squares = record.tensor**2
    with restored(described, {"x": 1, "value": record}), torch.no_grad():
        record.tensor.add_(1)
    squares.sum().backward()
    assert record.tensor.tolist() == [1.0, 1.0]


def test_containers_that_are_copies_are_left_alone() -> None:
    copy = [torch.zeros(1)]
    with restored(described, {"copy": copy}):
        copy.append(torch.ones(1))
    assert len(copy) == 2


def test_iterators_are_told_from_what_can_be_gone_through_again() -> None:
    assert used_up({"x": torch.zeros(2), "rows": [1], "lines": iter([1])}) == "lines"
    assert used_up({"x": torch.zeros(2), "rows": range(3)}) is None
