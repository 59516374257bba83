"""Versions of the site side by side: mike puts each in a folder, and every page can lead to the others."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIGURATION = "mkdocs.versions.yml"
PAGES = ("index.md", "versions.md")
"""Two pages are enough to see where a version lies; `test_site.py` builds them all."""


def git(folder: Path, *command: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    run = subprocess.run(
        ["git", *identity, *command], cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    return run.stdout


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose branch gh-pages has two versions, made as the workflow makes them."""
    if find_spec("mike") is None or shutil.which("git") is None:
        pytest.skip("mike is not installed: pip install --group docs")
    folder = tmp_path_factory.mktemp("repository")
    (folder / "docs").mkdir()
    for name in PAGES:
        (folder / "docs" / name).write_text(f"# {name}\n", encoding="utf-8")
    shutil.copytree(ROOT / "docs" / ".theme", folder / "docs" / ".theme")
    shutil.copy(ROOT / CONFIGURATION, folder)
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    small = re.sub(
        r"^nav:\n(?:[ #].*\n|\n)+", "nav:\n  - index.md\n  - versions.md\n\n", settings, flags=re.M
    )
    (folder / "mkdocs.yml").write_text(small, encoding="utf-8")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "config", "user.name", "a")
    git(folder, "config", "user.email", "a@example.org")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "pages")
    for command in (
        ["deploy", "0.1"],
        ["deploy", "--update-aliases", "0.2", "latest"],
        ["set-default", "latest"],
    ):
        program = [
            sys.executable,
            "-c",
            "from mike.driver import main; main()",
            command[0],
            "-F",
            CONFIGURATION,
        ]
        run = subprocess.run(
            [*program, *command[1:]],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        )
        assert run.returncode == 0, run.stdout + run.stderr
    return folder


def shown(folder: Path, path: str) -> str:
    return git(folder, "show", f"gh-pages:{path}")


def test_each_version_has_a_folder_and_the_newest_a_name(published: Path) -> None:
    versions = json.loads(shown(published, "versions.json"))
    assert [(each["version"], each["aliases"]) for each in versions] == [("0.2", ["latest"]), ("0.1", [])]
    assert "latest" in shown(published, "index.html"), "the address without a version leads to the newest"
    assert "versions.md" in shown(published, "0.1/versions/index.html")


def test_a_page_asks_for_the_other_versions(published: Path) -> None:
    (settings,) = re.findall(
        r'<script id="__config" type="application/json">(.*?)</script>', shown(published, "0.2/index.html")
    )
    assert json.loads(settings)["version"] == {"provider": "mike", "alias": True, "default": "latest"}


def test_the_workflow_publishes_with_this_configuration() -> None:
    workflow = (ROOT / ".github" / "workflows" / "docs.yml").read_text(encoding="utf-8")
    commands = re.findall(r"mike (?:deploy|set-default) .*", workflow)
    assert len(commands) == 3
    assert [command for command in commands if f"-F {CONFIGURATION} --push" not in command] == []
    assert "\nINHERIT: mkdocs.yml\n" in (ROOT / CONFIGURATION).read_text(encoding="utf-8")
