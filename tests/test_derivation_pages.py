"""Every attention einsum has a page, written by the script, and the sizes on it are those of its axes."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from typed_einsum import attention, explain

SCRIPTS = Path(__file__).parent.parent / "docs" / "scripts"
sys.path.insert(0, str(SCRIPTS))
import derivations  # noqa: E402

EQUATIONS = attention.equations()
FENCE = re.compile(r"```einsum\n(.*?)```", re.DOTALL)


def test_the_pages_are_those_of_the_script() -> None:
    written = {file.name: file.read_text(encoding="utf-8") for file in derivations.FOLDER.glob("*.md")}
    assert written == dict(derivations.pages()), "run: python docs/scripts/derivations.py"


def test_there_are_enough_of_them() -> None:
    assert len(list(derivations.FOLDER.glob("*.md"))) == len(EQUATIONS) + 1
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
    derivations.main()
    stale = derivations.FOLDER / "gone.md"
    stale.write_text("an einsum that is no more")
    derivations.main()
    assert not stale.exists()
    (derivations.FOLDER / "index.md").write_text("other")
    with pytest.raises(AssertionError):
        test_the_pages_are_those_of_the_script()
