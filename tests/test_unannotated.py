"""Observed calls without annotations: audited with names of their own, stored, and shown as pages."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from typed_einsum import shapes
from typed_einsum.errors import SignatureError
from typed_einsum.testing import lint
from typed_einsum.testing.audit.dimensions import Factor, TrackedAxes, unknown
from typed_einsum.testing.axes.undecided import in_plain_words
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.inputs.recipe import Recipe
from typed_einsum.testing.listing.apart import separated
from typed_einsum.testing.listing.auditing import _others, audited
from typed_einsum.testing.listing.named import names_of
from typed_einsum.testing.listing.needed import told_apart
from typed_einsum.testing.listing.pages import equations_in, name_of, pages
from typed_einsum.testing.listing.running import call_of, recorded, recorded_call, recorded_on_values
from typed_einsum.testing.listing.stored import is_better
from typed_einsum.testing.observe.records import Found, Function, Observations, Pattern
from typed_einsum.testing.observe.unannotated import looked_at


def merge(x):
    b, h, t, d = x.shape
    return x.reshape(b, t, h * d)


def merge_right(x):
    b, h, t, d = x.shape
    return x.transpose(1, 2).reshape(b, t, h * d)


def centred(x):
    b, _ = x.shape
    return (x - x.mean(0)) / b


def found(function: Callable[..., Any], *args: Any) -> list[tuple[str, str]]:
    signature = inspect.signature(function)
    bound = dict(signature.bind(*args).arguments)
    call = Call(function, Recipe(signature, {}), bound, {}, origin="observed")
    ran = told_apart(separated(recorded_call(call)))
    return [(each.code, each.severity) for each in audited(call, ran, names_of(ran, {}))]


def test_a_silent_bug_is_found_although_all_sizes_are_equal() -> None:
    assert ("TE703", "error") in found(merge, torch.zeros(4, 4, 4, 4))


def test_its_repaired_twin_is_silent() -> None:
    assert found(merge_right, torch.zeros(4, 4, 4, 4)) == []


def test_what_needs_an_intention_is_advice() -> None:
    told = found(centred, torch.randn(5, 3))
    assert {severity for _, severity in told} <= {"advice"}


def picked(scores, x):
    best = scores.topk(2, dim=1).indices
    return x.gather(2, best.unsqueeze(1).expand(-1, x.shape[1], -1))


def test_axes_that_no_code_names_may_be_one_where_their_sizes_are() -> None:
    assert ("TE716", "error") not in found(picked, torch.rand(2, 7), torch.rand(2, 3, 7))


def test_a_call_is_followed_with_all_functions_that_it_goes_through(tmp_path: Path) -> None:
    looked = looked_at(outer, {"x": torch.zeros(2, 3, 5, 7)}, tmp_path, 10.0, audit=True)
    assert looked.reason == ""
    assert [listing["signature"] for listing in looked.listings.values()] == [
        "x (b, h, t, d) -> (b, t, h*d)",
        "x (b, h, t, d) -> (b, t, h*d)",
    ]
    line = merge.__code__.co_firstlineno + 2
    assert [(each.code, each.line) for each in looked.findings] == [("TE703", line)]


class Skipped(nn.Module):
    """Its image has the size that one of its layers has channels, and half of it is another layer's."""

    def __init__(self):
        super().__init__()
        self.size = 32
        self.first = nn.Conv2d(3, 32, 3, padding=1)
        self.down = nn.Conv2d(64, 32, 1)
        self.up = nn.ConvTranspose2d(32, 16, 2, stride=2)
        self.last = nn.Conv2d(32, 32, 1)

    def forward(self, x):
        b, c, h, w = x.shape
        assert c == self.first.in_channels
        assert h == self.size
        assert w == self.size
        kept, shift = self.first(x).chunk(2, dim=1)
        patches = kept.reshape(b, 16, h // 2, 2, w // 2, 2).permute(0, 1, 3, 5, 2, 4)
        inner = self.down(patches.reshape(b, 64, h // 2, w // 2))
        return self.last(torch.cat([self.up(inner) + shift, kept], dim=1))


class Heads(nn.Module):
    """Attention over the places of an image; what it attends to has learned entries in front."""

    def __init__(self, is_right):
        super().__init__()
        self.is_right = is_right
        self.qkv = nn.Conv2d(6, 60, 1)
        self.kept = nn.Parameter(torch.randn(2, 4, 3, 5))

    def forward(self, x):
        b, _, h, w = x.shape
        q, k, v = (part.reshape(b, 4, 5, h * w).mT for part in self.qkv(x).chunk(3, dim=1))
        kept = self.kept.unsqueeze(1).expand(2, b, 4, 3, 5)
        k, v = torch.cat([kept[0], k], dim=2), torch.cat([kept[1], v], dim=2)
        out = (q @ k.mT).softmax(-1) @ v
        return (out.mT if self.is_right else out).reshape(b, 20, h, w)


def test_axes_without_a_name_beside_a_named_one_are_mixed_too() -> None:
    x = torch.randn(2, 6, 7, 8)
    assert found(Heads.forward, Heads(is_right=False), x) == [("TE703", "error")]
    assert found(Heads.forward, Heads(is_right=True), x) == []


def shifted(scores):
    b, h, q, k = scores.shape
    padded = torch.cat([scores.new_zeros(b, h, q, 1), scores], -1)
    return padded.view(b, h, k + 1, q)[:, :, 1:].reshape(b, h, q, k)


def test_a_relative_shift_views_padded_rows_anew() -> None:
    assert found(shifted, torch.randn(2, 3, 7, 5)) == []


def test_a_size_that_two_axes_have_says_neither() -> None:
    tracked = TrackedAxes({"h": 32, "w": 32, "c": 3})
    assert (tracked.by_size(32), tracked.by_size(3)) == (unknown(32), (Factor("c", 3),))
    assert found(Skipped.forward, Skipped(), torch.randn(2, 3, 32, 32)) == []


def test_an_axis_that_the_code_compares_with_a_number_keeps_its_name() -> None:
    listing = shapes(Skipped(), torch.randn(2, 3, 32, 32))
    (function,) = listing.functions
    notes = {name: note.text for line in function.lines for note in line.notes for name in note.names}
    assert (notes["x"], notes["kept"]) == ("(b, c, h, w)", "(b, 16, h, w)")
    assert listing.extent == "for all sizes with c == 3, h == 32, w == 32"


def halved(x):
    b, h, w = x.shape
    return x[:, : h // 2], x.new_zeros(b, w, 6)


def test_sizes_of_a_call_that_something_else_has_do_not_tell_its_axes_apart() -> None:
    call = call_of(halved, (torch.randn(5, 12, 7),), {})[0]
    ran = recorded_call(call)
    assert sorted({*_others(ran, {ran.final(symbol): ran.sizes[symbol] for symbol in ran.places})}) == [6]


def masked_from_lengths(lengths, width=None):
    assert (lengths >= 0).all()
    width = int(lengths.max()) if width is None else width
    return torch.arange(width) < lengths.unsqueeze(-1)


def counted_by_values(x, lengths):
    b, t = x.shape
    mask = masked_from_lengths(lengths)
    return (
        x[x > 0],
        mask.expand(b, *mask.shape),
        torch.zeros(int(lengths[0])),
        torch.nn.functional.pad(x, (2, 0)).view(b, t + 2),
    )


@pytest.mark.skipif(
    torch.__version__.startswith("2.6."), reason="torch 2.6 does not follow sizes that values decide"
)
def test_values_choose_the_path_and_no_size_that_they_decide_becomes_a_number(tmp_path: Path) -> None:
    x, lengths = torch.tensor([[1.0, -2.0, 3.0], [4.0, -5.0, -6.0]]), torch.tensor([3, 4, 1, 2, 2])
    looked = looked_at(counted_by_values, {"x": x, "lengths": lengths}, tmp_path, 60.0, audit=False)
    (outer,), (inner,) = (
        looked.signatures[__file__, function.__code__.co_firstlineno]
        for function in (counted_by_values, masked_from_lengths)
    )
    assert {name: each["axes"] for name, each in outer["arguments"].items()} == {
        "x": ["b", "t"],
        "lengths": ["lengths0"],
    }
    axes = [each["axes"] for each in outer["result"]["items"].values()]
    assert axes == [["result0_0"], ["b", "lengths0", "result1_2"], ["result2_0"], ["b", "t+2"]]
    assert inner["result"]["axes"] == ["lengths0", "result1"]


class Cut(torch.nn.Module):
    """Keeps as many channels as a buffer says."""

    kept: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(5, 4)
        self.register_buffer("kept", torch.tensor([3]))

    def forward(self, x):
        b, _ = x.shape
        return self.linear(x)[:, : int(self.kept[0])].reshape(b, -1)


def test_values_of_a_module_choose_the_path_too(tmp_path: Path) -> None:
    looked = looked_at(Cut.forward, {"self": Cut(), "x": torch.ones(7, 5)}, tmp_path, 60.0, audit=False)
    (signature,) = looked.signatures[__file__, Cut.forward.__code__.co_firstlineno]
    assert signature["arguments"]["x"]["axes"] == ["b", "5"]
    assert signature["result"]["axes"] == ["b", "result1"]


class Named(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.cut = Cut()

    def forward(this, x):
        return this.cut(x)


def test_values_of_a_module_are_known_whatever_a_method_calls_it(tmp_path: Path) -> None:
    looked = looked_at(Named.forward, {"this": Named(), "x": torch.ones(7, 5)}, tmp_path, 60.0, audit=False)
    (signature,) = looked.signatures[__file__, Named.forward.__code__.co_firstlineno]
    assert signature["arguments"]["x"]["axes"] == ["b", "5"]


def test_a_call_that_torch_cannot_follow_says_why(tmp_path: Path) -> None:
    looked = looked_at(merge, {"x": 3}, tmp_path, 60.0, audit=False)
    assert looked.reason == "following it ended with AttributeError: 'int' object has no attribute 'shape'"


def area(box, points):
    left, top, right, bottom = box.unbind(-1)
    return (right - left) * (bottom - top) + points[..., 2].sum() + sum(points[0].unbind())


def test_axes_that_code_takes_apart_or_reads_to_the_end_are_told(tmp_path: Path) -> None:
    passed = {"box": torch.ones(7, 4), "points": torch.ones(5, 3)}
    looked = looked_at(area, passed, tmp_path, 60.0, audit=False)
    (signature,) = looked.signatures[__file__, area.__code__.co_firstlineno]
    assert signature["unpacked"] == ["box1"]
    assert "points1" in signature["last_read"]


def is_alone(mask):
    if mask.sum() == 1:
        return mask
    return ~mask


def is_many(mask):
    return mask if mask.sum() ** 2 > mask.numel() else ~mask


def counted(mask):
    return [mask for _ in range(mask.sum())]


@pytest.mark.parametrize(
    ("function", "said", "line"),
    [
        (is_alone, "the values of a tensor decide the path", "if mask.sum() == 1:"),
        (
            is_many,
            "the values of a tensor decide the path",
            "return mask if mask.sum() ** 2 > mask.numel() else ~mask",
        ),
        (
            counted,
            "it needs a number that the values of a tensor make",
            "return [mask for _ in range(mask.sum())]",
        ),
    ],
)
def test_what_values_decide_is_said_in_plain_words(function: Any, said: str, line: str) -> None:
    trace = recorded(function, (torch.ones(3, dtype=torch.bool),), {}).trace
    assert trace is not None
    error = trace.error
    assert error is not None
    number = function.__code__.co_firstlineno + 1
    assert in_plain_words(error) == f"{said}, line {number} of test_unannotated.py: `{line}`"
    assert in_plain_words(ValueError("bad\nworse")) == "ValueError: bad"


def test_values_of_a_parameter_that_is_passed_choose_the_path(tmp_path: Path) -> None:
    def first(weight, x):
        return x[: int(weight.sum())]

    weight = torch.nn.Parameter(torch.ones(2, 1))
    looked = looked_at(first, {"weight": weight, "x": torch.ones(7, 5)}, tmp_path, 60.0, audit=False)
    (signature,) = looked.signatures[__file__, first.__code__.co_firstlineno]
    assert signature["result"]["axes"] == ["result0", "x1"]


def test_a_call_whose_values_are_not_at_hand_is_followed_as_far_as_its_shapes_go() -> None:
    signature = inspect.signature(masked_from_lengths)
    bound = dict(signature.bind(torch.empty(4, dtype=torch.int64, device="meta")).arguments)
    ran = recorded_call(Call(masked_from_lengths, Recipe(signature, {}), bound, {}, origin="observed"))
    assert recorded_on_values(ran) is ran


def test_lint_says_what_it_finds_in_the_names_of_the_code() -> None:
    x = torch.zeros(2, 3, 5, 7)
    report = lint(merge, x)
    assert report.findings[0].message.startswith(
        "a reshape from (b, h, t, d) to (b, t, h*d) mixes `h`, `t` and `d`: "
    )
    assert "b=2 h=3 t=5 d=7" in str(report)


def outer(x):
    return merge(x)


def test_what_raises_is_kept_out_of_the_program(tmp_path: Path) -> None:
    assert looked_at(merge, {"x": 3}, tmp_path, 10.0, audit=True).findings == ()


PROGRAM = """\
import torch


def merge(x):
    b, h, t, d = x.shape
    return x.reshape(b, t, h * d)


if __name__ == "__main__":
    merge(torch.zeros(4, 4, 4, 4))
"""

WRONG = "TE703 a reshape from (b, h, t, d) to (b, t, h*d) mixes `h`, `t` and `d`: "


@pytest.mark.thorough
def test_the_commands_tell_of_functions_without_annotations(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text(PROGRAM)

    def command(*words: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "typed_einsum.cli", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    assert command("run", "plain.py") == (0, "")
    status, report = command("report")
    assert (status, f"plain.py:6:1: {WRONG}" in report) == (1, True)
    assert f"plain.py:6:1: {WRONG}" in command("check", "plain.py")[1]
    assert command("html") == (0, f"wrote {tmp_path / '.typed-einsum' / 'html' / 'index.html'}\n")
    assert "(b, t, h*d)" in re.sub(
        r"<[^>]*>", "", (tmp_path / ".typed-einsum/html/plain.py.html").read_text()
    )


FINALIZED = """
import sys
import weakref

class Library:
    pass

library = Library()
weakref.finalize(library, print, "finalized", file=sys.stderr)

import torch

def rows(x):
    b, t = x.shape
    return x.sum(1)

rows(torch.ones(2, 3))
"""


def test_calls_are_followed_at_the_end_before_torch_finalizes_its_operators(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text(FINALIZED)
    done = subprocess.run(
        [sys.executable, "-m", "typed_einsum.cli", "run", "plain.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    told, finalized = done.stderr.splitlines()
    assert told.startswith("typed-einsum: 1 function observed")
    assert finalized == "finalized"


@pytest.mark.parametrize("given", [lint, shapes])
def test_what_cannot_be_called_is_refused(given: Callable[..., Any]) -> None:
    with pytest.raises(SignatureError, match=r"TE506\]: a value of type `int` cannot be run"):
        given(5)


def listing(**more: Any) -> dict[str, Any]:
    data = {
        "extent": "for all sizes with t <= 64",
        "notes": {"1": [[["x"], "(b, t)"]], "2": [[["y"], "(t, b)"]], "3": [[[], "(t, b)"]]},
        "not_run": [],
        "axes": [["b", 2, "local in turned, line 2"], ["t", 3, "its place in the argument"]],
        "calls": 1,
        "signature": "x (b, t) -> (t, b)",
        "last": 3,
    }
    return {**data, **more}


SOURCE = """\
def turned(x):  # <script>
    y = torch.einsum("b t -> t b", x)
    return y
"""


def test_a_page_shows_source_shapes_findings_and_derivations(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(SOURCE)
    wrong = Found("TE703", "error", "a <b> reshape", "model.py", 2)
    pattern = Pattern({"x": {"tensor": "f32", "shape": [2, 3]}}, None, "returned", findings=(wrong,))
    quiet = Function("a.py", 1, "quiet", patterns=(Pattern({}, text="it has no shape annotations"),))
    loud = Function("model.py", 1, "turned", patterns=(pattern,), listing=listing())
    made = dict(pages(Observations((quiet, loud)), tmp_path))
    assert sorted(made) == ["index.html", "model.py.html"]
    page, index = made["model.py.html"], made["index.html"]
    assert "# &lt;script&gt;" in page
    assert "<strong>TE703</strong> a &lt;b&gt; reshape" in page
    assert '<div id="L2">' in page
    assert "for all sizes with t &lt;= 64" in page
    assert re.search(r'<b>y </b>\(<var class="role-\w+">t</var>, <var class="role-\w+">b</var>\)', page)
    assert "derivation of <code>b t -&gt; t b</code>" in page
    assert "seen: x f32[2, 3]" in page
    assert index.index("turned") < index.index("quiet"), "the worst comes first"
    assert 'data-axes="b t"' in index
    for text in made.values():
        assert not re.search(
            r'(src|href)="(?!index\.html|model\.py\.html|a\.py\.html)', text.split("</style>")[-1]
        )


@pytest.mark.parametrize(("file", "page"), [("src/a/b.py", "src_a_b.py.html"), ("/x/é.py", "x_é.py.html")])
def test_pages_are_named_after_files(file: str, page: str) -> None:
    assert name_of(file) == page


def test_equations_are_literals_of_einsum() -> None:
    text = 'einsum("a b -> b a", x)\nnp.einsum("ab->ba", x)\neinsum(text, x)\nother("a", x)\n'
    assert list(equations_in(text)) == [(1, "a b -> b a"), (2, "ab->ba")]
    assert list(equations_in("def broken(")) == []


def test_the_listing_with_more_names_is_kept() -> None:
    placed = listing(axes=[["x0", 2, "its place in the argument"], ["x1", 3, "its place in the argument"]])
    fewer = listing(notes={"1": [[["x"], "(b, t)"]]})
    assert is_better(listing(), placed)
    assert not is_better(placed, listing())
    assert not is_better(fewer, listing())
    assert is_better(listing(), listing())
