"""Names for axes that no annotation names: what says them, which wins, and what is not believed."""

# ruff: noqa: RUF059 - locals that hold a size are what the functions here are about.

from __future__ import annotations

import ast
import sys
import types
from collections.abc import Callable
from typing import Any

import einops
import pytest
import torch
from jaxtyping import Float
from torch import Tensor, nn

from typed_einsum import shapes
from typed_einsum.testing.names.comments import axes_in
from typed_einsum.testing.names.glossary import glossary_near
from typed_einsum.testing.names.legends import legend_of, shared_name, short_name


def notes(function: Callable[..., Any], *args: Any) -> dict[str, str]:
    """What a listing says of each local and parameter of the function itself; "" is the result."""
    found: dict[str, str] = {}
    for line in shapes(function, *args).functions[0].lines:
        for note in line.notes:
            found.update(dict.fromkeys(note.names or ("",), note.text))
    return found


def by_annotation(x: Float[Tensor, "batch time"]):
    b, t = x.shape
    return x.reshape(b * t)  # (n)


def by_local(x):
    b, t = x.shape
    torch.einsum("ij->ji", x)
    return x  # (n, m)


def by_callee(x):
    return by_local(x)


def by_equation(x):
    y = torch.einsum("ij->ji", x)  # (n, m)
    return y


def by_comment(x):
    y = x.transpose(0, 1)  # (n, m)
    return y


def by_docstring(x):
    """Turn it.

    x: (length, width)
    """
    return x.mT


def by_nothing(x):
    return x.mT


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (by_annotation, "(batch, time)"),
        (by_local, "(b, t)"),
        (by_callee, "(b, t)"),
        (by_equation, "(i, j)"),
        (by_comment, "(m, n)"),
        (by_docstring, "(length, width)"),
        (by_nothing, "(x0, x1)"),
    ],
)
def test_the_most_telling_evidence_names_an_axis(function: Callable[..., Any], told: str) -> None:
    assert notes(function, torch.zeros(3, 5))["x"] == told


class Widened(nn.Module):
    def __init__(this, width: int) -> None:
        super().__init__()
        this.width, this.layer = width, nn.Linear(width, width)

    def forward(this, x: Tensor) -> Tensor:
        z = x.new_zeros(x.shape[0], this.width)
        y = x.new_zeros(x.shape[0], this.width * 2)
        return z + y[:, ::2]


def test_what_a_method_reads_from_its_object_names_axes() -> None:
    """Whatever the method calls its object."""
    told = notes(Widened(11), torch.zeros(3, 5))
    assert told["z"] == "(x0, width)"
    assert told["y"] == "(x0, width*2)"


def test_every_name_says_where_it_comes_from() -> None:
    [batch, time] = shapes(by_annotation, torch.zeros(3, 5)).axes
    assert (batch.name, batch.size, batch.source) == ("batch", 3, "annotation")
    line = by_local.__code__.co_firstlineno + 1
    first = shapes(by_callee, torch.zeros(3, 5)).axes[0]
    assert first.source == f"local in by_local, line {line}"
    assert first.others[0] == f"`i` (equation in by_local, line {line + 1})"
    assert time.others == (f"`t` (local in by_annotation, line {by_annotation.__code__.co_firstlineno + 1})",)


def test_a_glossary_names_what_nothing_else_does(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.typed-einsum.names]\nx = "rows columns"\n')
    monkeypatch.chdir(tmp_path)
    assert glossary_near() == {"x": "rows columns"}
    assert notes(by_nothing, torch.zeros(3, 5)) == {"x": "(rows, columns)", "": "(columns, rows)"}


def test_the_command_takes_a_glossary_for_no_option(tmp_path: Any) -> None:
    from typed_einsum.cli.settings import settings_near

    (tmp_path / "pyproject.toml").write_text(
        '[tool.typed-einsum]\nignore = ["TE2"]\n[tool.typed-einsum.names]\nx = "rows columns"\n'
    )
    assert settings_near(tmp_path).ignore == ("TE2",)


class Heads(nn.Module):
    """Eight heads in as many layers: two numbers that are equal by chance."""

    def __init__(self, width: int, heads: int, layers: int) -> None:
        super().__init__()
        self.heads, self.layers = heads, layers
        self.wide = nn.Linear(width, 4 * width)
        self.back = nn.Linear(4 * width, width)

    def forward(self, x):
        b, t, width = x.shape
        y = self.wide(x)
        z = self.back(y).view(b, t, self.heads, width // self.heads)
        return self.deep(z)

    def deep(self, z):
        one = z.new_zeros(self.layers, 5)
        return z.transpose(1, 2) + one.sum()


def test_numbers_are_named_by_what_makes_them() -> None:
    found = notes(Heads(40, 8, 8), torch.zeros(2, 7, 40))
    assert found == {
        "x": "(b, t, width)",
        "y": "(b, t, 4*width)",
        "z": "(b, t, heads, width//heads)",
        "": "(b, heads, t, width//heads)",
    }


class BuiltLater(nn.Module):
    """Its layers are built in a method of its own, which others inherit, and put into a list."""

    def __init__(self, width: int, hidden: int, out: int) -> None:
        super().__init__()
        self.width, self.hidden, self.out = width, hidden, out
        self.build()

    def build(self) -> None:
        layers: list[nn.Module] = [nn.Linear(self.width, self.hidden)]
        layers.append(nn.Linear(self.hidden, self.hidden))
        layers.append(nn.Linear(self.hidden, self.out))
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class Inherits(BuiltLater):
    pass


@pytest.mark.parametrize("kind", [BuiltLater, Inherits])
def test_numbers_are_named_by_layers_that_a_method_builds_into_a_list(kind: type) -> None:
    found = shapes(kind(5, 7, 3), torch.zeros(2, 5)).functions[0]
    assert [note.text for line in found.lines for note in line.notes] == [
        "(x0, width)",
        "(x0, hidden), then (x0, out)",
        "(x0, out)",
    ]


class Alike(nn.Module):
    """Nothing tells which call has built which layer, for the numbers are those of arguments."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(width, hidden), nn.Linear(hidden, width)])

    def forward(self, x: Tensor) -> Tensor:
        return self.layers[1](self.layers[0](x))


def test_layers_in_a_list_name_no_number_that_another_call_may_have_given() -> None:
    assert notes(Alike(9, 11), torch.zeros(2, 9)) == {"x": "(x0, 9)", "": "(x0, 9)"}


class Registers(nn.Module):
    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.kept = nn.Parameter(torch.zeros(count, width))
        self.scale = nn.Parameter(torch.zeros((count, 5)))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.kept, x)) * x.shape[0] + self.scale.sum()


def test_numbers_are_named_by_what_parameters_are_made_of() -> None:
    assert notes(Registers(11, 13), torch.zeros(3, 13))["x"] == "(x0, width)"


def test_equal_numbers_keep_the_names_that_their_functions_say() -> None:
    deep = shapes(Heads(40, 8, 8), torch.zeros(2, 7, 40)).functions[1]
    assert [note.text for line in deep.lines for note in line.notes][1] == "(layers, 5)"


def wrong_comment(x):
    y = x.transpose(0, 1)  # (n, n)
    z = y[:, :2]  # (n, 3)
    return y, z


def test_a_comment_that_speaks_of_another_shape_is_not_believed() -> None:
    assert notes(wrong_comment, torch.zeros(3, 5))["y"] == "(x1, x0)"
    assert notes(wrong_comment, torch.zeros(3, 5))["z"] == "(x1, 2)"


def composed(x, w):
    b, t, h, d = x.shape
    merged = x.reshape(b * t, h * d)
    half = merged[:, ::2]
    joined = torch.cat([x, x[:, 1:]], dim=1)
    return joined, half, merged @ w


def padded_alike(x, y):
    b, t = x.shape
    quotient = t**2 // t
    padded = torch.cat((torch.zeros(4, b), x.mT)) + torch.cat((torch.zeros(4, y.shape[1]), y))
    return padded + torch.zeros(quotient + 4, 1)


def test_axes_are_one_where_sums_and_quotients_of_them_had_to_be() -> None:
    told = notes(padded_alike, torch.ones(2, 3), torch.ones(3, 2))
    assert (told["y"], told["quotient"], told[""]) == ("(t, b)", "t", "(t+4, b)")


def test_sizes_are_expressions_of_names() -> None:
    found = notes(composed, torch.zeros(2, 3, 5, 4), torch.zeros(20, 7))
    assert found["merged"] == "(b*t, h*d)"
    assert found["w"] == "(h*d, w1)"
    assert found["joined"] == "(b, 2*t-1, h, d)"
    assert found["half"] == "(b*t, (h*d+1)//2)"


def two_names(x):
    b, t = x.shape
    return inner(x)


def inner(y):
    batch, length = y.shape
    return y * batch


def test_an_axis_has_one_name_in_all_functions() -> None:
    listing = shapes(two_names, torch.zeros(3, 5))
    assert [line.notes[0].text for each in listing.functions for line in each.lines if line.notes][:2] == [
        "(b, t)",
        "(b, t)",
    ]
    assert "`batch` (local in inner" in listing.axes[0].others[0]


@pytest.mark.parametrize(
    ("text", "axes"),
    [
        ("(B, nh, T, hs)", [["B", "nh", "T", "hs"]]),
        ("(B, nh, T, hs) x (B, nh, hs, T) -> (B, nh, T, T)", [["B", "nh", "T", "T"]]),
        ("token embeddings of shape (b, t, n_embd)", [["b", "t", "n_embd"]]),
        ("[b h t d]", [["b", "h", "t", "d"]]),
        ("B x C x H x W", [["B", "C", "H", "W"]]),
        ("x (Tensor): the input", []),
        ("see f(x, y=3)", []),
    ],
)
def test_shapes_are_read_from_comments(text: str, axes: list[list[str]]) -> None:
    assert axes_in(text) == axes


def value(text: str, sizes: dict[str, int]) -> tuple[int, ...]:
    """A shape that a listing says, at some sizes."""
    found: tuple[int, ...] = eval(compile(ast.parse(text, mode="eval"), "<shape>", "eval"), {}, sizes)
    return found


def windows(x):
    _, _, h, w = x.shape
    padded = torch.cat([x, x.new_zeros(*x.shape[:2], -h % 3, w)], 2)
    small = nn.functional.avg_pool2d(padded, 2)
    rows = small.flatten(2).transpose(1, 2)
    return rows @ rows.mT


@pytest.mark.parametrize("other", [(3, 2, 7, 10), (2, 5, 12, 9), (7, 1, 4, 4)])
def test_what_is_said_holds_at_other_sizes(other: tuple[int, ...]) -> None:
    told = notes(windows, torch.zeros(2, 3, 11, 8))
    x = torch.zeros(other)
    sizes = dict(zip(["x0", "x1", "h", "w"], other, strict=True))
    b, _, h, w = other
    padded = torch.cat([x, x.new_zeros(*x.shape[:2], -h % 3, w)], 2)
    small = nn.functional.avg_pool2d(padded, 2)
    rows = small.flatten(2).transpose(1, 2)
    assert value(told["padded"], sizes) == tuple(padded.shape)
    assert value(told["small"], sizes) == tuple(small.shape)
    assert value(told["rows"], sizes) == tuple(rows.shape)
    assert value(told[""], sizes) == (b, rows.shape[1], rows.shape[1])


def looped(x):
    b, t = x.shape
    for _ in range(t):
        x = torch.cat([x, x[:, :1]], dim=1)
    return x * b**-0.5


def test_a_size_that_python_needs_is_said_where_shapes_depend_on_it() -> None:
    assert notes(looped, torch.zeros(3, 4))[""] == "(b, t+4)"
    assert shapes(looped, torch.zeros(3, 4)).extent == "for all sizes with t == 4"


def by_einops_einsum(x, y):
    return einops.einsum(x, y, "rows mid, mid columns -> rows columns")


def by_turns(x):
    y = torch.einsum("bij->bji", x) + x
    n = y.shape[-1]
    return y[:, :n]


def test_letters_that_an_equation_has_by_turns_come_after_other_names() -> None:
    assert notes(by_turns, torch.zeros(2, 3, 3))["x"] == "(b, n, n)"


def test_what_a_library_passes_on_names_nothing() -> None:
    listing = shapes(by_einops_einsum, torch.zeros(2, 3), torch.zeros(3, 5))
    assert [(axis.name, axis.others) for axis in listing.axes] == [("rows", ()), ("mid", ()), ("columns", ())]


def outer_sum(pattern: str, x: Tensor, y: Tensor) -> Tensor:
    """As einx computes: every size is asked for as a number."""
    rows, columns = (int(size) for each in (x, y) for size in each.shape[:1])
    return x.reshape(rows, 1) + y.reshape(1, columns)


def kept_mask(pattern: str, mask: Tensor, x: Tensor) -> Tensor:
    assert [int(size) for size in mask.shape] == [int(size) for size in x.shape[:2]]
    return torch.where(mask[..., None], x, 0.0)


def uses_einx(mask, x, y):
    einx = sys.modules["einx"]
    kept = einx.kept_mask("b [n], b n ... -> b n ...", mask, x)
    return einx.outer_sum("i, j -> i j", kept[:, 0, 0], y)


def test_einx_keeps_symbols_and_names_axes(monkeypatch: pytest.MonkeyPatch) -> None:
    library = types.ModuleType("einx")
    vars(library).update(outer_sum=outer_sum, kept_mask=kept_mask)
    monkeypatch.setitem(sys.modules, "einx", library)
    mask, x, y = torch.ones(2, 3, dtype=torch.bool), torch.ones(2, 3, 7), torch.ones(5)
    told = notes(uses_einx, mask, x, y)
    assert (told["mask"], told["x"], told["kept"], told[""]) == (
        "(b, n)",
        "(b, n, x2)",
        "(b, n, x2)",
        "(b, j)",
    )
    assert str(shapes(uses_einx, mask, x, y)).endswith("for all sizes")
    assert library.outer_sum is outer_sum
    assert uses_einx(mask, x, y).shape == (2, 5)


def sized_mean(pattern: str, x: Tensor, *, keepdims: bool = False) -> Tensor:
    """As einx computes: every size is asked for as a number."""
    sizes = [int(size) for size in x.shape]
    return x.reshape(sizes).mean(1, keepdim=keepdims)


def sized_softmax(pattern: str, x: Tensor) -> Tensor:
    return x.reshape([int(size) for size in x.shape]).softmax(1)


def without_arrows(x):
    einx = sys.modules["einx"]
    weights = einx.sized_softmax("b [t] d", x)
    return einx.sized_mean("b [t] d", weights)


def sized_split(pattern: str, x: Tensor, *, h: int) -> Tensor:
    b, t, d = (int(size) for size in x.shape)
    return x.reshape(b, t, h, d // h).transpose(1, 2)


def split_by_einx(x):
    return sys.modules["einx"].sized_split("b t (h k) -> b h t k", x, h=3)


def test_an_axis_that_einx_splits_is_divisible(monkeypatch: pytest.MonkeyPatch) -> None:
    library = types.ModuleType("einx")
    vars(library).update(sized_split=sized_split)
    monkeypatch.setitem(sys.modules, "einx", library)
    told = notes(split_by_einx, torch.ones(2, 7, 15))
    assert (told["x"], told[""]) == ("(b, t, x2)", "(b, h, t, k)")
    assert shapes(split_by_einx, torch.ones(2, 7, 15)).extent == "for all sizes with x2 % 3 == 0"


def keeping_axes(x):
    einx = sys.modules["einx"]
    return einx.sized_mean("b [t] d", x, keepdims=True)


def test_brackets_without_an_arrow_are_what_a_mean_drops_and_a_softmax_keeps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Which of both is so the result says; where it is neither, einx is left to itself."""
    library = types.ModuleType("einx")
    vars(library).update(sized_mean=sized_mean, sized_softmax=sized_softmax)
    monkeypatch.setitem(sys.modules, "einx", library)
    told = notes(without_arrows, torch.ones(2, 3, 7))
    assert (told["x"], told["weights"], told[""]) == ("(b, t, d)", "(b, t, d)", "(b, d)")
    assert str(shapes(without_arrows, torch.ones(2, 3, 7))).endswith("for all sizes")
    assert notes(keeping_axes, torch.ones(2, 3, 7))[""] == "(b, 1, d)"


LEGEND = '''
"""
ein notation:

b - batch
dp - feature dimension (pairwise)
d - feature dimension
n - tokens
i - tokens (source)
j - tokens (target)
"""

class A:
    def f(self, x):
        """q - a parameter
        k - another
        v - one more"""
        "w - windows"
        return x

# E: number of experts
# S: sequence length
# M: memory length
n = 3  # n - not in a row
'''


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("batch", "b"),
        ("dim_pairwise", "dp"),
        ("dim", "d"),
        ("num_experts", "E"),
        ("seq_len", "S"),
        ("tokens", "n"),
        ("windows", None),
        ("parameter", None),
        ("length", None),
        ("b", None),
    ],
)
def test_a_legend_gives_the_short_name(name: str, short: str | None) -> None:
    found = short_name(name, legend_of(tuple(LEGEND.splitlines(keepends=True))))
    assert (None if found is None else found[0]) == short


def test_a_legend_says_what_letters_are_by_turns() -> None:
    legend = legend_of(tuple(LEGEND.splitlines(keepends=True)))
    found = [shared_name(names, legend) for names in (["i", "j"], ["i", "d"], ["i"], ["i", "k"])]
    assert [None if each is None else each[0] for each in found] == ["n", None, None, None]


def test_a_legend_that_cannot_be_read_has_nothing() -> None:
    assert legend_of(("def f(:\n",)) == {}


def with_first(x):
    sums = x.cumsum(1)
    longer = torch.cat([sums[:, :1], sums], 1)
    return triangle(x), triangle(longer)


def triangle(x):
    T = x.size(1)
    return x[:, None, :] * torch.ones(T, T).tril()


def test_what_a_function_calls_several_sizes_names_none_elsewhere() -> None:
    found = notes(with_first, torch.zeros(3, 4))
    assert found["longer"] == "(x0, T+1)"
