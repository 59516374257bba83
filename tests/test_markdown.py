"""The fence: what it shows in Python-Markdown, MkDocs and Zensical, and what it says where it cannot."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest
from markdown import Markdown, markdown
from pymdownx.superfences import SuperFencesException
from support.written_messages import cases_in, difference

from typed_einsum import errors, explain
from typed_einsum.attention.kernels import recalled
from typed_einsum.derivation.document import STEPS
from typed_einsum.derivation.stepping import script
from typed_einsum.markdown import derived, fence, validator

EQUATION = "b q d, b k d -> b q k"
SUPERFENCES = {
    "pymdownx.superfences": {
        "custom_fences": [{"name": "einsum", "class": "einsum", "format": fence, "validator": validator}]
    }
}
MESSAGES = cases_in((Path(__file__).parent / "fence_messages.txt").read_text(encoding="utf-8"))


def fenced(*lines: str, indent: str = "") -> str:
    return "\n".join(f"{indent}{line}" for line in ("```einsum", *lines, "```"))


def with_superfences(page: str) -> str:
    return markdown(page, extensions=["pymdownx.superfences"], extension_configs=SUPERFENCES)


def alone(page: str) -> str:
    return markdown(page, extensions=["typed_einsum.markdown", "fenced_code"])


def sections_of(html: str) -> list[str]:
    return re.findall(r'<section class="einsum-derivation">.*?</section>', html, re.DOTALL)


def ids_of(html: str) -> list[str]:
    return re.findall(r'\bid="([^"]+)"', html)


@pytest.mark.parametrize("render", [with_superfences, alone])
def test_a_fence_shows_what_explain_derives(render):
    page = render(f"Before.\n\n{fenced(EQUATION, 'sizes: b=2, q=3, k=4, d=5')}\n\nAfter.")
    (section,) = sections_of(page)
    made = explain(EQUATION, {"b": 2, "q": 3, "k": 4, "d": 5})
    prefix = re.search(r"einsum-[0-9a-f]{8}-0", section)
    assert prefix is not None
    assert section == made.to_html(style=False, prefix=prefix[0]).strip()
    assert page.startswith("<p>Before.</p>")
    assert page.endswith("<p>After.</p>")


def test_keys_reach_the_derivation():
    source = (
        "b q d, b k d -> b q\nnames: query, key, best\nmax: k\nsizes: b=2\nsteps: notation, axes\nlevel: 5"
    )
    html = derived(source)
    made = explain("b q d, b k d -> b q", "b=2", max="k", names=["query", "key", "best"])
    assert made.to_html(["notation", "axes"], 5, False) in html
    assert "<h5>In index notation</h5>" in html
    assert made.to_mathml() in html
    summed = explain("b q d, b k -> b q k", sum="d")
    assert summed.to_mathml() in derived("b q d, b k -> b q k\nsum: d")


def test_one_step_has_no_heading():
    assert "<h3>" in derived(f"{EQUATION}\nsteps: notation, axes")
    assert "<h" not in derived(f"{EQUATION}\nsteps: notation").replace("<html", "")


def test_a_function_stands_for_its_equation():
    html = derived("typed_einsum.attention.kernels:recalled\nsteps: notation")
    assert explain(recalled).to_mathml() in html


@pytest.mark.parametrize("step", STEPS)
def test_every_step_can_be_asked_for(step):
    html = derived(f"{EQUATION}\nsteps: {step}\nsizes: b=2, q=3, k=4, d=5")
    assert [found for found in STEPS if f"einsum-step einsum-{found}" in html] == [step]


def test_output_is_the_same_every_time_and_well_formed():
    first, second = derived(f"{EQUATION}\nsizes: b=2"), derived(f"{EQUATION}\nsizes: b=2")
    assert first == second
    (section,) = sections_of(first)
    ElementTree.fromstring(section)
    with pytest.raises(ElementTree.ParseError):  # the parser does refuse
        ElementTree.fromstring(section.replace("</section>", ""))


@pytest.mark.parametrize("render", [with_superfences, alone])
def test_a_page_has_one_style_sheet_and_no_id_twice(render):
    page = render("\n\n".join([fenced(EQUATION), fenced(EQUATION), fenced("b q d, b m d -> b q m")]))
    assert len(sections_of(page)) == 3
    assert page.count(".einsum-derivation table {") == 1
    assert page.count(':has([data-i="d"]:hover) [data-i="d"]') == 1
    assert page.count(':has([data-i="m"]:hover) [data-i="m"]') == 1
    ids = ids_of(page)
    assert ids
    assert len(ids) == len(set(ids))
    once = sections_of(render(fenced(EQUATION)))[0]
    assert set(ids_of(once)) == set(ids_of(once + once))  # two copies would share their ids
    assert len(ids_of(once + once)) > len(set(ids_of(once)))


def test_each_page_of_one_converter_begins_anew():
    converter = Markdown(extensions=["pymdownx.superfences"], extension_configs=SUPERFENCES)
    pages = [converter.reset().convert(fenced(EQUATION)) for _ in range(2)]
    assert pages[0] == pages[1]
    assert "<style>" in pages[1]


INSIDE = {
    "a list item": "- item\n\n{4}\n- another",
    "a list in a list": "1. one\n\n    - two\n\n{8}\n",
    "an admonition": "!!! note\n    Text:\n\n{4}\n",
    "an admonition in a list": "- item\n\n    !!! note\n\n{8}\n",
    "a quotation": "> said\n>\n{>}\n> more",
    "a paragraph, a little indented": "Text:\n\n{2}\n",
}


def page_with_a_fence(form: str) -> str:
    """A page with a fence at the place in braces: a number of spaces, or behind `>`."""

    def placed(place: re.Match[str]) -> str:
        indent = "> " if place[1] == ">" else " " * int(place[1])
        return fenced(EQUATION, "steps: notation", indent=indent)

    return re.sub(r"{(\d|>)}", placed, form)


@pytest.mark.parametrize("name", INSIDE)
@pytest.mark.parametrize("extension", ["pymdownx.superfences", "typed_einsum.markdown"])
def test_a_fence_may_stand_inside(name, extension):
    page = page_with_a_fence(INSIDE[name])
    html = markdown(page, extensions=["admonition", extension], extension_configs=SUPERFENCES)
    assert len(sections_of(html)) == 1
    assert "```" not in html
    assert extension != "typed_einsum.markdown" or "<p><style" not in html


@pytest.mark.parametrize(
    "form", ["Code:\n\n{4}\n\nText.", "- item\n\n    Code:\n\n{8}\n", "Code:\n\n    x = 1\n\n{4}\n"]
)
def test_a_fence_in_indented_code_is_shown(form):
    html = markdown(page_with_a_fence(form), extensions=["typed_einsum.markdown"])
    assert sections_of(html) == []
    assert f"```einsum\n{EQUATION.replace('>', '&gt;')}\nsteps: notation\n```\n</code>" in html


def test_a_wrong_fence_is_refused_inside_a_list_and_shown_in_code():
    wrong = fenced("b q d, b k d -> b q z", indent="    ")
    with pytest.raises(errors.EquationError, match="output axis `z` is in no operand"):
        markdown(f"- item\n\n{wrong}", extensions=["typed_einsum.markdown"])
    assert "b q z" in markdown(f"Code:\n\n{wrong}", extensions=["typed_einsum.markdown"])


def test_pages_of_one_converter_keep_apart():
    converter = Markdown(extensions=["typed_einsum.markdown"])
    for page in (fenced(EQUATION), f"Code:\n\n{fenced(EQUATION, indent='    ')}", fenced(EQUATION)):
        html = converter.reset().convert(page)
        assert len(sections_of(html)) == (0 if page.startswith("Code") else 1)


def test_a_fence_that_is_shown_stays_as_it_is():
    page = alone(f"````text\n{fenced(EQUATION)}\n````\n\n~~~einsum\n{EQUATION}\nsteps: notation\n~~~")
    assert "```einsum" in page
    assert len(sections_of(page)) == 1
    assert "```einsum" in alone("```einsum\nnever closed")
    assert sections_of(alone("```python\nx = 1\n```")) == []


def test_nothing_is_fetched_and_one_script_runs():
    html = derived(EQUATION)
    assert re.findall(r"<script>(.*?)</script>", html, re.DOTALL) == [script()]
    assert not re.search(r"fetch|import\(|XMLHttpRequest|https?:|eval|[&<]", script())
    assert re.findall(r'(?:src|href)="[^#"]', html) == []
    assert "url(" not in html.replace("url(#", "")
    assert set(re.findall(r"https?://[^\"<\s]+", html)) <= {
        "http://www.w3.org/1998/Math/MathML",
        "http://www.w3.org/2000/svg",
    }


def test_generated_maths_stays_out_of_a_search_index():
    html = derived(EQUATION)
    marked = re.findall(r"<(div|figure)[^>]*data-search-exclude", html)
    assert len(marked) >= html.count("<math") // 2
    bare = re.sub(r"<(div|figure)([^>]*) data-search-exclude.*?</\1>", "", html, flags=re.DOTALL)
    assert "<math" not in bare
    assert "<svg" not in bare
    assert "<svg" in html


# Messages


@pytest.mark.parametrize("name", MESSAGES)
def test_message(name):
    source, text = MESSAGES[name]
    with pytest.raises(errors.TypedEinsumError) as caught:
        derived(source.removesuffix("\n"))
    assert difference(caught.value, text) is None


def test_the_comparison_of_messages_sees_a_difference():
    source, text = MESSAGES["an unknown key"]
    with pytest.raises(errors.TypedEinsumError) as caught:
        derived(source)
    assert difference(caught.value, text.replace("did you mean", "you mean")) is not None


def test_superfences_does_not_swallow_a_message():
    with pytest.raises(SuperFencesException, match=r"EquationError\[TE106\]: output axis `z`"):
        with_superfences(fenced("b q d, b k d -> b q z"))
    with pytest.raises(SuperFencesException, match=r"TE413.*`sizes` stands in the first line"):
        with_superfences(f"``` {{ .einsum sizes='b=2' }}\n{EQUATION}\n```")
    with pytest.raises(SuperFencesException, match="line of its own below the equation: sizes: b=2"):
        with_superfences(f'```einsum sizes="b=2"\n{EQUATION}\n```')


def test_superfences_does_not_swallow_a_defect_of_ours(monkeypatch):
    def broken(source, md=None):
        raise KeyError("nothing")

    monkeypatch.setattr("typed_einsum.markdown.derived", broken)
    with pytest.raises(SuperFencesException, match="failed with KeyError"):
        with_superfences(fenced(EQUATION))


def test_alone_the_error_is_ours():
    with pytest.raises(errors.EquationError, match="TE106"):
        alone(fenced("b q d, b k d -> b q z"))


# The builders of sites

CONFIGURATION = """
site_name: A site of someone
theme: {name: material, font: false}
plugins: [search]
markdown_extensions:
  - pymdownx.superfences:
      custom_fences:
        - name: einsum
          class: einsum
          format: !!python/name:typed_einsum.markdown.fence
          validator: !!python/name:typed_einsum.markdown.validator
"""
EXCLUDED = ' data-search-exclude=""'
SEARCH_INDEXES = ("search/search_index.json", "search.json")
GOOD = f"# Page\n\n{fenced(EQUATION, 'sizes: b=2, q=3, k=4, d=5')}\n\nText between.\n\n{fenced(EQUATION)}\n"
BAD = f"---\ntitle: A page\n---\n\n# Page\n\n- Listed:\n\n{fenced('b q d, b k d -> b q z', indent='    ')}\n"
BUILDERS = {
    "mkdocs": ["mkdocs", "build", "--strict"],
    "zensical": ["zensical", "build", "-c", "-s"],
}


def built(builder: str, folder: Path, page: str) -> subprocess.CompletedProcess[str]:
    if find_spec(builder) is None:
        pytest.skip(f"{builder} is not installed")
    (folder / "docs" / "part").mkdir(parents=True)
    (folder / "mkdocs.yml").write_text(CONFIGURATION, encoding="utf-8")
    (folder / "docs" / "index.md").write_text("# Home\n", encoding="utf-8")
    (folder / "docs" / "part" / "page.md").write_text(page, encoding="utf-8")
    command = [sys.executable, "-m", *BUILDERS[builder]]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("builder", BUILDERS)
def test_a_site_is_built(builder, tmp_path):
    run = built(builder, tmp_path, GOOD)
    assert run.returncode == 0, run.stdout + run.stderr
    html = (tmp_path / "site" / "part" / "page" / "index.html").read_text(encoding="utf-8")
    # Zensical takes the mark for its search out again.
    wanted = sections_of(with_superfences(GOOD).replace(EXCLUDED, ""))
    assert sections_of(html.replace(EXCLUDED, "")) == wanted
    assert len(wanted) == 2
    (index,) = [path for path in SEARCH_INDEXES if (tmp_path / "site" / path).exists()]
    found = json.loads((tmp_path / "site" / index).read_text(encoding="utf-8"))
    texts = json.dumps(found, ensure_ascii=False)
    assert "Text between" in texts
    assert "∑" in html
    assert "∑" not in texts
    assert "einsum-own-batch" not in texts


@pytest.mark.parametrize("builder", BUILDERS)
def test_a_fence_in_a_docstring_is_derived(builder, tmp_path, monkeypatch):
    if find_spec("mkdocstrings_handlers") is None:
        pytest.skip("mkdocstrings-python is not installed")
    docstring = "\n    ".join(["Scores.", "", *fenced(EQUATION).splitlines(), ""])
    (tmp_path / "theirs.py").write_text(f'def scores():\n    """{docstring}"""\n', encoding="utf-8")
    plugins = "plugins: [search, mkdocstrings: {handlers: {python: {paths: [.]}}}]"
    monkeypatch.setattr(f"{__name__}.CONFIGURATION", CONFIGURATION.replace("plugins: [search]", plugins))
    run = built(builder, tmp_path, "# Page\n\n::: theirs.scores\n")
    assert run.returncode == 0, run.stdout + run.stderr
    html = (tmp_path / "site" / "part" / "page" / "index.html").read_text(encoding="utf-8")
    assert len(sections_of(html)) == 1


@pytest.mark.parametrize("builder", BUILDERS)
def test_a_bad_equation_ends_the_build_with_page_and_line(builder, tmp_path):
    run = built(builder, tmp_path, BAD)
    assert run.returncode == 1
    said = re.sub(r"\x1b\[[0-9;]*m", "", run.stdout + run.stderr)
    message = """EquationError[TE106]: output axis `z` is in no operand
  --> docs/part/page.md:10
   |
10 | b q d, b k d -> b q z
   |                     ^ no operand has it
help: the operands also have `d`, `k`
see: typed-einsum errors TE106"""
    assert BAD.splitlines()[9].strip() == "b q d, b k d -> b q z"
    assert message in said
