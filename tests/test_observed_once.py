"""Observed calls are judged once: those below another by its run, and those of earlier runs not again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from typed_einsum.testing.observe import budget, store
from typed_einsum.testing.observe.budget import Budget
from typed_einsum.testing.observe.records import Function

LAYERS = """\
from jaxtyping import Float
from torch import Tensor


def merge(x: Float[Tensor, "b h t d"]) -> Float[Tensor, "b t h*d"]:
    return x.transpose(1, 2).flatten(2)


def scores(q: Float[Tensor, "b h q d"], k: Float[Tensor, "b h k d"]) -> Float[Tensor, "b h q k"]:
    return q @ k.mT


def against_itself(q: Float[Tensor, "b h q d"], k: Float[Tensor, "b h k d"]) -> Float[Tensor, "b h q k"]:
    return scores(q, k)
"""

NET = '''\
from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

import layers


class Attention(nn.Module):
    def __init__(self, width: int = 48, heads: int = 4) -> None:
        super().__init__()
        self.heads, self.project = heads, nn.Linear(width, width)

    def split(self, x: Float[Tensor, "b t c"]) -> Float[Tensor, "b h t d"]:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x: Float[Tensor, "b t c"], y: Float[Tensor, "b s c"]) -> Float[Tensor, "b t c"]:
        q, k = self.split(self.project(x)), self.split(y)
        layers.against_itself(k, k)
        return layers.merge(layers.scores(q, k).softmax(-1) @ k)


class Rows:
    """Has a shape, as jaxtyping asks of an array, and its tensors inside."""

    dtype = torch.float32

    def __init__(self, *tensors: Tensor, scale: float = 1.0) -> None:
        self.tensors, self.scale = tensors, scale

    @property
    def shape(self) -> torch.Size:
        return torch.Size((len(self.tensors), *self.tensors[0].shape))

    def dense(self: Float[Rows, "m n"]) -> Float[Tensor, "m n"]:
        return torch.stack(self.tensors)


def scaled(x: Float[Tensor, "b d"], alpha: float = None) -> Float[Tensor, "b d"]:
    return x if alpha is None else alpha * x
'''

PROGRAM = """\
import atexit
import sys

import torch

import net

net.Attention()(torch.randn(2, 5, 48), torch.randn(2, 7, 48))
net.Rows(torch.ones(3), torch.ones(3), scale=2.0).dense()
net.scaled(torch.ones(2, 3))
atexit.register(lambda: print("typed_einsum.testing.axes.judge" in sys.modules))
"""


def observed(folder: Path) -> tuple[str, dict[str, Function]]:
    """What the observed program prints, and what is known of its functions."""
    done = subprocess.run(
        [sys.executable, "-m", "typed_einsum.cli", "run", "program.py"],
        cwd=folder,
        env={**os.environ},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, {each.name: each for each in store.read(folder / store.FOLDER).functions}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    for name, text in {"layers": LAYERS, "net": NET, "program": PROGRAM}.items():
        (folder / f"{name}.py").write_text(text)
    return folder


@pytest.fixture(scope="module")
def first(project: Path) -> dict[str, Function]:
    printed, functions = observed(project)
    assert printed == "True\n"
    return functions


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Attention.forward", "for all sizes with c == 48"),
        ("Attention.split", "for all sizes with c == 48"),
        ("scores", "for all sizes with h == 4, d == 12"),
        ("merge", "for all sizes with h == 4, d == 12"),
    ],
)
def test_one_run_tells_of_all_calls_below(first: dict[str, Function], name: str, text: str) -> None:
    """Sizes that the outermost call fixes are conditions: a run of its own would have left them open."""
    assert first[name].text == text


def test_where_two_names_have_one_size_a_call_is_run_on_its_own(first: dict[str, Function]) -> None:
    assert first["against_itself"].text == "for all sizes"


def test_a_call_whose_tensors_are_inside_its_object_is_judged(first: dict[str, Function]) -> None:
    assert first["Rows.dense"].extent != "not judged"


def test_a_default_of_none_is_judged_whatever_the_annotation_says(first: dict[str, Function]) -> None:
    assert first["scaled"].text == "for all sizes"


@pytest.mark.thorough
def test_what_an_earlier_run_has_judged_is_not_judged_again(
    project: Path, first: dict[str, Function], tmp_path: Path
) -> None:
    printed, again = observed(project)
    assert printed == "False\n"
    assert {name: each.text for name, each in again.items()} == {n: each.text for n, each in first.items()}


@pytest.mark.thorough
def test_a_change_of_what_a_file_imports_has_it_judged_again(
    project: Path, first: dict[str, Function]
) -> None:
    (project / "layers.py").write_text(LAYERS.replace("flatten(2)", "flatten(2) * 2"))
    printed, again = observed(project)
    assert printed == "True\n"
    assert again["Attention.forward"].text == first["Attention.forward"].text


def test_a_budget_is_a_share_of_what_the_program_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 10.0
    monkeypatch.setattr(budget, "process_time", lambda: now)
    allowed = Budget(share=0.5, grace=2.0)
    assert allowed.left == 7.0
    with allowed.counted():
        now = 13.0
        assert (allowed.spent, allowed.left) == (3.0, 4.0)
        now = 14.0
    assert (allowed.spent, allowed.left) == (4.0, 3.0)
    now = 18.0
    assert (allowed.spent, allowed.left) == (4.0, 5.0)


def test_functions_of_which_nothing_is_known_have_some_seconds_in_any_case(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(budget, "process_time", lambda: 10.0)
    allowed = Budget(share=0.1, grace=0.0, at_first=4.0)
    assert (allowed.left_for(is_new=False), allowed.left_for(is_new=True)) == (1.0, 4.0)
    assert allowed.allows(is_new=True, has_begun=False)
    assert allowed.allows(is_new=False, has_begun=True)
    assert not allowed.allows(is_new=False, has_begun=False)
    monkeypatch.setattr(budget, "process_time", lambda: 100.0)
    assert (allowed.left_for(is_new=False), allowed.left_for(is_new=True)) == (10.0, 40.0)
    allowed.at_first = 0.0
    assert allowed.left_for(is_new=True) == 10.0


def test_judging_functions_of_which_nothing_is_known_takes_less_than_half_of_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it takes itself is no reason to take more."""
    allowed = Budget(share=0.3, grace=0.0, at_first=1.5)
    now = 5.0
    monkeypatch.setattr(budget, "process_time", lambda: now)
    assert allowed.left_for(is_new=True) == 2.0
    with allowed.counted():
        now = 7.0
    assert (allowed.left_for(is_new=True), allowed.spent) == (0.0, 2.0)
