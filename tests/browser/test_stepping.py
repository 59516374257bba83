"""Derivations in a browser: an entry chosen by keys, by slider and by a tap, and what is marked then."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from browser.test_site import opened, serious, watch
from typed_einsum import attention, explain
from typed_einsum.derivation import Derivation

SCRIPTS = 30_000
"""Bytes of script that the whole site may have, besides its theme's and Python."""

DERIVED = {
    "a matrix product": explain("i j, j k -> i k"),
    "a maximum": explain("b c h, b n c -> b h", max="n", names=("image", "texts", "best")),
    "a diagonal": explain("i i j, j -> i"),
    "one number": explain("i, i ->"),
    "a long sum": explain("b i j k, b j i k -> b", {"b": 3, "i": 4, "j": 2, "k": 3}),
    "a lone sum": explain("i j -> i", sum="j"),
    "three operands": explain("i j, j k, k l -> i l"),
    "many candidates": explain("q d, k n d -> q k", {"n": 4}, max="n"),
    "numbers of a reader's own": explain(
        "i j, j k -> i k", example=([[10, -20, 3]], [[0, 4], [5, -60], [7, 8]])
    ),
    "two maximised": explain("q d, k n d -> q", max="k n"),
}


@pytest.fixture
def notebook(browser: Any) -> Any:
    """A function that shows HTML as a notebook does: by itself, beside another derivation."""
    context = browser.new_context(viewport={"width": 1000, "height": 800})
    page = context.new_page()
    page.faults = watch(page, "about:")

    def shown(derivation: Derivation) -> Any:
        other = explain("x y -> y x").to_html(prefix="other-")
        page.set_content(f"<body>{derivation._repr_html_()}{other}</body>")
        return page

    yield shown
    context.close()
    assert page.faults == []


def entries(derivation: Derivation) -> dict[str, int]:
    """Every entry of the result by its name, counted by Python."""
    example = derivation.example
    assert example is not None
    sizes = dict(example.sizes)
    symbol, labels = derivation.subject.result.symbol, derivation.subject.result.labels
    found = {}
    for at in product(*(range(sizes[label]) for label in labels)):
        value = example.result
        for i in at:
            value = value[i]
        found[f"{symbol}[{','.join(map(str, at))}]" if at else symbol] = value
    return found


@pytest.mark.parametrize("name", DERIVED)
def test_every_entry_is_worked_out(notebook, name):
    derivation = DERIVED[name]
    page = notebook(derivation)
    slider = page.locator("input").first
    for place, (entry, value) in enumerate(entries(derivation).items()):
        slider.evaluate(
            "(e, v) => { e.value = v; e.dispatchEvent(new Event('input', {bubbles: true})) }", place
        )
        assert page.locator("output").first.text_content() == entry
        worked = page.locator(".einsum-worked").first
        assert worked.locator("p").last.inner_text().split("=")[-1].strip() == str(value)
        assert slider.get_attribute("aria-valuetext") == f"{entry} = {value}"
        assert page.locator(".einsum-chosen").first.text_content() == str(value)


@pytest.mark.parametrize("name", DERIVED)
def test_the_script_writes_what_the_page_was_built_with(notebook, name):
    page = notebook(DERIVED[name])
    stepper = page.locator(".einsum-stepper").first
    before = stepper.inner_html()
    page.locator("input").first.dispatch_event("input")
    assert stepper.inner_html() == before


def test_the_tutorial_can_be_stepped_through_by_keys(address, browser):
    with opened(browser) as page:
        page.goto(f"{address}tutorial/")
        stepper = page.locator(".einsum-stepper")
        assert stepper.locator(".einsum-worked p").last.inner_text().endswith("= -4")
        stepper.locator("input").focus()
        for key, entry, value in (("ArrowRight", "r[0,0,0,0,1]", -7), ("ArrowRight", "r[0,0,0,0,2]", -5)):
            page.keyboard.press(key)
            assert stepper.locator("output").inner_text() == entry
            assert stepper.locator(".einsum-worked p").last.inner_text().endswith(f"= {value}")


def test_keys_step_along_rows_and_down_them(notebook):
    page = notebook(explain("i j, j k -> i k", {"i": 2, "j": 3, "k": 4}, names=("A", "B", "C")))
    page.locator("input").first.focus()

    def after(*keys: str) -> str:
        for key in keys:
            page.keyboard.press(key)
        return str(page.locator("output").first.text_content())

    assert after("Home") == "C[0,0]"
    assert after("ArrowRight", "ArrowRight") == "C[0,2]"
    assert after("ArrowDown") == "C[1,2]"
    assert after("ArrowDown") == "C[1,3]"
    assert after("ArrowUp", "ArrowLeft") == "C[0,2]"
    assert after("End") == "C[1,3]"


def test_the_entries_that_meet_are_marked(notebook):
    page = notebook(explain("i j, j k -> i k", {"i": 2, "j": 3, "k": 4}, names=("A", "B", "C")))
    first = page.locator(".einsum-stepper").first
    first.locator("[data-symbol=C] i").nth(6).click()
    places = "all => all.map((e, i) => e.classList.contains('%s') ? i : -1).filter(i => i > -1)"

    def marked(symbol: str, kind: str = "einsum-met") -> list[int]:
        found: list[int] = first.locator(f"[data-symbol={symbol}] i").evaluate_all(places % kind)
        return found

    assert (marked("A"), marked("B"), marked("C", "einsum-chosen")) == ([3, 4, 5], [2, 6, 10], [6])
    page.locator(".einsum-term").nth(1).hover()
    assert (marked("A", "einsum-pair"), marked("B", "einsum-pair")) == ([4], [6])
    page.mouse.move(0, 0)
    assert marked("A", "einsum-pair") == []


def test_an_axis_stays_lit_where_it_was_tapped(notebook):
    page = notebook(explain("b q d, b k d -> b q k"))
    lit = "all => all.every(e => e.classList.contains('einsum-lit'))"
    some = page.locator(".einsum-derivation").first.locator("[data-i=d]")
    page.locator(".einsum-loops var[data-i=d]").first.click()
    assert some.evaluate_all(lit)
    assert (
        some.evaluate_all("all => new Set(all.map(e => e.closest('math, svg, table, pre')?.localName)).size")
        >= 4
    )
    assert page.locator("[data-i=q].einsum-lit").count() == 0
    page.locator(".einsum-loops var[data-i=d]").first.click()
    assert page.locator(".einsum-lit").count() == 0


def test_without_scripts_all_is_there(browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_content(explain("b c h, b n c -> b h", max="n").to_html())
    assert page.locator(".einsum-worked b").last.is_visible()
    assert page.locator(".einsum-opening svg").is_visible()
    assert not page.locator("input").is_visible()
    page.locator(".einsum-cost summary").click()
    assert page.locator(".einsum-cost p").first.is_visible()
    context.close()


def test_paper_shows_every_step(address, browser):
    with opened(browser) as page:
        page.goto(f"{address}derivations/dot-product-scores/")
        page.emulate_media(media="print")
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert page.locator(".einsum-gradients p").first.is_visible()
        assert not page.locator(".md-header").is_visible()
        assert not page.locator(".einsum-choose").is_visible()


def test_formula_and_picture_are_side_by_side(address, browser):
    boxes = """['math', 'svg'].map(
        part => document.querySelector(`.einsum-opening ${part}`).getBoundingClientRect())"""
    with opened(browser) as page:
        page.goto(f"{address}derivations/dot-product-scores/")
        formula, picture = page.evaluate(boxes)
        assert formula["right"] <= picture["left"]
        assert picture["bottom"] < 900
        page.set_viewport_size({"width": 390, "height": 900})
        formula, picture = page.evaluate(boxes)
        assert formula["bottom"] <= picture["top"]


def test_the_index_shows_them_all(address, browser):
    with opened(browser) as page:
        page.goto(f"{address}derivations/")
        assert (
            page.locator(".card svg").count() == page.locator(".card a").count() == len(attention.equations())
        )


def test_a_page_leads_to_its_neighbours_and_its_family(address, browser):
    with opened(browser) as page:
        page.goto(f"{address}derivations/dot-product-mixture/")
        assert "Scores" in page.inner_text(".md-footer__link--prev")
        assert "Heads" in page.inner_text(".md-footer__link--next")
        family = page.locator(".md-nav--primary a[href]:visible").all_inner_texts()
        assert {"Scores", "Heads", "Merged", "Low rank"} <= {name.strip() for name in family}


def test_the_scripts_are_small(site):
    own = sum(path.stat().st_size for path in (site / "javascripts").glob("*.js"))
    page = (site / "derivations" / "dot-product-scores" / "index.html").read_text(encoding="utf-8")
    inside = page.count("window.einsumDerivations = true")
    assert inside == 1
    assert 0 < own + len(explain("i ->").to_html()) - len(explain("i ->").to_html(style=False)) < SCRIPTS


# The examples on the home page.


def test_an_example_is_there_before_python_is(address, browser):
    asked: list[str] = []
    with opened(browser) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        assert page.locator("form.try").count() == 3
        assert page.locator("form.try + div .einsum-stepper").count() == 3
        page.wait_for_timeout(300)
    assert [url for url in asked if "assets/explorer" in url] == []


def test_a_home_without_python_says_so(address, browser):
    with opened(browser) as page:
        page.route("**/assets/explorer/**", lambda route: route.fulfill(status=404))
        page.goto(address)
        page.locator("form.try [name=equation]").first.fill("b q d, b k d -> b k q")
        page.wait_for_function(
            "document.querySelector('form.try [role=status]').textContent.includes('did not start')"
        )


def test_an_example_can_be_edited(site, address, browser, axe):
    if not (site / "assets" / "explorer" / "pyodide.mjs").is_file():
        pytest.skip("the site has no Python for browsers: python docs/scripts/explorer.py")
    with opened(browser) as page:
        page.goto(address)
        result = page.locator("form.try + div").first
        page.locator("form.try [name=equation]").first.fill("b q d, b k d -> b k q")
        title = "document.querySelector('form.try + div').textContent.includes('b k q')"
        page.wait_for_function(title, timeout=90_000)
        assert "dot product" in result.inner_text()
        result.locator("input").focus()
        page.keyboard.press("End")
        assert result.locator("output").inner_text().startswith("scores[")
        assert serious(page, axe) == []
        page.locator("form.try [name=equation]").first.fill("b q d, b k d -> b k z")
        page.wait_for_function("document.querySelector('form.try + div').textContent.includes('TE106')")
