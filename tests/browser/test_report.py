"""The pages of `typed-einsum html` in a real browser."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from browser.test_site import OVERFLOW, SCHEMES, WIDTHS, opened, watch

NAME = "detectors_that_are_guided_by_texts_and_by_boxes"
"""A name wider than a phone in the title of its page."""
MODEL = """
import torch
from jaxtyping import Float
from torch import Tensor


def scores(query, key):
    b, q, d = query.shape
    return torch.einsum("bqd,bkd->bqk", query, key) * d**-0.5  # a comment long enough to be wrapped <b>


def heads(x: Float[Tensor, "b t d"], count: int) -> Float[Tensor, "b h t c"]:
    b, t, d = x.shape
    return x.reshape(b, count, t, d // count)
"""
CALLS = f"import torch, {NAME} as model\nmodel.scores(torch.randn(2, 3, 8), torch.randn(2, 5, 8))\n"
CALLS += "model.heads(torch.randn(2, 6, 8), 4)\n"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the pages of a small project, with a finding and an einsum."""
    folder = tmp_path_factory.mktemp("project")
    (folder / f"{NAME}.py").write_text(MODEL)
    (folder / "calls.py").write_text(CALLS)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    for command in (["run", "calls.py"], ["html"]):
        called = [sys.executable, "-c", "import sys; from typed_einsum.cli import main; sys.exit(main())"]
        run = subprocess.run(
            [*called, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stdout + run.stderr
    return f"{(folder / '.typed-einsum' / 'html').as_uri()}/"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["index.html", f"{NAME}.py.html"])
def test_a_page_fits_and_asks_for_nothing(browser: Any, pages: str, name: str, width: int) -> None:
    for scheme in SCHEMES:
        with opened(browser, width, scheme) as page:
            faults = watch(page, pages)
            page.goto(pages + name)
            assert page.evaluate(OVERFLOW) <= 0
            assert faults == []


def boxes(page: Any, selector: str) -> list[dict[str, float]]:
    return [each.bounding_box() for each in page.query_selector_all(selector)]


def test_notes_lie_in_one_column_beside_the_source(browser: Any, pages: str) -> None:
    with opened(browser) as page:
        page.goto(f"{pages}{NAME}.py.html")
        code, notes = (boxes(page, f".einsum-shapes-line {each}") for each in ("code", ".notes"))
        assert len({box["x"] for box in notes}) == 1
        assert all(left["x"] + left["width"] <= right["x"] for left, right in zip(code, notes, strict=True))


def test_a_finding_a_derivation_and_a_search(browser: Any, pages: str) -> None:
    with opened(browser) as page:
        page.goto(f"{pages}index.html")
        assert page.query_selector_all("tr[data-axes]")[0].inner_text().startswith("heads"), "the worst first"
        page.fill("#axis", "k")
        shown = [row.inner_text() for row in page.query_selector_all("tr[data-axes]") if row.is_visible()]
        assert [text.split()[0] for text in shown] == ["scores"]
        page.click("text=scores")
        assert page.url.endswith(f"{NAME}.py.html#L7")
        assert "TE703" in page.inner_text(".failure")
        page.click("text=derivation of")
        assert page.is_visible("section.einsum-derivation")
        assert "<b>" in page.inner_text("#L9 code"), "source is text"


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", ["index.html", f"{NAME}.py.html"])
def test_axe_finds_nothing(browser: Any, axe: str, pages: str, name: str, scheme: str) -> None:
    with opened(browser, 1280, scheme) as page:
        page.goto(pages + name)
        page.evaluate(axe)
        found = page.evaluate("axe.run()")["violations"]
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []
