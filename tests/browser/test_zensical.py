"""The same configuration under Zensical: it builds, and derives the same."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = ("docs", "src", "mkdocs.yml", "CHANGELOG.md")
EXCLUDED = ' data-search-exclude=""'
"""A mark for the search, which Zensical takes out when it has read it."""


@pytest.fixture(scope="module")
def under_zensical(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if find_spec("zensical") is None:
        pytest.skip("zensical is not installed: pip install --group docs")
    folder = tmp_path_factory.mktemp("zensical")
    for name in NEEDED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return folder / "site"


def derivations(site: Path) -> dict[str, list[str]]:
    """What each page derives, by its path."""
    return {
        path.relative_to(site).as_posix(): re.findall(
            r'<section class="einsum-derivation">.*?</section>',
            path.read_text(encoding="utf-8").replace(EXCLUDED, ""),
            re.DOTALL,
        )
        for path in sorted(site.rglob("index.html"))
    }


def test_both_builders_derive_the_same(site, under_zensical):
    ours, theirs = derivations(site), derivations(under_zensical)
    assert sum(map(len, ours.values())) > 70
    assert {page: made for page, made in ours.items() if theirs.get(page) != made} == {}
    assert set(ours) == set(theirs)


def test_a_missing_derivation_is_seen(site, tmp_path):
    page = "flagship/index.html"
    (tmp_path / "flagship").mkdir()
    text = (site / page).read_text(encoding="utf-8")
    (tmp_path / page).write_text(text.replace('class="einsum-derivation"', 'class="other"'), encoding="utf-8")
    assert derivations(tmp_path)[page] == []
    assert derivations(site)[page] != []
