"""The site in a real browser: links, accessibility, sizes."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from browser.links import Page, broken, pages_of

BASE = "https://typed-einsum.github.io/typed-einsum/"
WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")
A_DERIVATION = "derivations/kernels-recalled/"
"""One of many, made by one script from one template."""

TELLING = (
    "",
    A_DERIVATION,
    "attention/",
    "cheat-sheet/",
    "check/",
    "comparison/",
    "derivations/",
    "derivations/tutorial-scores/",
    "errors/TE201/",
    "explorer/",
    "field-guide/",
    "flagship/",
    "howto/fences/",
    "howto/ten-minutes/",
    "notebook/",
    "reference/",
    "reference/testing/check_contract/",
    "tutorial/",
    "which-tool/",
    "zh/",
    "zh/errors/TE201/",
    "zh/tutorial/",
)
"""Pages with everything that a page can hold."""

LARGEST_PAGE = 300_000
"""Bytes in all, as a server that compresses sends them."""


@contextmanager
def opened(browser: Any, width: int = 1280, scheme: str = "light") -> Iterator[Any]:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    yield context.new_page()
    context.close()


def addresses(site: Path) -> list[str]:
    """Every page as a reader's browser asks for it."""
    return [name.removesuffix("index.html") for name in pages_of(site)]


def watch(page: Any, address: str) -> list[str]:
    """The faults of all that a page will load; the list grows while it does."""
    faults: list[str] = []

    def said(message: Any) -> None:
        if message.type == "error":
            faults.append(f"{page.url} says {message.text}")

    def asked(request: Any) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            faults.append(f"{page.url} asks for {request.url}")

    def missed(request: Any) -> None:
        if request.failure != "net::ERR_ABORTED":  # a page that is left early ends what it still loads
            faults.append(f"{page.url} did not get {request.url}")

    page.on("console", said)
    page.on("pageerror", lambda error: faults.append(f"{page.url} raises {error}"))
    page.on("request", asked)
    page.on("requestfailed", missed)
    return faults


OVERFLOW = "document.documentElement.scrollWidth - window.innerWidth"
CLIPPED = """[...document.querySelectorAll('math[display=block]')]
    .filter(e => e.scrollHeight > e.clientHeight + 1 || e.getBoundingClientRect().height < 8)
    .map(e => e.getAttribute('alttext') || e.textContent)"""


COLUMNS = 110
"""A line of the sources has at most this many."""
SCROLLED = """columns => [...document.querySelectorAll('article pre > code')]
    .filter(e => e.scrollWidth > e.clientWidth + 1 && !e.closest('.home'))
    .map(e => Math.max(...e.textContent.split('\\n').map(line => line.length)))
    .filter(longest => longest <= columns)"""
"""The lengths of code that could be seen whole, and cannot."""


def test_every_page_loads_fits_and_asks_for_nothing_elsewhere(site, address, browser):
    pages = addresses(site)
    assert len(pages) > 150
    with opened(browser) as page:
        faults = watch(page, address)
        for name in pages:
            page.goto(address + name)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                if (over := page.evaluate(OVERFLOW)) > 0:
                    faults.append(f"{name} is {over} pixels too wide at {width}")
                faults += [f"{name} clips {formula}" for formula in page.evaluate(CLIPPED)]
                if width == WIDTHS[0]:
                    faults += [f"{name} hides code of {n}" for n in page.evaluate(SCROLLED, COLUMNS)]
    assert faults == []


def test_the_watch_sees_what_it_looks_for(site, address, browser):
    with opened(browser, width=390) as page:
        faults = watch(page, address)
        page.route("**/elsewhere.example/**", lambda route: route.abort())
        page.goto(address)
        page.evaluate(
            """() => {
                console.error('a complaint');
                setTimeout(() => { throw new Error('a fault') });
                const image = new Image();
                image.src = 'http://elsewhere.example/image.png';
                const wide = document.createElement('div');
                wide.style.width = '2000px';
                const formula = '<math display="block" style="height: 2px" alttext="clipped">';
                wide.innerHTML = formula + '<mi>x</mi></math>x';
                document.body.prepend(wide);
            }"""
        )
        page.wait_for_timeout(300)
        assert {fault.split(" ", 1)[1].split()[0] for fault in faults} >= {"says", "raises", "asks", "did"}
        assert page.evaluate(OVERFLOW) > 0
        assert page.evaluate(CLIPPED) == ["clipped"]
        page.goto(address + "errors/TE201/")
        assert page.evaluate(SCROLLED, COLUMNS), "at 390 pixels code is hidden"


NOT_BUILT = "assets/demo/index.html, which is not there"
"""Where the site was built without docs/scripts/demo.py."""


def test_links_and_anchors_hold(site):
    built = (site / "assets" / "demo").is_dir()
    faults = [fault for fault in broken(site, BASE) if built or not fault.endswith(NOT_BUILT)]
    assert faults == []


def test_no_id_stands_twice_on_a_page(site):
    assert {name: page.twice for name, page in pages_of(site).items() if page.twice} == {}
    assert Page('<p id="a"></p><p id="a"></p><p id="b"></p>').twice == ["a"]


def test_a_broken_link_is_seen(tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "index.html").write_text('<a href="part/#there">x</a><a href="gone/">x</a>')
    (tmp_path / "part" / "index.html").write_text(f'<a href="{BASE}#no">x</a><p id="there">')
    assert list(broken(tmp_path, BASE)) == [
        "index.html links to gone/, which is not there",
        f"part/index.html links to {BASE}#no, but index.html has no such anchor",
    ]


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("MaxSigmoidAttnBlock", "flagship/"),
        ("TE201", "errors/TE201/"),
        ("field guide", "field-guide/"),
    ],
)
def test_search_finds(address, browser, asked, wanted):
    with opened(browser) as page:
        page.goto(address)
        page.fill(".md-search__input", asked)
        page.wait_for_selector(".md-search-result__item a")
        page.wait_for_timeout(500)
        links = page.eval_on_selector_all(".md-search-result__item a", "all => all.map(a => a.href)")
        assert any(wanted in link for link in links[:12]), links[:12]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_serious_barrier(address, browser, axe, scheme):
    barriers = []
    with opened(browser, scheme=scheme) as page:
        for name in TELLING:
            page.goto(address + name)
            barriers += serious(page, axe)
    assert barriers == []


def test_a_barrier_is_seen(address, browser, axe):
    with opened(browser) as page:
        page.goto(address)
        page.evaluate("document.querySelector('article').insertAdjacentHTML('afterbegin', '<img src=x>')")
        assert any("image-alt" in barrier for barrier in serious(page, axe))


def serious(page: Any, axe: str) -> list[str]:
    """What axe-core calls serious or critical."""
    page.wait_for_timeout(150)
    page.evaluate(axe)
    found = page.evaluate("axe.run()")["violations"]
    return [
        f"{page.url}: {fault['id']} at {node['target']}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


SHIFTS = """new Promise(done => {
    let total = 0;
    new PerformanceObserver(list => list.getEntries().forEach(e => total += e.value))
        .observe({type: 'layout-shift', buffered: true});
    setTimeout(() => done(total), 500);
})"""


@pytest.mark.parametrize("name", [A_DERIVATION, "flagship/", "tutorial/"])
@pytest.mark.parametrize("width", WIDTHS)
def test_formulas_do_not_move_the_page(address, browser, name, width):
    with opened(browser, width) as page:
        page.goto(address + name)
        assert page.evaluate(SHIFTS) < 0.02


def test_a_derivation_is_a_light_page(address, browser):
    bodies: dict[str, int] = {}
    with opened(browser) as page:
        page.on("response", lambda answer: bodies.update({answer.url: sent(answer)}))
        page.goto(address + A_DERIVATION)
        page.wait_for_timeout(500)
    assert len(bodies) > 4
    assert sum(bodies.values()) < LARGEST_PAGE, bodies


def sent(answer: Any) -> int:
    """The bytes of an answer, compressed as servers do."""
    body = answer.body()
    packed = answer.url.endswith((".woff2", ".png"))
    return len(body if packed else gzip.compress(body, 6))


def test_the_switch_between_light_and_dark_reaches_formulas_and_pictures(address, browser):
    colour = "getComputedStyle(document.querySelector('%s')).color"
    parts = (".einsum-derivation math .role-contracted", ".einsum-derivation svg .role-contracted")
    with opened(browser) as page:
        page.goto(address + A_DERIVATION)
        light = [page.evaluate(colour % part) for part in parts]
        page.click("label[title='Switch to dark']")
        dark = [page.evaluate(colour % part) for part in parts]
    assert light == ["rgb(176, 42, 31)"] * 2
    assert dark == ["rgb(255, 154, 143)"] * 2


def test_an_axis_lights_up_everywhere(address, browser):
    weight = "getComputedStyle(document.querySelector('math [data-i=f]')).textDecorationLine"
    with opened(browser) as page:
        page.goto(address + A_DERIVATION)
        assert page.evaluate(weight) == "none"
        page.hover(".einsum-derivation table [data-i=f]")
        assert page.evaluate(weight) == "underline"


LIT = "[...document.querySelectorAll('.lit')].map(e => e.textContent)"


@pytest.mark.parametrize("name", ["tutorial/", "zh/tutorial/", "flagship/"])
def test_an_axis_lights_up_on_pages_that_list_their_axes(address, browser, name):
    with opened(browser) as page:
        page.goto(address + name)
        assert page.evaluate(LIT) == []
        page.locator("td:first-child [data-i=m]").first.focus()
        assert set(page.evaluate(LIT)) >= {"m"}
        places = "[...document.querySelectorAll('.lit')].map(e => e.closest('td, pre, svg')?.localName)"
        assert {"td", "pre", "svg"} <= set(page.evaluate(places))
        page.locator("pre [data-i=n]").first.click()
        page.mouse.move(0, 0)
        page.locator("h1").hover()
        assert "n" in page.evaluate(LIT), "an axis that was tapped stays lit"


READ = """[...document.querySelectorAll('article :is(h1, h2, h3, p, li, pre, td, th, figcaption, math, svg)')]
    .filter(e => e.checkVisibility() && !e.closest('.einsum-choose'))
    .map(e => e.tagName + ' ' + e.textContent.trim().replace(/\\s+/g, ' '))"""
"""What is to be read on a page, but for what only scripts move."""


@pytest.mark.parametrize("name", [name for name in TELLING if name != "explorer/"])
def test_a_page_is_complete_without_scripts(address, browser, name):
    read = what_is_read(browser, f"{address}{name}", scripts=True)
    assert len(read) > 3
    assert set(read) - set(what_is_read(browser, f"{address}{name}", scripts=False)) == set()


def test_what_only_a_script_writes_is_seen(browser, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<article><p>one</p><script>document.write('<p>two</p>')</script></article>")
    assert what_is_read(browser, page.as_uri(), scripts=True) == ["P one", "P two"]
    assert what_is_read(browser, page.as_uri(), scripts=False) == ["P one"]


def what_is_read(browser: Any, address: str, *, scripts: bool) -> list[str]:
    context = browser.new_context(java_script_enabled=scripts)
    page = context.new_page()
    page.goto(address, wait_until="load")
    read: list[str] = page.evaluate(READ)
    context.close()
    return read


def test_a_tensor_is_no_axis(address, browser):
    with opened(browser) as page:
        page.goto(address + "tutorial/")
        marked = "[...document.querySelectorAll('%s')].filter(e => e.textContent === 'b').length"
        assert page.evaluate(marked % "article > p code [data-i]") == 0
        assert page.evaluate(marked % "article li code [data-i]") == 1
        assert page.locator("pre [data-i=h]").count() > 10
        assert "bmchw,bnmc->bmhwn" in page.inner_text("article")


def test_shapes_are_readable_in_signatures(site):
    text = (site / "reference" / "attention" / "luong" / "index.html").read_text(encoding="utf-8")
    assert 'state: Float[Tensor, "b c"],' in unescape(re.sub("<[^>]+>", "", text))


def test_there_is_a_page_for_each_derivation(site):
    assert len([name for name in addresses(site) if name.startswith("derivations/")]) >= 40
