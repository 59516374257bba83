"""A program that dies of a shape under `typed-einsum run` ends with the named shapes of its tensors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from typed_einsum.testing.listing.crash import is_of_shapes, told

PROGRAM = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width, classes):
        super().__init__()
        self.linear = nn.Linear(width, classes)

    def forward(self, x):
        b, t, d = x.shape
        y = self.linear(x)  # (B, T, classes)
        return merge(y, x)


def merge(logits, weights):
    b, t, v = logits.shape
    flat = logits.reshape(b * t, v)
    return flat + weights


if __name__ == "__main__":
    Net(5, 11)(torch.randn(2, 7, 5))
"""

TOLD = """\
  model.py:13 in Net.forward
    x  (b, t, d)        f32[2, 7, 5]
    y  (b, t, classes)  f32[2, 7, 11]
  model.py:19 in merge
    weights  (b, t, d)  f32[2, 7, 5]
    flat     (b*t, v)   f32[14, 11]
    logits   (b, t, v)  f32[2, 7, 11]"""


def test_the_tensors_of_each_function_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(PROGRAM)
    names: dict[str, object] = {"__name__": "model"}
    exec(compile(PROGRAM, str(tmp_path / "model.py"), "exec"), names)
    net, expected = names["Net"], TOLD
    with pytest.raises(RuntimeError, match="must match the size") as raised:
        net(5, 11)(torch.randn(2, 7, 5))  # type: ignore[operator]
    assert is_of_shapes(raised.value)
    lines = told(raised.value.__traceback__, lambda file: file.endswith("model.py"))
    assert "\n".join(lines) == expected


NAMED_OTHERWISE = """\
import torch


class Net:
    def __init__(this, width):
        this.width = width

    def forward(this, x):
        z = x.new_zeros(x.shape[0], this.width)
        return z + x

    def nested(this, x):
        def added(y):
            z = y.new_zeros(y.shape[0], this.width)
            return z + y
        return added(x)

    @staticmethod
    def merged(x, y):
        return x + y
"""


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("forward", ["z  (7, width)  f32[7, 11]"]),
        ("nested", ["y  (7, 5)      f32[7, 5]", "z  (7, width)  f32[7, 11]"]),
        ("merged", ["x  (7, 5)  f32[7, 5]", "y  (3, 2)  f32[3, 2]"]),
    ],
)
def test_an_object_may_have_any_name(method: str, expected: list[str], tmp_path: Path) -> None:
    """What a method reads from its object names sizes, whether the object is called `self` or not."""
    (tmp_path / "model.py").write_text(NAMED_OTHERWISE)
    names: dict[str, Any] = {"__name__": "model"}
    exec(compile(NAMED_OTHERWISE, str(tmp_path / "model.py"), "exec"), names)
    arguments = [torch.randn(7, 5), torch.randn(3, 2)][: 2 if method == "merged" else 1]
    with pytest.raises(RuntimeError, match="must match the size") as raised:
        getattr(names["Net"](11), method)(*arguments)
    lines = told(raised.value.__traceback__, lambda file: file.endswith("model.py"))
    found = {line.strip() for line in lines}
    assert found.issuperset(expected), lines


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied (6x5 and 7x4)"), True),
        (IndexError("Dimension out of range (expected to be in range of [-2, 1], but got 2)"), True),
        (ValueError("not enough values to unpack (expected 3, got 2)"), True),
        (KeyError("weights"), False),
        (SystemExit("shapes"), False),
    ],
)
def test_other_errors_are_none_of_shapes(error: BaseException, is_one: bool) -> None:
    assert is_of_shapes(error) == is_one


@pytest.mark.thorough
def test_the_command_tells_them_below_the_traceback(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "typed_einsum.cli", "run", "model.py"],
        cwd=tmp_path,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    begin = "\n\ntyped-einsum: tensors of the functions above, the last call last\n"
    assert f"at non-singleton dimension 2{begin}{TOLD}\n" in done.stderr
