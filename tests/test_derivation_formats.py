"""Derivations as people read them: text, Markdown, LaTeX, MathML, HTML, SVG and JSON."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from jaxtyping import Float
from support.derived import Case, cases
from support.signatures import defined
from torch import Tensor

from typed_einsum import einsum, errors, explain, typed_einsum
from typed_einsum.derivation import Derivation, read_sizes
from typed_einsum.derivation.document import STEPS
from typed_einsum.derivation.formula import latex, text
from typed_einsum.derivation.html import ORDER
from typed_einsum.derivation.picture.rows import Layout, crossings, layout
from typed_einsum.derivation.picture.svg import NARROW
from typed_einsum.derivation.style import DARK, DASHES, LIGHT, ROLES, WIDTHS

SVG = "{http://www.w3.org/2000/svg}"
MATHML = "{http://www.w3.org/1998/Math/MathML}"
SIZES = {"b": 2, "m": 8, "c": 32, "h": 20, "w": 40, "n": 80}
EQUATIONS = json.loads((Path(__file__).parent / "equations.json").read_text())


def flagship() -> Derivation:
    return explain("b m c h w, b n m c -> b m h w", SIZES, max="n", names=("X", "W", "S"))


@typed_einsum
def attention_scores(
    query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]
) -> Float[Tensor, "b q k"]: ...


# What it says.


def test_a_whole_derivation_as_text() -> None:
    derivation = explain("i j, j k -> i k", {"i": 2, "j": 3, "k": 4})
    assert derivation.to_text() == WHOLE


WHOLE = """\
i j, j k -> i k
═══════════════

In index notation
─────────────────
    R_{ik} = Σ_j A_{ij} B_{jk}
There is one number for each i and k. Summed away: j.

The axes
────────
  axis  size  role        why
  ----  ----  ----------  ---------------------------------------------------------------------
  i        2  free of A   in A alone and in the result: kept as it is
  j        3  contracted  in A and B, not in the result: multiplied entry by entry, then summed
  k        4  free of B   in B alone and in the result: kept as it is

As loops
────────
The definition, one number at a time. It runs on anything indexed in this way.

    R = {}
    for i in range(2):
        for k in range(4):
            total = 0
            for j in range(3):
                total += A[i, j] * B[j, k]
            R[i, k] = total

As vectors
──────────
R[i, k] is the dot product of A[i, :] and B[:, k], along j.
Both vectors have 3 entries. Their dot product is the product of their lengths and the cosine of the
angle between them: large where they point the same way, 0 where they are at right angles, negative
where they oppose each other. Between vectors of length 1 it is their cosine similarity.
Read the other way: along j, the numbers in A weigh the vectors of B, and the result is their
weighted sum.
In torch: (A[i, :] * B[:, k]).sum()

As matrices
───────────
  value  operation       what for                 shape
  -----  --------------  -----------------------  ---------------
  R      matrix product  multiply A and B over j  (i, k) = (2, 4)

The same as code. This is the plan that runs:

    R = torch.mm(A, B)

What it costs
─────────────
  counted        of         number
  -------------  ---------  ------
  multiply-adds  i · j · k      24

  quantity              number  how it is counted
  --------------------  ------  --------------------------------------------------
  multiply-adds             24  in matrix products; torch counts each as 2 FLOPs
  FLOPs                     48  as torch's FLOP counter: matrix products only
  other operations           0  products by entry, sums, comparisons
  bytes at least           104  float32: operands read once, result written once
  bytes moved              104  float32: each step reads its values and writes one
  intensity              0.462  operations for each byte at least
  largest intermediate       0  no value is made besides the result

A dearer way: multiply entry by entry, then sum. Its largest intermediate has 24 entries, where this
plan has none.

Gradients
─────────
A bar marks the gradient of a loss: from that of R come those of the operands.
    A\u0304_{ij} = Σ_k R\u0304_{ik} B_{jk}
    B\u0304_{jk} = Σ_i R\u0304_{ik} A_{ij}
As code, with einsum from typed_einsum (for complex numbers, conjugate the operands):

    grad_A = einsum("i k, j k -> i j", grad_R, B)
    grad_B = einsum("i k, i j -> j k", grad_R, A)

A small example
───────────────
With sizes i=2 j=3 k=4:

    A = [[3, 4, 4],
         [3, 3, 1]]
    B = [[ 4, -2,  2, -1],
         [ 3, -1,  3, -1],
         [ 2, -2,  4,  2]]

One entry, worked out:

    R[0, 1] = A[0,0]·B[0,1] + A[0,1]·B[1,1] + A[0,2]·B[2,1]
            = 3·(-2) + 4·(-1) + 4·(-2) = -18

And all of them:

    R = [[ 32, -18,  34,   1],
         [ 23, -11,  19,  -4]]
"""


def test_the_formulas_of_a_maximum() -> None:
    assert [text(formula) for formula in flagship().formulas] == [
        "S_{bmhw} = max_n Σ_c X_{bmchw} W_{bnmc}",
        "S\u0302_{bmhwn} = S\u0304_{bmhw} [n = n*]",
        "X\u0304_{bmchw} = Σ_n S\u0302_{bmhwn} W_{bnmc}",
        "W\u0304_{bnmc} = Σ_{hw} S\u0302_{bmhwn} X_{bmchw}",
    ]


def test_formulas_in_latex() -> None:
    derivation = explain("i i d_model, d_model -> i")
    assert latex(derivation.notation) == (
        r"R_{i} = \sum_{\mathrm{d\_model}} A_{i, i, \mathrm{d\_model}} \, B_{\mathrm{d\_model}}"
    )
    assert derivation.to_latex().splitlines() == [
        r"\begin{aligned}",
        r"R_{i} &= \sum_{\mathrm{d\_model}} A_{i, i, \mathrm{d\_model}} \, B_{\mathrm{d\_model}} \\",
        r"\bar{A}_{i, i', \mathrm{d\_model}} &= \delta_{i i'} \, \bar{R}_{i} \, B_{\mathrm{d\_model}} \\",
        r"\bar{B}_{\mathrm{d\_model}} &= \sum_{i} \bar{R}_{i} \, A_{i, i, \mathrm{d\_model}}",
        r"\end{aligned}",
    ]


def test_a_typed_einsum_explains_itself_in_its_own_names() -> None:
    derivation = explain(attention_scores, "b=2,q=3,k=4,d=5")
    assert text(derivation.notation) == "attention_scores_{bqk} = Σ_d query_{bqd} key_{bkd}"
    assert "attention_scores[b, q, k] = total" in derivation.loops
    assert "torch.bmm(query, " in derivation.matrices.source


def test_a_typed_einsum_is_read_when_its_annotations_resolve() -> None:
    source = (
        "@typed_einsum(max='k')\n"
        "def best(x: Float[Later, 'b q'], y: Float[Later, 'b k q']) -> Float[Later, 'b']: ...\n"
    )
    names = defined(source, {"typed_einsum": typed_einsum}, future=True)
    with pytest.raises(errors.SignatureError):
        explain(names["best"])
    names["Later"] = Tensor
    assert text(explain(names["best"]).notation) == "best_b = max_k Σ_q x_{bq} y_{bkq}"


def test_variables_give_way_to_each_other_and_to_python() -> None:
    derivation = explain("b q in, b in -> q", {"q": 3, "b": 2, "in": 4}, names=("q", "max"))
    assert "for q_ in range(3):" in derivation.loops
    assert "q[b, q_, in_] * max_[b, in_]" in derivation.loops


def test_variadic_axes_are_spread_over_their_ranks() -> None:
    derivation = explain("*batch q, *batch k -> *batch q k", {"batch": (2, 3), "q": 4, "k": 5})
    assert [(index.label, index.name, index.size) for index in derivation.axes] == [
        ("batch_0", "*batch", 2),
        ("batch_1", "*batch", 3),
        ("q", "q", 4),
        ("k", "k", 5),
    ]
    assert [index.label for index in explain("...i, ...j -> ...ij").axes] == ["rest", "i", "j"]


def test_without_sizes_the_derivation_stays_general() -> None:
    derivation = explain("b q d, b k d -> b q k")
    assert derivation.cost.totals is None
    assert derivation.cost.work[0].count is None
    assert all(step.sizes is None for step in derivation.matrices.steps)
    assert "range(A.shape[0])" in derivation.loops
    assert "Give sizes to see the numbers." in str(derivation)


def test_too_many_axes_for_an_example() -> None:
    letters = "abcdefghijklmno"
    derivation = explain(f"{letters}->{letters[::-1]}")
    assert derivation.example is None
    assert "too many axes" in str(derivation)


def test_a_dearer_path_is_told() -> None:
    derivation = explain("ij,jk,kl->il", {"i": 2, "j": 300, "k": 5, "l": 700})
    other = derivation.cost.alternative
    assert other is not None
    assert other.path is not None
    assert other.operations == 3 * 2 * 300 * 5 * 700
    assert "the dearest order, pairs (1, 3), (1, 2)" in str(derivation).replace("\n", " ")


# What it refuses.


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: explain("b q, b k -> b q k", {"d": 3}),
            errors.ArgumentError,
            "ArgumentError[TE402]: `sizes` names `d`, which is not an axis of the equation\n"
            "help: the equation has `b`, `q`, `k`\n"
            "see: typed-einsum errors TE402",
        ),
        (
            lambda: explain("b query, b k -> b query k", {"qery": 3}),
            errors.ArgumentError,
            "ArgumentError[TE402]: `sizes` names `qery`, which is not an axis of the equation\n"
            "help: did you mean `query`?\n"
            "see: typed-einsum errors TE402",
        ),
        (
            lambda: explain("b q, b k -> b q k", {"b": 2.5}),
            errors.ArgumentError,
            "ArgumentError[TE409]: the size of `b` is 2.5, not a whole number\n"
            'help: write sizes={"b": 2}\n'
            "see: typed-einsum errors TE409",
        ),
        (
            lambda: explain("b q, b k -> b q k", "b=2, q"),
            errors.ArgumentError,
            "ArgumentError[TE409]: `q` is not a list of sizes\n"
            "help: write sizes as b=2,q=3,*batch=(4,5)\n"
            "see: typed-einsum errors TE409",
        ),
        (
            lambda: explain("b q, b k -> b q k", (2, 3, 5)),  # type: ignore[arg-type]
            errors.ArgumentError,
            "ArgumentError[TE409]: `explain` takes `sizes` as a mapping or a text, not a `tuple`\n"
            'help: write sizes={"b": 2, "q": 3}, or "b=2,q=3"\n'
            "see: typed-einsum errors TE409",
        ),
        (
            lambda: explain("b q -> q").to_svg("cells"),  # type: ignore[arg-type]
            errors.ArgumentError,
            "ArgumentError[TE402]: `cells` is not a form of picture\n"
            "help: the forms are wires, network and thumbnail\n"
            "see: typed-einsum errors TE402",
        ),
        (
            lambda: explain("b rgb=3, b k -> b rgb=3 k", {"rgb": 5}),
            errors.ShapeError,
            "ShapeError[TE203]: axis `rgb` is 5 in `sizes`, but the equation fixes it to 3\n"
            "help: leave `rgb` out of the sizes\n"
            "see: typed-einsum errors TE203",
        ),
        (
            lambda: explain("b q, b k -> b q k", names=("x",)),
            errors.ArgumentError,
            "ArgumentError[TE403]: `names` has 1 name, but the equation has 2 operands\n"
            "help: give one name for each operand, and at most one more for the result\n"
            "see: typed-einsum errors TE403",
        ),
        (
            lambda: explain(3),
            errors.ArgumentError,
            "ArgumentError[TE408]: `explain` was given a value of type `int`, which holds no equation\n"
            'help: pass a text such as "b q d, b k d -> b q k", or a function made by @typed_einsum\n'
            "see: typed-einsum errors TE408",
        ),
        (
            lambda: explain("b q -> q").to_text(steps=["loop"]),
            errors.ArgumentError,
            "ArgumentError[TE402]: `loop` is not a step of a derivation\n"
            "help: the steps are notation, axes, loops, vectors, matrices, cost, gradients, example, "
            "picture, thumbnail\n"
            "see: typed-einsum errors TE402",
        ),
    ],
)
def test_what_it_refuses(call: Any, kind: type[errors.TypedEinsumError], message: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message


@pytest.mark.parametrize("equation", ["bq,bk", "bq,bk->bz", "bq,bk->b", "bq,bk->bb"])
def test_a_wrong_equation_is_refused_as_einsum_refuses_it(equation: str) -> None:
    with pytest.raises(errors.EquationError) as by_einsum:
        einsum(equation)
    with pytest.raises(errors.EquationError) as by_explain:
        explain(equation)
    ours, theirs = by_explain.value.diagnostic, by_einsum.value.diagnostic
    assert (ours.code, ours.summary, ours.help) == (theirs.code, theirs.summary, theirs.help)


def test_sizes_as_text() -> None:
    assert read_sizes("b=2 , q=3  ...=(4,) *x=()") == {"b": 2, "q": 3, "...": (4,), "*x": ()}
    assert read_sizes("") == {}


# How it looks.


@settings(max_examples=60, derandomize=True, deadline=None)
@given(case=cases())
@pytest.mark.thorough
def test_every_format_of_a_random_equation(case: Case) -> None:
    derivation = explain(case.text, case.given, **case.options)
    assert derivation == explain(case.text, case.given, **case.options)
    again = explain(case.text, case.given, **case.options)
    for render in (str, *(lambda d, name=name: getattr(d, name)() for name in FORMATS)):
        assert render(derivation) == render(again)
    check_html(derivation)
    check_mathml(derivation)
    data = json.loads(derivation.to_json())
    assert [axis["size"] for axis in data["axes"]] == [index.size for index in derivation.axes]
    assert "\033" not in str(derivation)


FORMATS = ("to_text", "to_markdown", "to_latex", "to_mathml", "to_html", "to_svg", "to_json")


@pytest.mark.parametrize("row", EQUATIONS, ids=lambda row: row["equation"])
def test_pictures_of_equations_that_people_write(row: dict[str, Any]) -> None:
    try:
        derivation = explain(row["equation"])
    except errors.EquationError as error:
        assert error.code in {"TE101", "TE108"}
        return
    for form in ("wires", "network"):
        check_svg(derivation, form)


def check_html(derivation: Derivation) -> None:
    root = ElementTree.fromstring(derivation.to_html())
    found = [part for part in root if "einsum-step" in part.get("class", "")]
    steps = [part.get("class", "").split()[1].removeprefix("einsum-") for part in found]
    assert steps == [step for step in ORDER if step in STEPS]
    assert [part.tag for part in found] == ["div", *["details"] * (len(STEPS) - 1)]
    labels = {index.label for index in derivation.axes}
    assert {found.get("data-i") for found in root.iter("var")} <= labels
    identifiers = [found.get("id") for found in root.iter() if found.get("id")]
    assert len(set(identifiers)) == len(identifiers)


def check_mathml(derivation: Derivation) -> None:
    root = ElementTree.fromstring(derivation.to_mathml())
    assert root.tag == f"{MATHML}math"
    assert root.get("alttext") == text(derivation.notation)
    marked = [found for found in root.iter() if found.get("data-i")]
    tensors = (*derivation.subject.operands, derivation.subject.result)
    subject = derivation.subject
    wanted = sum(len(tensor.labels) for tensor in tensors) + len(subject.summed) + len(subject.maximised)
    assert len(marked) == wanted
    for found in marked:
        assert found.get("class") == f"role-{derivation.roles[found.get('data-i') or '']}"


def check_svg(derivation: Derivation, form: Any) -> None:
    root = ElementTree.fromstring(derivation.to_svg(form))
    assert root.tag == f"{SVG}svg"
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert description is not None
    assert derivation.equation in (title.text or "")
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    for index in derivation.axes:
        assert f"Axis {index.label} " in (description.text or "")
        # Every axis has a line in its own style, words in its own colour, and its role in the legend.
        role = f"role-{index.role.value}"
        own = [found for found in root.iter() if found.get("data-i") == index.label]
        assert all(role in (found.get("class") or "").split() for found in own)
        kinds = {found.tag for found in own}
        assert kinds >= {f"{SVG}path", f"{SVG}text"}
    legend = [found.text for found in root.findall(f"{SVG}g")[-1].iter(f"{SVG}text")]
    assert set(legend) == {index.role.value for index in derivation.axes}
    numbers = re.findall(r"-?\d+\.\d{2,}|nan|inf", derivation.to_svg(form).split("</style>")[1])
    assert numbers == []


def test_a_picture_fits_a_phone() -> None:
    """The flagship's and attention's, and that of names too long to lie side by side."""
    for derivation in (
        flagship(),
        explain("batch query d_model, batch key d_model -> batch query key", "d_model=512"),
        explain("bhqd,bhkd->bhqk"),
    ):
        root = ElementTree.fromstring(derivation.to_svg())
        assert float(root.get("width") or 0) <= NARROW + 16
    assert not layout(flagship().subject).turned
    assert layout(explain("a b c d e f g h, h g f e d c b a ->").subject).turned


def wires_cross(laid: Layout) -> int:
    """Two wires cross where their ends are in opposite order: they bend alike, so nowhere else."""
    return sum(
        (a.middle - c.middle) * (b.middle - d.middle) < 0 for (a, b), (c, d) in combinations(laid.links, 2)
    )


@pytest.mark.parametrize(
    ("equation", "wires", "arcs"),
    [
        ("bqd,bkd->bqk", 1, 0),
        ("ij,jk,kl->il", 0, 0),
        ("ijkl,lkmn->ijmn", 0, 0),
        ("ab,cd->abcd", 0, 0),
        ("ij,ij->", 0, 1),
        ("ij,ji->", 0, 0),
    ],
)
def test_only_crossings_that_the_order_of_axes_makes(equation: str, wires: int, arcs: int) -> None:
    laid = layout(explain(equation).subject)
    assert wires_cross(laid) == wires
    tracks = sorted((arc for arc in laid.arcs if len(arc.stems) > 1), key=lambda arc: arc.track)
    assert crossings([(arc.label, arc.stems) for arc in tracks]) == arcs


def test_arcs_that_cross_are_found() -> None:
    inner, outer = ("i", (2.0, 3.0)), ("j", (1.0, 4.0))
    assert crossings([inner, outer]) == 0
    assert crossings([outer, inner]) == 2


def test_contrast_in_light_and_dark() -> None:
    for colours in (LIGHT, DARK):
        for name in ("ink", "soft", *ROLES):
            assert contrast(colours[name], colours["surface"]) >= 4.5, name
    assert contrast("#777777", "#ffffff") < 4.5
    assert round(contrast("#000000", "#ffffff"), 2) == 21


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, by the formula of WCAG 2."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_no_two_roles_share_a_line_style() -> None:
    assert len({(DASHES[role], WIDTHS[role] if DASHES[role] == "none" else 0) for role in ROLES}) == len(
        ROLES
    )
    assert set(LIGHT) == set(DARK)


def test_colour_only_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    derivation = explain("i j, j k -> i k")
    plain, coloured = derivation.to_text(), derivation.to_text("ansi")
    assert re.sub(r"\033\[\d+m", "", coloured) == plain != coloured
    assert derivation.to_text("rich").startswith("i j, j k -> i k\n")
    assert "[red]j[/]" in derivation.__rich__()
    assert r"A\[i, j]" in derivation.__rich__()
    assert str(derivation) == plain
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert str(derivation) == coloured
    monkeypatch.setenv("NO_COLOR", "1")
    assert str(derivation) == plain


def test_markdown_of_some_steps() -> None:
    derivation = explain("i j, j k -> i k", {"i": 2, "j": 3, "k": 4})
    assert derivation.to_markdown(["notation", "axes"]) == (
        "## `i j, j k -> i k`\n\n"
        "### In index notation\n\n"
        "$$\nR_{i k} = \\sum_{j} A_{i j} \\, B_{j k}\n$$\n\n"
        "There is one number for each *i* and *k*. Summed away: *j*.\n\n"
        "### The axes\n\n"
        "| axis | size | role | why |\n"
        "| --- | ---: | --- | --- |\n"
        "| *i* | 2 | **free** of A | in A alone and in the result: kept as it is |\n"
        "| *j* | 3 | **contracted** | in A and B, not in the result: multiplied entry by entry, "
        "then summed |\n"
        "| *k* | 4 | **free** of B | in B alone and in the result: kept as it is |\n"
    )


def test_one_equation_twice_on_a_page() -> None:
    derivation = explain("i j, j k -> i k")
    page = f"<body>{derivation.to_html()}{derivation.to_html(prefix='second-')}</body>"
    found = [element.get("id") for element in ElementTree.fromstring(page).iter() if element.get("id")]
    assert len(set(found)) == len(found) == 8


def test_a_notebook_shows_it() -> None:
    derivation = explain("i j, j k -> i k")
    assert derivation._repr_html_() == derivation.to_html()
    assert derivation._repr_markdown_() == derivation.to_markdown()
    assert derivation._repr_svg_() == derivation.to_svg()
    assert "<script" in derivation.to_html()
    assert "<script" not in derivation.to_html(style=False)


def test_no_torch_is_imported_nor_needed() -> None:
    program = (
        "import sys\n"
        "sys.modules['torch'] = sys.modules['jaxtyping'] = None\n"
        "from typed_einsum import explain\n"
        "d = explain('b m c h w, b n m c -> b m h w', 'b=2 m=3 c=4 h=5 w=6 n=7', max='n')\n"
        "for name in ('to_text', 'to_markdown', 'to_latex', 'to_mathml', 'to_html', 'to_svg', 'to_json'):\n"
        "    assert getattr(d, name)()\n"
        "print(sorted(name for name in sys.modules if name.partition('.')[0] in ('numpy', 'opt_einsum')))\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("[]\n", "")


def test_two_processes_say_the_same() -> None:
    program = (
        "from typed_einsum import explain\n"
        "d = explain('b i i d, d -> b i', 'b=2 i=3 d=4')\n"
        "print(d.to_html() + d.to_json() + d.to_markdown())\n"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0] == said[1] != b""


def test_an_axis_that_shares_its_letter_with_a_tensor_has_one_name_in_a_sentence() -> None:
    html = re.sub("<[^>]+>", "", explain("bmc,bnmc->bmn", names=("a", "b", "best")).to_html())
    assert "best[b_, m, n] is the dot product of a[b_, m, :] and b[b_, n, m, :], along c." in html
