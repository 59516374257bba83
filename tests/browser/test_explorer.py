"""The explorer: the library's core in the reader's own browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from typed_einsum import explain

STARTS_WITHIN = 90_000
"""Milliseconds for Python to start in a browser, on a slow machine."""

EQUATIONS = [
    {"equation": "b q d, b k d -> b q k", "sizes": "b=2, q=3, k=4, d=5"},
    {"equation": "b m c h w, b n m c -> b m h w", "max": "n", "names": "image, texts, best"},
    {"equation": "b i d -> b d", "sum": "i"},
    {"equation": "ij,jk,kl->il", "sizes": "i=3 j=4 k=5 l=6"},
    {"equation": "i i -> i"},
]


@pytest.fixture(scope="module")
def explorer(site: Any, address: str, browser: Any) -> Iterator[Any]:
    """The page with Python running."""
    if not (site / "assets" / "explorer" / "pyodide.mjs").is_file():
        pytest.skip("the site has no Python for browsers: python docs/scripts/explorer.py")
    page = browser.new_page()
    page.elsewhere = []
    page.on("request", lambda request: page.elsewhere.append(request.url))
    page.goto(f"{address}explorer/")
    page.click("#explorer-form button")
    page.wait_for_function(
        "document.querySelector('.explorer-state').textContent.startsWith('Type')", timeout=STARTS_WITHIN
    )
    yield page
    page.close()


def typed(page: Any, values: dict[str, str]) -> None:
    """Type into every field, and wait for what follows."""
    for name in ("equation", "max", "sum", "names", "sizes"):
        page.fill(f"[name={name}]", values.get(name, ""))
    page.wait_for_timeout(400)
    page.wait_for_function(
        f"document.querySelector('#explorer-result').textContent.includes({values['equation']!r})"
    )
    page.wait_for_timeout(600)


def shown(page: Any, html: str) -> bool:
    """Whether the page shows this HTML, both as the browser writes it."""
    script = """html => {
        const made = document.createElement('div');
        made.innerHTML = html;
        return made.innerHTML === document.querySelector('#explorer-result').innerHTML;
    }"""
    same: bool = page.evaluate(script, html)
    return same


@pytest.mark.parametrize("values", EQUATIONS, ids=lambda values: values["equation"])
def test_the_browser_derives_what_the_library_does(explorer, values):
    typed(explorer, values)
    made = explain(
        values["equation"],
        values.get("sizes", ""),
        max=values.get("max"),
        sum=values.get("sum"),
        names=[name.strip() for name in values.get("names", "").split(",") if name.strip()],
    )
    assert shown(explorer, made.to_html(level=2))
    assert not shown(explorer, made.to_html(level=3))


def test_a_refusal_is_shown(explorer):
    typed(explorer, {"equation": "b q d, b k d -> b q z"})
    assert "EquationError[TE106]: output axis `z` is in no operand" in explorer.inner_text("#explorer-result")
    assert "refused" in explorer.inner_text(".explorer-state")
    typed(explorer, {"equation": "b q d, b k d -> b q k"})
    assert "TE106" not in explorer.inner_text("#explorer-result")


def test_the_address_can_be_shared(explorer, browser, address):
    typed(explorer, EQUATIONS[1])
    link = explorer.url
    page = browser.new_page()
    page.goto(link)
    page.wait_for_function("!document.querySelector('#explorer-form button').disabled")
    values = {name: page.input_value(f"[name={name}]") for name in ("equation", "max", "names", "sum")}
    page.close()
    assert values == {**EQUATIONS[1], "sum": ""}


def test_all_of_it_comes_from_the_site(explorer, address):
    assert any("pyodide" in url for url in explorer.elsewhere)
    assert [url for url in explorer.elsewhere if not url.startswith((address, "data:", "blob:"))] == []


def test_nothing_heavy_is_loaded_before_it_is_asked_for(address, browser):
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}explorer/")
    page.wait_for_timeout(500)
    page.close()
    assert len(asked) > 4
    assert [url for url in asked if "assets/explorer/" in url] == []


def test_a_site_without_the_runtime_says_so(address, browser):
    page = browser.new_page()
    page.route("**/assets/explorer/**", lambda route: route.fulfill(status=404))
    page.goto(f"{address}explorer/")
    page.click("#explorer-form button")
    page.wait_for_function("document.querySelector('.explorer-state').textContent.includes('did not start')")
    assert page.is_enabled("#explorer-form button")
    page.close()
