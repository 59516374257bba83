"""One version everywhere, and a changelog that says what is in it."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

import typed_einsum

ROOT = Path(__file__).parent.parent
HEADING = re.compile(r"^## \[(?P<version>[^\]]+)\](?: - (?P<day>\d{4}-\d{2}-\d{2}))?$", re.MULTILINE)
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def faults(changelog: str, version: str) -> list[str]:
    """What is wrong with a changelog for this version of the package."""
    entries = list(HEADING.finditer(changelog))
    found = (
        [] if entries and entries[0]["version"] == "Unreleased" else ["the first entry is not [Unreleased]"]
    )
    released = [entry for entry in entries if entry["version"] != "Unreleased"]
    if released and released[0]["version"] != version:
        found.append(f"the newest entry is {released[0]['version']}, the package is {version}")
    for entry in released:
        try:
            date.fromisoformat(entry["day"] or "")
        except ValueError:
            found.append(f"{entry['version']} has no day")
    numbers = [tuple(map(int, entry["version"].split("."))) for entry in released]
    if numbers != sorted(set(numbers), reverse=True):
        found.append("the versions are not in order")
    found += [
        f"`{kind}` is no kind of change"
        for kind in re.findall(r"^### (.+)$", changelog, re.M)
        if kind not in KINDS
    ]
    links = set(re.findall(r"^\[([^\]]+)\]: http", changelog, re.MULTILINE))
    return found + [f"{entry['version']} has no link" for entry in entries if entry["version"] not in links]


def test_the_changelog_is_that_of_this_version() -> None:
    assert faults((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), typed_einsum.__version__) == []


@pytest.mark.parametrize(
    ("changelog", "fault"),
    [
        ("## [0.1.0] - 2026-01-02\n\n[0.1.0]: http://x", "the first entry is not [Unreleased]"),
        (
            "## [Unreleased]\n## [0.2.0] - 2026-01-02\n\n[Unreleased]: http://x\n[0.2.0]: http://x",
            "newest entry is 0.2.0",
        ),
        ("## [Unreleased]\n## [0.1.0]\n\n[Unreleased]: http://x\n[0.1.0]: http://x", "0.1.0 has no day"),
        ("## [Unreleased]\n### News\n\n[Unreleased]: http://x", "`News` is no kind"),
        ("## [Unreleased]\n", "Unreleased has no link"),
        (
            "## [Unreleased]\n## [0.1.0] - 2026-01-02\n## [0.3.0] - 2026-01-01\n"
            "[Unreleased]: http://x\n[0.1.0]: http://x\n[0.3.0]: http://x",
            "not in order",
        ),
    ],
)
def test_a_fault_of_a_changelog_is_seen(changelog: str, fault: str) -> None:
    assert [found for found in faults(changelog, "0.1.0") if fault in found]


def test_a_citation_names_this_version() -> None:
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    assert cited is not None
    assert cited[1] == typed_einsum.__version__


PACKAGES = "(torch|jaxtyping|beartype|einops)"


def test_the_oldest_versions_are_those_that_are_tried() -> None:
    allowed = dict(re.findall(rf'"{PACKAGES}>=([\d.]+)"', (ROOT / "pyproject.toml").read_text()))
    tried = dict(re.findall(rf"{PACKAGES}==([\d.]+)", (ROOT / ".github/workflows/ci.yml").read_text()))
    page = dict(re.findall(rf"\| {PACKAGES} \| ([\d.]+)", (ROOT / "docs/versions.md").read_text()))
    assert set(allowed) == {"torch", "jaxtyping", "beartype", "einops"}
    assert page == tried
    assert {name: number.split(".") for name, number in allowed.items()} == {
        name: number.split(".")[: len(allowed[name].split("."))] for name, number in tried.items()
    }


UNPINNED = re.compile(r"uses: (?!\S+@[0-9a-f]{40} # v\d+\.\d+\.\d+$).*", re.MULTILINE)


def test_every_action_is_pinned_to_a_commit_and_says_its_version() -> None:
    for workflow in (ROOT / ".github/workflows").glob("*.yml"):
        text = workflow.read_text(encoding="utf-8")
        assert "uses: " in text
        assert UNPINNED.findall(text) == [], workflow.name
    assert UNPINNED.findall("- uses: actions/checkout@v4\n- uses: a/b@main") == [
        "uses: actions/checkout@v4",
        "uses: a/b@main",
    ]


def test_every_part_of_the_continuous_integration_is_run() -> None:
    parts = re.findall(
        r"^(\w+)\(\) \{\n    (?:install|run_readme_command) ", (ROOT / ".ci/run").read_text(), re.M
    )
    assert set(parts) == {"tests", "lint", "types", "docs"}
    ci = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    listed = re.search(r"part: \[(.*)\]", ci)
    assert listed is not None
    assert {*listed[1].split(", "), *re.findall(r"run: \.ci/run (\w+)$", ci, re.M)} == set(parts)
