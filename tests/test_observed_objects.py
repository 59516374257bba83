"""Objects of observed calls: the calls run again on them as they were, whatever the program does to them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SHELF = """\
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn


class Shelf:
    def __init__(self, room: int) -> None:
        self.room, self.rows = room, torch.zeros(9, 5)

    def put(self, row: Float[Tensor, "d"]) -> Float[Tensor, "rows d"]:
        assert self.room > 0, "no room"
        self.room -= 1
        self.rows[self.room] = row
        return self.rows


class Steps(torch.optim.SGD):
    def __init__(self, weights: list[Tensor], scale: float) -> None:
        super().__init__(weights, lr=0.1)
        self.scale = scale

    def scaled(self, x: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
        return x * self.scale


class Table(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(7, 5))

    def set(self, rows: Int64[Tensor, "k"], to: Float[Tensor, "k d"]) -> Float[Tensor, "n d"]:
        if rows.numel() > 0:
            with torch.no_grad():
                self.weight[rows] = to
        return self.weight

    def parts(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        return x if "weight" in dir(self) else 2 * x
"""

CALLS = """\
import pytest
import torch
from shelf import Shelf, Steps, Table


def test_one():
    Shelf(1).put(torch.ones(5))


def test_full():
    with pytest.raises(AssertionError):
        Shelf(0).put(torch.ones(5))


def test_another():
    Shelf(1).put(torch.ones(5))
    Shelf(1).put(torch.ones(5))


def test_steps():
    Steps([torch.ones(3, requires_grad=True)], 2.0).scaled(torch.ones(4))


def test_table():
    table = Table()
    table.set(torch.zeros(0, dtype=torch.long), torch.zeros(0, 5))
    table.parts(torch.zeros(7, 5))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is said of each function after the tests have run, without the place."""
    folder = tmp_path_factory.mktemp("shelves")
    (folder / "shelf.py").write_text(SHELF)
    (folder / "test_shelf.py").write_text(CALLS)
    run(folder, "pytest", "-q", "--shapes=shelf", "-p", "no:cacheprovider")
    lines = run(folder, "typed_einsum.cli", "report").splitlines()
    functions = (line.split(None, 2) for line in lines if line.startswith(" "))
    return {name: text for _, name, text in functions}


def run(folder: Path, *command: str) -> str:
    done = subprocess.run([sys.executable, "-m", *command], cwd=folder, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_objects_are_as_they_were_before_the_call(said: dict[str, str]) -> None:
    """The first call leaves no room on its shelf, so a later one is run again on a copy of its object."""
    assert said["Shelf.put"] == "for all sizes with d == 5"


def test_an_object_keeps_what_its_class_does_not_pickle(said: dict[str, str]) -> None:
    assert said["Steps.scaled"] == "for all sizes"


def test_a_tensor_without_entries_is_judged_by_its_shape(said: dict[str, str]) -> None:
    assert said["Table.set"].startswith("at k=11 d=5 n=7")


def test_a_function_may_ask_an_object_for_its_attributes(said: dict[str, str]) -> None:
    assert said["Table.parts"].startswith("for all sizes")
