"""Modules that another import hook loads are observed, and are checked by it as they are alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from typed_einsum.testing.observe import store
from typed_einsum.testing.observe.hooks import First

MODEL = """\
from jaxtyping import Float
from torch import Tensor, nn


def merge(x: Float[Tensor, "b h t d"]) -> Float[Tensor, "b t e"]:
    return x.transpose(1, 2).flatten(2)


class Twice(nn.Module):
    def forward(self, x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        return 2 * x
"""

TESTS = """\
import pytest
import torch
from shop.model import Twice, merge


def test_it():
    assert merge(torch.ones(2, 3, 5, 4)).shape == (2, 5, 12)
    assert Twice()(torch.ones(2, 3)).sum() == 12


def test_a_wrong_call_is_refused():
    with pytest.raises(Exception, match="(?i)violates|type-check|expected"):
        merge(torch.ones(2, 3, 5))
"""

BY_JAXTYPING = """\
from jaxtyping import install_import_hook

with install_import_hook("shop", "beartype.beartype"):
    from shop.model import Twice, merge
"""

BY_BEARTYPE = """\
from beartype.claw import beartype_this_package

beartype_this_package()
"""

HOOKS = {
    "jaxtyping's option": ("", ["--jaxtyping-packages=shop,beartype.beartype"]),
    "jaxtyping's hook": (BY_JAXTYPING, []),
    "beartype's hook": (BY_BEARTYPE, []),
    "--shape-check": ("", ["--shape-check=shop"]),
}


def run_tests(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_module_that_another_hook_loads_is_observed(tmp_path: Path, hook: str) -> None:
    package, options = HOOKS[hook]
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text(package)
    (tmp_path / "shop" / "model.py").write_text(MODEL)
    (tmp_path / "test_model.py").write_text(TESTS)
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    # The hook keeps bytecode in the run between, which is not ours and is not taken for ours.
    for observed in ("--shapes=shop", "", "--shapes=shop"):
        done = run_tests(tmp_path, *options, *filter(None, [observed]))
        assert done.returncode == 0, done.stdout + done.stderr
    functions = store.read(tmp_path / store.FOLDER).functions
    names = {each.name: [pattern.extent for pattern in each.patterns] for each in functions if each.observed}
    assert names == {"merge": ["all sizes"], "Twice.forward": ["all sizes"]}


def test_the_first_finder_stays_first() -> None:
    finders = First(["ours", "python"])
    finders.insert(0, "later")
    finders.insert(1, "latest")
    finders.append("last")
    assert finders == ["ours", "latest", "later", "python", "last"]
