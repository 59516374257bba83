"""Every attention einsum has a page, written by the script, and the sizes on it are those of its axes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from typed_einsum import attention, explain
from typed_einsum.derivation.stepping import can_be_stepped

SCRIPTS = Path(__file__).parent.parent / "docs" / "scripts"
sys.path.insert(0, str(SCRIPTS))
import derivations  # noqa: E402
import explorer  # noqa: E402

EQUATIONS = attention.equations()
FENCE = re.compile(r"```einsum\n(.*?)```", re.DOTALL)


def test_the_pages_are_those_of_the_script() -> None:
    written = {file.name: file.read_text(encoding="utf-8") for file in derivations.FOLDER.glob("*.md")}
    assert written == dict(derivations.pages()), "run: python docs/scripts/derivations.py"


def test_the_sidebar_lists_every_page() -> None:
    text = derivations.CONFIGURATION.read_text(encoding="utf-8")
    assert text == derivations.configured(text), "run: python docs/scripts/derivations.py"
    assert all(f": derivations/{derivations.page_name(name)}\n" in text for name in EQUATIONS)


def test_every_page_can_be_stepped_through() -> None:
    assert [name for name, function in EQUATIONS.items() if not can_be_stepped(explain(function))] == []


def test_there_are_enough_of_them() -> None:
    others = {"index.md", "tutorial-scores.md"}
    assert {path.name for path in derivations.FOLDER.glob("*.md")} == others | set(
        map(derivations.page_name, EQUATIONS)
    )
    assert len(EQUATIONS) >= 40


def test_families_and_sizes_cover_all() -> None:
    assert tuple(derivations.TITLES) == attention.FAMILIES
    assert set(derivations.SIZES) == set(attention.AXES)
    assert len(set(derivations.SIZES.values())) == len(derivations.SIZES), "two axes have one size"


@pytest.mark.parametrize("name", EQUATIONS)
def test_a_page_has_all_of_its_einsum(name: str) -> None:
    function = EQUATIONS[name]
    page = (derivations.FOLDER / derivations.page_name(name)).read_text(encoding="utf-8")
    (fence,) = FENCE.findall(page)
    target, sizes, level = fence.splitlines()
    module, _, attribute = target.partition(":")
    assert getattr(sys.modules[module], attribute) is function
    shown = explain(function, derivations.sizes_of(function.equation))
    assert sizes == f"sizes: {derivations.sizes_of(function.equation)}"
    assert level == "level: 2"
    assert all(index.size is not None for index in shown.axes)
    source = " ".join((function.__doc__ or "").split())
    assert derivations.docstring(function)["Source"] in source
    assert derivations.docstring(function)["Summary"] in page


def test_a_changed_page_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derivations, "FOLDER", tmp_path / "derivations")
    configuration = tmp_path / "mkdocs.yml"
    configuration.write_text(f"nav:\n{derivations.BEGIN}\n      - Gone: gone.md\n{derivations.END}\n")
    monkeypatch.setattr(derivations, "CONFIGURATION", configuration)
    derivations.main()
    stale = derivations.FOLDER / "gone.md"
    stale.write_text("an einsum that is no more")
    derivations.main()
    assert not stale.exists()
    assert "Gone" not in configuration.read_text()
    (derivations.FOLDER / "index.md").write_text("other")
    with pytest.raises(AssertionError):
        test_the_pages_are_those_of_the_script()


def test_the_core_of_the_explorer_derives_by_itself(tmp_path: Path) -> None:
    """In the browser there is neither torch nor the rest of the library."""
    explorer.pack_core(tmp_path / "core.zip")
    program = """
import importlib.abc
import sys


class OnlyPython(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "jaxtyping", "beartype", "einops", "numpy"}:
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, OnlyPython())
sys.path.insert(0, sys.argv[1])
from typed_einsum.derivation import explain

print(len(explain("b q d, b k d -> b q", {"b": 2}, max="k").to_html()))
"""
    line = [sys.executable, "-I", "-c", program, str(tmp_path / "core.zip")]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 1000
